import { toWire } from '../bitrix24/update-messages.ts'
import type { Preview } from '../intake.ts'
import { html, type Html } from './html.ts'
import { page, type View } from './page.ts'
import { explained, foreign, verbatim } from './parts.ts'

/** What the relay would do with a payload. Its texts are what the operator has just pasted. */
export function previewPage (view: View, preview: Preview): string {
  const { texts: { preview: words } } = view
  const { channel, unproven, edits, ignored, clients, reply } = preview
  const isEmpty = edits.length + ignored.length + clients.length === 0 && reply === null
  return page(view, {
    title: `${words.title}: ${channel.id}`,
    current: 'channels',
    body: html`<p>${unproven === null ? words.signed : html`${words.unsigned} <span lang="en">${unproven}</span>`}</p>
${isEmpty && html`<p class="notice" role="status">${words.empty}</p>`}
${edits.length > 0 && html`<section><h2>${words.edits}</h2>${edits.map((edit, index) => editPart(view, preview, edit, index))}</section>`}
${ignored.length > 0 && html`<section><h2>${words.ignored}</h2><ul>${ignored.map(({ reason, detail, faults = [] }) => html`<li>${reason === 'unreadable' ? words.unreadable : words.notAnEdit} ${detail !== undefined && html`<span lang="en">${foreign(detail)}</span>`}
${faults.length > 0 && html`<ul>${faults.map(({ pointer, detail }) => html`<li><code>${pointer}</code> <span lang="en">${foreign(detail)}</span></li>`)}</ul>`}</li>`)}</ul></section>`}
${clients.length > 0 && html`<section><h2>${words.clients}</h2><ul>${clients.map(client => html`<li><code>${client.id}</code> ${foreign([client.name, client.lastName].filter(Boolean).join(' '))}</li>`)}</ul></section>`}
${reply !== null && html`<section><h2>${words.reply}</h2><p><code>${reply.status}</code></p>${verbatim(toText(reply.body), words.reply)}</section>`}
<p><a href="/console/channels#${channel.id}">${words.back}</a></p>`,
  })
}

function editPart (view: View, { channel }: Preview, { edit, refusal }: Preview['edits'][number], index: number): Html {
  const { texts } = view
  const { preview: words, edit: names } = texts
  return html`<dl class="facts">
<dt>${names.state}</dt><dd>${refusal === null ? words.accepted : html`${words.refused}: <code>${refusal}</code>${explained(texts.reasons[refusal], view)}`}</dd>
<dt>${names.message}</dt><dd>${foreign(edit.message.id)}</dd>
<dt>${names.chat}</dt><dd>${foreign(edit.chat.id)}</dd>
<dt>${words.user}</dt><dd><code>${edit.user.id}</code> ${foreign([edit.user.name, edit.user.lastName].filter(Boolean).join(' '))}</dd>
<dt>${names.revision}</dt><dd><code>${edit.revision.at} / ${String(edit.revision.tie)}</code></dd>
</dl>
${refusal === null && html`<h3>${words.wire}</h3>${verbatim(toText(toWire(channel, [{ edit, omitFiles: false }])), `${words.wire} ${index + 1}`)}`}`
}

function toText (value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2) ?? ''
}
