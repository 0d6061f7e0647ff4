import type { Confirmation, EditRow } from '../outbox/outbox.ts'
import { MOST } from './filter.ts'
import { exact, html, type Html } from './html.ts'
import type { View } from './page.ts'
import type { Explanation } from './texts/texts.ts'

const UNITS: ReadonlyArray<readonly [Intl.RelativeTimeFormatUnit, number]> = [['day', 86_400_000], ['hour', 3_600_000], ['minute', 60_000], ['second', 1000]]

/** A time as a distance from now, with the absolute one in the markup. */
export function time (at: number, { now, language }: View): Html {
  const distance = at - now
  const [unit, size] = UNITS.find(([, size]) => Math.abs(distance) >= size) ?? ['second', 1000] as const
  const iso = new Date(at).toISOString()
  return html`<time datetime="${iso}" title="${iso}">${new Intl.RelativeTimeFormat(language, { numeric: 'auto' }).format(Math.trunc(distance / size), unit)}</time>`
}

/** The same with the absolute time beside it, to compare with a log. */
export function exactTime (at: number, view: View): Html {
  return html`${time(at, view)} · ${new Date(at).toISOString().replace('T', ' ').slice(0, 19)} UTC`
}

export function number (value: number, { language }: View): string {
  return new Intl.NumberFormat(language).format(value)
}

/** A count that went no further than `MOST` + 1. */
export function countUpTo (count: number, view: View): string {
  return count > MOST ? `${number(MOST, view)}+` : number(count, view)
}

/** Of the deliveries, how many are confirmed; null if there were none. */
export function share (confirmed: number, delivered: number, { language }: View): string | null {
  return delivered === 0 ? null : new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 0 }).format(Math.min(1, confirmed / delivered))
}

/** A word of the documentation, with its meaning. */
export function state ({ state, reason }: Pick<EditRow, 'state' | 'reason'>): Html {
  return html`<span class="state ${state}">${state}${reason !== null && html` <code>${reason}</code>`}</span>`
}

export function confirmation (value: Confirmation | null): Html {
  return value === null ? html`–` : html`<span class="state ${value}">${value}</span>`
}

export function explained ({ means, todo }: Explanation, { texts }: View): Html {
  return html`<p>${means}</p><p class="todo"><b>${texts.edit.todo}:</b> ${todo}</p>`
}

/** Words of the relay as a sentence. A command stands in backquotes. */
export function sentence (words: string): Html {
  const [first = '', ...others] = words.split('`')
  const capital = `${first.charAt(0).toUpperCase()}${first.slice(1)}`
  return html`<bdi>${capital}${others.map((part, index) => index % 2 === 0 ? html`<code>${part}</code>` : part)}${/[.!?]$/.test(words) ? '' : '.'}</bdi>`
}

/** An empty state: what is missing and what to do next. */
export function empty (what: string, todo: string): Html {
  return html`<div class="empty"><p>${what}</p><p>${todo}</p></div>`
}

/** What a client or a messenger has written, apart from the direction of the text around it. */
export function foreign (text: string): Html {
  return html`<bdi>${text}</bdi>`
}

/** A text as it is, with its line breaks. It can be scrolled by the keyboard. */
export function verbatim (text: string, label: string): Html {
  return html`<pre tabindex="0" dir="auto" role="region" aria-label="${label}">${text}</pre>`
}

/** Fields that go with a form and are not shown. */
export function hidden (fields: Readonly<Record<string, string | undefined>>): Html {
  return html`${Object.entries(fields).map(([name, value]) => value !== undefined && html`<input type="hidden" name="${name}" value="${exact(value)}">`)}`
}
