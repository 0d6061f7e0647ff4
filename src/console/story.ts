import { fill } from '../base/fill.ts'
import type { PortalCondition } from '../courier/parks.ts'
import type { EditedMessage } from '../edit/edit.ts'
import type { Finding } from '../operations/confirmations.ts'
import type { Verification } from '../operations/read-back.ts'
import type { Attempt, EditRow, RedeliveryOutcome } from '../outbox/outbox.ts'
import { explain, explainPark } from './explain.ts'
import { html, type Html } from './html.ts'
import type { View } from './page.ts'
import { exactTime, explained, foreign, sentence } from './parts.ts'

export interface EditStory {
  readonly edit: EditRow
  readonly attempts: readonly Attempt[]
  readonly finding: Finding
  readonly condition: PortalCondition
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
export function story (view: View, { edit, attempts, finding, condition }: EditStory): Html {
  const { texts } = view
  const { edit: words } = texts
  const isRefused = edit.state === 'dead' && edit.refused?.reason === edit.reason
  const events: Event[] = [
    // The time of a refused edit is that of its death.
    ...isRefused ? [] : [{ at: edit.acceptedAt, what: words.accepted, kind: '' as const, more: html`<p>${words.acceptedText}</p>` }],
    ...edit.refused === null || isRefused ? [] : [{ at: null, what: words.refused, kind: 'bad' as const, more: html`<p><code>${edit.refused.reason}</code></p>${explained(texts.reasons[edit.refused.reason], view)}` }],
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
    else if (confirmation !== null) events.push({ at: null, what: words[confirmation], kind: confirmation === 'unconfirmed' ? 'bad' : '', more: html`<p>${causeId !== null && sentence(texts.causes[causeId])}</p>` })
  }
  if (edit.state === 'dead' && edit.reason !== null) {
    events.push({ at: edit.settledAt, what: words.dead, kind: 'bad', more: html`<p><code>${edit.reason}</code></p>${explained(texts.reasons[edit.reason], view)}${edit.words !== null && edit.words !== attempts[0]?.words && portalWords(view, edit.words)}` })
  }
  if (edit.state === 'pending') events.push(next(view, edit, condition))
  const sorted = events.map((event, index) => ({ event, index })).sort((a, b) => (a.event.at ?? Infinity) - (b.event.at ?? Infinity) || a.index - b.index)
  return html`<ol class="story">${sorted.map(({ event: { at, what, kind, more } }) => html`<li class="${kind}"><h3>${what}${at !== null && html` <small>${exactTime(at, view)}</small>`}</h3>${more}</li>`)}</ol>
${attempts.length >= 20 && html`<p class="quiet">${words.lastCalls}</p>`}`
}

/** What a pending edit waits for. */
function next (view: View, edit: EditRow, { portal, since, lines }: PortalCondition): Event {
  const { texts } = view
  const { edit: words } = texts
  const line = lines.find(each => each.connector === edit.connector && each.line === edit.line)
  const park = portal !== 'ready' ? { what: words.parked, code: portal, since } : line === undefined ? null : { what: words.lineParked, ...line }
  if (park !== null) {
    return { at: null, what: park.what, kind: 'bad', more: html`<p><code>${park.code}</code>${park.since !== null && html` <span class="quiet">${exactTime(park.since, view)}</span>`}</p>${explained(explainPark(park.code, texts), view)}` }
  }
  if (edit.dueAt === null) return { at: null, what: words.inCall, kind: '', more: html`` }
  const unknown = edit.flags.includes('unknown-user') && html`<p>${words.unknownUser}</p>`
  return { at: null, what: words.due, kind: '', more: html`<p>${edit.dueAt > view.now ? exactTime(edit.dueAt, view) : words.soon}. ${words.dueText}</p>${unknown}` }
}

function portalWords ({ texts: { edit: words } }: View, said: string): Html {
  return html`<p><span class="quiet">${words.words}:</span> ${foreign(said)}</p>`
}
