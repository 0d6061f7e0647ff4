import { fill } from '../base/fill.ts'
import { DEAD_REASONS, EDIT_STATES } from '../edit/edit.ts'
import { CONFIRMATIONS, type EditPage, type ReportWindow } from '../outbox/outbox.ts'
import { confirmationOf } from '../outbox/rules/confirm.ts'
import { address, type FilterFields } from './filter.ts'
import { exact, html, type Html } from './html.ts'
import { page, type View } from './page.ts'
import { confirmation, countUpTo, empty, foreign, number, state, time } from './parts.ts'

export interface EditList extends EditPage {
  readonly filter: FilterFields
  /** Up to `MOST` + 1. */
  readonly count: number
  readonly isFirst: boolean
  readonly window: ReportWindow
  readonly channels: readonly string[]
}

export function editsPage (view: View, list: EditList): string {
  const { texts: { edits: texts } } = view
  const { filter, edits, next, count, isFirst } = list
  const isFiltered = Object.keys(filter).length > 0
  return page(view, {
    title: texts.title,
    current: 'edits',
    isLive: true,
    body: html`${filterForm(view, '/console/edits', list)}
${edits.length > 0 && html`<p>${fill(texts.found, { count: countUpTo(count, view) })}</p>`}
${edits.length > 0 ? editTable(view, list) : empty(isFiltered ? texts.empty : texts.emptyAll, isFiltered ? texts.emptyTodo : view.texts.overview.verdictEmptyTodo)}
<p class="pager">${!isFirst && html`<a href="${address('/console/edits', { ...filter })}">${texts.newest}</a> `}${next !== null && html`<a rel="next" href="${address('/console/edits', { ...filter, cursor: String(next) })}">${texts.older}</a>`}</p>
${view.session?.role === 'admin' && (filter.state === 'dead' || filter.state === 'delivered') && edits.length > 0 && html`<p><a href="${address('/console/redeliver', { ...filter })}">${texts.redeliver}</a></p>`}`,
  })
}

export function editTable (view: View, { edits, window }: Pick<EditList, 'edits' | 'window'>): Html {
  const { texts: { edits: texts } } = view
  const heads = [texts.message, texts.chat, texts.channel, texts.state, texts.confirmation, texts.accepted, texts.attempts]
  return html`<table><thead><tr>${heads.map(head => html`<th scope="col">${head}</th>`)}</tr></thead><tbody>
${edits.map(edit => html`<tr><th scope="row"><a href="/console/edits/${encodeURIComponent(edit.id)}">${foreign(edit.message)}</a></th>
<td data-label="${texts.chat}"><a href="${address('/console/edits', { chat: edit.chat })}">${foreign(edit.chat)}</a></td>
<td data-label="${texts.channel}">${edit.channel}</td>
<td data-label="${texts.state}">${state(edit)}</td>
<td data-label="${texts.confirmation}">${confirmation(confirmationOf(edit, window))}</td>
<td data-label="${texts.accepted}">${time(edit.acceptedAt, view)}</td>
<td data-label="${texts.attempts}">${number(edit.attempts, view)}</td></tr>`)}
</tbody></table>`
}

/** The filter as a form that makes a URL. `offered`: its fields, in order. */
export function filterForm (view: View, action: string, { filter, channels }: Pick<EditList, 'filter' | 'channels'>, offered: ReadonlyArray<keyof FilterFields> = ['message', 'chat', 'state', 'reason', 'channel', 'confirmation'], button = view.texts.edits.apply): Html {
  const { texts: { edits: texts } } = view
  const select = (name: 'state' | 'reason' | 'channel' | 'confirmation', values: readonly string[]): Html => html`<label>${texts[name]} <select name="${name}"><option value="">${texts.any}</option>${values.map(value => html`<option value="${exact(value)}"${filter[name] === value && html` selected`}>${value}</option>`)}</select></label>`
  const input = (name: 'chat' | 'message'): Html => html`<label>${texts[name]} <input name="${name}" value="${exact(filter[name] ?? '')}" maxlength="1000" autocomplete="off"></label>`
  const known = filter.channel === undefined || channels.includes(filter.channel) ? channels : [...channels, filter.channel]
  const fields: Readonly<Record<keyof FilterFields, () => Html>> = {
    message: () => input('message'),
    chat: () => input('chat'),
    state: () => select('state', EDIT_STATES),
    reason: () => select('reason', DEAD_REASONS),
    channel: () => select('channel', known),
    confirmation: () => select('confirmation', CONFIRMATIONS),
  }
  return html`<form class="filter" action="${action}"><fieldset><legend>${texts.filter}</legend>${offered.map(name => fields[name]())}<button>${button}</button> ${Object.keys(filter).length > 0 && action === '/console/edits' && html`<a href="${action}">${texts.clear}</a>`}</fieldset></form>`
}
