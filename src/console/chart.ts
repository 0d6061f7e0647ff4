import { fill } from '../base/fill.ts'
import type { HourActivity } from '../operations/activity.ts'
import { html, type Html } from './html.ts'
import type { View } from './page.ts'
import { number } from './parts.ts'

const SHOWN = ['accepted', 'delivered', 'dead'] as const
const HEIGHT = 60
const WIDTH = 12

/** The hours as bars, and as a table for screen readers. */
export function hoursChart (view: View, hours: readonly HourActivity[]): Html {
  const { texts: { overview: texts } } = view
  const most = Math.max(0, ...hours.flatMap(hour => SHOWN.map(name => hour[name])))
  const bar = (hour: HourActivity, name: typeof SHOWN[number], x: number): Html | false => {
    const height = hour[name] === 0 ? 0 : Math.max(1, Math.round(hour[name] / most * HEIGHT))
    return height > 0 && html`<rect class="${name}" x="${x}" y="${HEIGHT - height}" width="3" height="${height}"/>`
  }
  return html`<svg class="chart" viewBox="0 0 ${hours.length * WIDTH} ${HEIGHT + 1}" role="img" aria-label="${texts.chartLabel}" preserveAspectRatio="none">
${hours.map((hour, at) => SHOWN.map((name, index) => bar(hour, name, at * WIDTH + index * 3.5 + 1)))}
<rect class="ground" x="0" y="${HEIGHT}" width="${hours.length * WIDTH}" height="1"/></svg>
<p class="hours">${[hours[0], hours.at(-1)].map(hour => hour !== undefined && html`<span>${toHour(hour)}:00</span>`)}</p>
<p class="legend">${SHOWN.map(name => html`<span class="${name}">${texts[name]}</span> `)} ${fill(texts.highest, { count: number(most, view) })}</p>
<details><summary>${texts.asTable}</summary><table><thead><tr><th scope="col">${texts.hour}</th>${SHOWN.map(name => html`<th scope="col">${texts[name]}</th>`)}</tr></thead><tbody>
${hours.map(hour => html`<tr><th scope="row">${toHour(hour)}</th>${SHOWN.map(name => html`<td data-label="${texts[name]}">${number(hour[name], view)}</td>`)}</tr>`)}
</tbody></table></details>`
}

function toHour ({ hour }: HourActivity): string {
  return new Date(hour).toISOString().slice(0, 13).replace('T', ' ')
}
