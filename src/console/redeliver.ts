import { fill } from '../base/fill.ts'
import type { RedeliveryReport } from '../operations/redelivery.ts'
import { editTable, type EditList } from './edits.ts'
import { address, MOST, type FilterFields } from './filter.ts'
import { html, type Html } from './html.ts'
import { page, type View } from './page.ts'
import { countUpTo, empty, hidden, number } from './parts.ts'

/** Says what a redelivery will do, before it does it. */
export function redeliverPage (view: View, list: Pick<EditList, 'filter' | 'edits' | 'count' | 'window'>): string {
  const { texts: { redeliver: words } } = view
  const { filter, count } = list
  return page(view, {
    title: words.title,
    current: 'dead',
    body: html`${filterShown(view, filter)}
${count === 0
      ? empty(words.empty, view.texts.edits.emptyTodo)
      : html`<p class="verdict">${fill(words.count, { count: countUpTo(count, view) })}</p>
<p>${words.atMost} ${words.refusedKept}</p>
${view.session?.role !== 'admin' ? html`<p>${view.texts.mayNot}</p>` : form(view, filter, null, fill(words.button, { count: number(Math.min(count, MOST), view) }))}
<section><h2>${words.which}</h2>${editTable(view, list)}</section>`}`,
  })
}

/** What a redelivery did. */
export function redeliveredPage (view: View, filter: FilterFields, report: RedeliveryReport): string {
  const { texts: { redeliver: words } } = view
  const rows = [['redelivered', words.redelivered], ['pending', words.pending], ['nothing-held', words.nothingHeld], ['not-found', words.gone]] as const
  return page(view, {
    title: words.done,
    current: 'dead',
    body: html`${filterShown(view, filter)}
<dl class="numbers" role="status">${rows.filter(([name]) => name !== 'not-found' || report[name] > 0).map(([name, label]) => html`<div><dt>${label}</dt><dd>${number(report[name], view)}</dd></div>`)}<div><dt>${words.remain}</dt><dd>${countUpTo(report.remain, view)}</dd></div></dl>
${report.next !== null && form(view, filter, report.next, words.next)}
<p><a href="/console/edits?state=pending">${view.texts.nav.edits}: pending</a></p>`,
  })
}

function form ({ texts: { redeliver: words } }: View, filter: FilterFields, cursor: number | null, button: string): Html {
  return html`<form method="post" action="/console/redeliver">${hidden({ ...filter, cursor: cursor === null ? undefined : String(cursor) })}<button>${button}</button> <a href="${address('/console/edits', { ...filter })}">${words.cancel}</a></form>`
}

function filterShown ({ texts: { edits: texts } }: View, filter: FilterFields): Html {
  const names = Object.keys(filter) as Array<keyof FilterFields>
  return html`<dl class="facts">${names.map(name => html`<dt>${texts[name]}</dt><dd><bdi>${filter[name]}</bdi></dd>`)}</dl>`
}
