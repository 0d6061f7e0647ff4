import { fill } from '../base/fill.ts'
import type { EditedMessage } from '../edit/edit.ts'
import type { Finding } from '../operations/confirmations.ts'
import type { Verification } from '../operations/read-back.ts'
import type { Attempt, EditRow, RedeliveryOutcome } from '../outbox/outbox.ts'
import { explain } from './explain.ts'
import { html, type Html } from './html.ts'
import type { View } from './page.ts'
import { explained, foreign, time } from './parts.ts'

export interface EditStory {
  readonly edit: EditRow
  readonly attempts: readonly Attempt[]
  readonly finding: Finding
  /** What an action has just done or found. */
  readonly outcome?: RedeliveryOutcome | undefined
  readonly content?: EditedMessage | null | undefined
  readonly verification?: Verification | undefined
}

interface Event {
  readonly at: number | null
  readonly what: string
  readonly kind: 'good' | 'bad' | ''
  readonly more: Html
}

/** The timeline of what the row and its last calls hold, the oldest first. */
export function story (view: View, { edit, attempts, finding }: EditStory): Html {
  const { texts } = view
  const { edit: words } = texts
  const events: Event[] = [
    ...edit.refused === null ? [] : [{ at: null, what: words.refused, kind: 'bad' as const, more: html`<p><code>${edit.refused.reason}</code></p>${explained(texts.reasons[edit.refused.reason], view)}` }],
    ...edit.state === 'dead' && isRefusal(edit) ? [] : [{ at: edit.acceptedAt, what: words.accepted, kind: '' as const, more: html`<p>${words.acceptedText}</p>` }],
    ...attempts.map(({ at, durationMs, code, words: said }) => ({
      at,
      what: words.call,
      kind: code === 'ok' ? 'good' as const : 'bad' as const,
      more: html`<p><code>${code}</code> <span class="quiet">${fill(words.lasted, { ms: durationMs })}</span></p>${explained(explain(code, texts), view)}${said !== null && portalWords(view, said)}`,
    })),
  ]
  if (edit.state === 'delivered') {
    events.push({ at: edit.settledAt, what: words.delivered, kind: 'good', more: html`<p>${texts.states.delivered}</p>` })
    const { confirmation, causeId } = finding
    if (confirmation === 'confirmed') events.push({ at: edit.confirmedAt, what: words.confirmed, kind: 'good', more: html`<p>${texts.confirmations.confirmed}</p>` })
    else if (confirmation !== null) events.push({ at: Infinity, what: words[confirmation], kind: confirmation === 'unconfirmed' ? 'bad' : '', more: html`<p>${causeId !== null && texts.causes[causeId]}</p>` })
  }
  if (edit.state === 'dead' && edit.reason !== null) {
    events.push({ at: edit.settledAt, what: words.dead, kind: 'bad', more: html`<p><code>${edit.reason}</code></p>${explained(texts.reasons[edit.reason], view)}${edit.words !== null && edit.words !== attempts[0]?.words && portalWords(view, edit.words)}` })
  }
  if (edit.state === 'pending') events.push({ at: Infinity, what: edit.dueAt === null ? words.inCall : words.due, kind: '', more: html`<p>${edit.dueAt !== null && html`${time(edit.dueAt, view)} · ${words.dueText}`}</p>` })
  const sorted = events.map((event, index) => ({ event, index })).sort((a, b) => (a.event.at ?? Infinity) - (b.event.at ?? Infinity) || a.index - b.index)
  return html`<ol class="story">${sorted.map(({ event: { at, what, kind, more } }) => html`<li class="${kind}"><h3>${what}${at !== null && at !== Infinity && html` <small>${time(at, view)}</small>`}</h3>${more}</li>`)}</ol>
${attempts.length >= 20 && html`<p class="quiet">${words.lastCalls}</p>`}`
}

/** The guard refused the only revision that the row knows. */
function isRefusal ({ reason, refused, attempts }: EditStory['edit']): boolean {
  return refused !== null && refused.reason === reason && attempts === 0
}

function portalWords ({ texts: { edit: words } }: View, said: string): Html {
  return html`<p><span class="quiet">${words.words}:</span> ${foreign(said)}</p>`
}
