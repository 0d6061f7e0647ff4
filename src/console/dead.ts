import { DEAD_REASONS, type DeadReason } from '../edit/edit.ts'
import { filterForm } from './edits.ts'
import { address } from './filter.ts'
import { html } from './html.ts'
import { page, type View } from './page.ts'
import { countUpTo, empty } from './parts.ts'

export interface DeadLetters {
  /** Up to `MOST` + 1 of each reason. */
  readonly counts: Readonly<Partial<Record<DeadReason, number>>>
  readonly channels: readonly string[]
}

export function deadPage (view: View, { counts, channels }: DeadLetters): string {
  const { texts } = view
  const { dead: words } = texts
  const found = DEAD_REASONS.filter(reason => (counts[reason] ?? 0) > 0)
  const isAdmin = view.session?.role === 'admin'
  return page(view, {
    title: words.title,
    current: 'dead',
    isLive: true,
    body: found.length === 0
      ? empty(words.empty, words.emptyTodo)
      : html`<table><thead><tr>${[words.reason, words.count, words.means, words.todo].map(head => html`<th scope="col">${head}</th>`)}</tr></thead><tbody>
${found.map(reason => html`<tr><th scope="row"><code>${reason}</code></th>
<td data-label="${words.count}">${countUpTo(counts[reason] ?? 0, view)}<br><a href="${address('/console/edits', { state: 'dead', reason })}">${words.show}<span class="unseen"> ${reason}</span></a>${isAdmin && html`<br><a href="${address('/console/redeliver', { state: 'dead', reason })}">${words.redeliver}<span class="unseen"> ${reason}</span></a>`}</td>
<td data-label="${words.means}">${texts.reasons[reason].means}</td>
<td data-label="${words.todo}">${texts.reasons[reason].todo}</td></tr>`)}
</tbody></table>
${isAdmin && html`<section><h2>${words.byFilter}</h2>${filterForm(view, '/console/redeliver', { filter: {}, channels }, ['reason', 'channel', 'chat', 'message'], words.next)}</section>`}`,
  })
}
