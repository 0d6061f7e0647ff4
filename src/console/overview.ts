import { fill } from '../base/fill.ts'
import type { HourActivity } from '../operations/activity.ts'
import { SILENT_AFTER } from '../operations/confirmations.ts'
import type { Overview } from '../operations/overview.ts'
import { hoursChart } from './chart.ts'
import { explainPark } from './explain.ts'
import { html, link, type Html } from './html.ts'
import { page, type View } from './page.ts'
import { exactTime, number, share, time } from './parts.ts'

const LONG_MS = 10 * 60_000

const UNCONFIRMED = '/console/edits?confirmation=unconfirmed'

type Day = Pick<HourActivity, 'delivered' | 'dead' | 'confirmed'>

/** The verdict first, then the numbers behind it. */
export function overviewPage (view: View, overview: Overview): string {
  const { texts: { overview: texts } } = view
  const { ledger, oldestPendingAt, portal, lines, isListening, hours } = overview
  const day: Day = { delivered: sum(hours.map(({ delivered }) => delivered)), dead: sum(hours.map(({ dead }) => dead)), confirmed: sum(hours.map(({ confirmed }) => confirmed)) }
  const isParked = portal.condition !== 'ready' || lines.length > 0
  return page(view, {
    title: texts.title,
    current: 'overview',
    isLive: true,
    body: html`${verdict(view, overview, day)}
<section><h2>${texts.ledger}</h2>
<dl class="numbers">${(['accepted', 'superseded', 'delivered', 'dead', 'pending'] as const).map(name => html`<div class="${name}"><dt>${texts[name]}</dt><dd>${name === 'accepted' || name === 'superseded'
  ? number(ledger[name], view)
  : html`<a href="/console/edits?state=${name}">${number(ledger[name], view)}</a>`}</dd></div>`)}</dl>
<p><code>${texts.balance}</code></p>
<dl class="facts">
<dt>${texts.oldest}</dt><dd>${oldestPendingAt === null ? view.texts.none : time(oldestPendingAt, view)}</dd>
<dt>${texts.confirmedShare}</dt><dd>${isListening ? html`${share(day.confirmed, day.delivered, view) ?? texts.noShare}${day.confirmed < day.delivered && html` <a href="${UNCONFIRMED}">${texts.seeUnconfirmed}</a>`}` : texts.notListening}</dd>
</dl></section>
<section><h2>${texts.portal}</h2>${isParked ? parks(view, overview) : html`<p>${texts.portalReady} <code>${portal.host}</code></p>`}</section>
<section><h2>${texts.day}</h2>${hoursChart(view, hours)}</section>`,
  })
}

function verdict (view: View, { ledger, oldestPendingAt, portal, lines, isListening }: Overview, day: Day): Html {
  const { texts: { overview: texts } } = view
  if (portal.condition !== 'ready') return html`<p class="verdict bad">${texts.verdictPortal}</p>`
  if (lines.length > 0) return html`<p class="verdict bad">${texts.verdictLines}</p>`
  if (ledger.accepted === 0) return html`<p class="verdict">${texts.verdictEmpty} <a href="/console/channels">${texts.verdictEmptyTodo}</a></p>`
  if (oldestPendingAt !== null && view.now - oldestPendingAt > LONG_MS) return html`<p class="verdict bad">${texts.verdictOld}</p>`
  if (isListening && day.confirmed === 0 && day.delivered >= SILENT_AFTER) return html`<p class="verdict bad">${texts.verdictUnconfirmed} <a href="${UNCONFIRMED}">${view.texts.nav.edits}</a></p>`
  if (day.dead > 0) return html`<p class="verdict">${fill(texts.verdictDead, { count: number(day.dead, view) })} <a href="/console/dead">${view.texts.nav.dead}</a></p>`
  return html`<p class="verdict good">${texts.verdictGood}</p>`
}

/** Each park with its code, since when, and the remedy. */
function parks (view: View, { portal, lines }: Overview): Html {
  const { texts: { overview: texts } } = view
  const row = (place: string, code: string, since: number | null, authorizeUrl: string | null): Html => {
    const { means, todo, mayGrant } = explainPark(code, view.texts)
    return html`<tr><th scope="row">${place}</th><td data-label="${texts.code}"><code>${code}</code><br>${means}</td><td data-label="${texts.since}">${since !== null && exactTime(since, view)}</td><td data-label="${texts.todo}">${todo}${mayGrant && authorizeUrl !== null && html`<p>${link(authorizeUrl, texts.authorize)}</p>`}</td></tr>`
  }
  return html`<table><thead><tr><th scope="col">${texts.place}</th><th scope="col">${texts.code}</th><th scope="col">${texts.since}</th><th scope="col">${texts.todo}</th></tr></thead><tbody>
${portal.condition !== 'ready' && row(portal.host, portal.condition, portal.since, portal.authorizeUrl)}
${lines.map(({ connector, line, code, since }) => row(fill(texts.line, { line, connector }), code, since, null))}
</tbody></table>`
}

function sum (counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0)
}
