import { fill } from '../base/fill.ts'
import type { EditedMessage } from '../edit/edit.ts'
import type { Verification } from '../operations/read-back.ts'
import { address } from './filter.ts'
import { html, type Html } from './html.ts'
import { page, type View } from './page.ts'
import { confirmation, foreign, number, sentence, state, verbatim } from './parts.ts'
import { story, type EditStory } from './story.ts'

/** One message's story. What the client wrote is in it only after somebody has asked. */
export function editPage (view: View, shown: EditStory): string {
  const { texts } = view
  const { edit, finding, outcome, content, verification } = shown
  const { edit: words } = texts
  const flags = edit.flags as ReadonlyArray<keyof typeof texts.flags>
  // The page lives on, and its address still names the outcome.
  const isOver = outcome !== 'nothing-held' && edit.state !== 'pending'
  return page(view, {
    title: fill(words.title, { message: edit.message }),
    current: 'edits',
    // What an action has shown would vanish.
    isLive: content === undefined && verification === undefined,
    body: html`${outcome !== undefined && outcome !== 'not-found' && !isOver && html`<p class="notice" role="status">${{ redelivered: words.redelivered, pending: words.pendingAlready, 'nothing-held': words.nothingHeld }[outcome]}</p>`}
<dl class="facts">
<dt>${words.state}</dt><dd>${state(edit)} <span class="quiet">${texts.states[edit.state]}</span></dd>
${finding.confirmation !== null && html`<dt>${texts.edits.confirmation}</dt><dd>${confirmation(finding.confirmation)} <span class="quiet">${texts.confirmations[finding.confirmation]}</span></dd>`}
<dt>${words.message}</dt><dd>${foreign(edit.message)}</dd>
<dt>${words.chat}</dt><dd><a href="${address('/console/edits', { chat: edit.chat })}">${foreign(edit.chat)}</a></dd>
<dt>${words.channel}</dt><dd><a href="/console/channels#${edit.channel}">${edit.channel}</a></dd>
<dt>${words.place}</dt><dd><code>${edit.connector}</code> / ${edit.line}</dd>
<dt>${words.attempts}</dt><dd>${number(edit.attempts, view)}</dd>
<dt>${words.revision}</dt><dd><code>${edit.revision.at} / ${String(edit.revision.tie)}</code></dd>
<dt>${words.id}</dt><dd><code>${edit.id}</code></dd>
${flags.length > 0 && html`<dt>${words.flags}</dt><dd><ul>${flags.map(flag => html`<li><code>${flag}</code> ${texts.flags[flag]}</li>`)}</ul></dd>`}
</dl>
${content !== undefined && contentPart(view, content)}
${verification !== undefined && verificationPart(view, verification)}
<section><h2>${words.story}</h2>${story(view, shown)}</section>
<section><h2>${words.act}</h2>${view.session?.role === 'admin' ? actions(view, edit.id) : html`<p>${texts.mayNot}</p>`}</section>`,
  })
}

function actions ({ texts: { edit: words } }: View, id: string): Html {
  const action = (name: string, button: string, what: string): Html => html`<form method="post" action="/console/edits/${encodeURIComponent(id)}/${name}"><button>${button}</button> <span>${what}</span></form>`
  return html`<div class="actions">${action('verify', words.verify, words.verifyText)}${action('text', words.showText, words.showTextText)}${action('redeliver', words.redeliver, words.redeliverText)}</div>`
}

function contentPart ({ texts: { edit: words } }: View, content: EditedMessage | null): Html {
  if (content === null) return html`<section><h2>${words.text}</h2><p class="notice" role="status">${words.noText}</p></section>`
  return html`<section><h2>${words.text}</h2>${verbatim(content.text, words.text)}
${content.files.length > 0 && html`<h3>${words.files}</h3><ul>${content.files.map(({ url, name }) => html`<li>${foreign(name ?? '')} <code>${url}</code></li>`)}</ul>`}</section>`
}

function verificationPart ({ texts }: View, { found, text, expected, matches, note }: Verification): Html {
  const { edit: words } = texts
  const verdict = found === null ? words.notLooked : !found ? words.notFound : matches ? words.matches : words.differs
  return html`<section><h2>${words.portalNow}</h2><p class="notice ${matches === true ? 'good' : matches === false && 'bad'}" role="status">${verdict}</p>
${note !== null && html`<p>${sentence(fill(texts.notes[note.id], note.values))}</p>`}
${text !== null && html`<h3>${words.portalText}</h3>${verbatim(text, words.portalText)}`}
${expected !== null && html`<h3>${words.relayText}</h3>${verbatim(expected, words.relayText)}`}</section>`
}
