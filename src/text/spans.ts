import { neutraliseUrl, percentEncode, type Interval } from './neutralise.ts'
import type { StyleRange } from './rich-text.ts'

type Tag = 'B' | 'I' | 'U' | 'S' | 'CODE' | 'URL'

/** The range of a tag. Spans of one tag never overlap or touch, but links may touch. No other span begins or ends inside code. */
export interface Span extends Interval { readonly tag: Tag, readonly url?: string }

const TAGS = { bold: 'B', heading: 'B', italic: 'I', underline: 'U', strike: 'S', code: 'CODE', pre: 'CODE' } as const

const MAX_URL_CHARACTERS = 2048

/** Turns ranges into spans and quotations, in the order of their starts, and drops invalid ones. `urls` are the URLs in the text. */
export function layOut (text: string, ranges: readonly StyleRange[], urls: readonly Interval[]): { spans: Span[], quotes: Interval[] } {
  const grouped: Record<Exclude<Tag, 'URL'> | 'quote', Interval[]> = { B: [], I: [], U: [], S: [], CODE: [], quote: [] }
  const labels: Span[] = []
  for (const { offset, length, style, url } of ranges.filter(range => isGood(text, range))) {
    const [first, last] = [behindBreak(text, offset), behindBreak(text, offset + length)]
    if (first === last) continue
    // A tag inside a URL would cut the link.
    const start = findAround(urls, first)?.start ?? first
    const end = findAround(urls, last)?.end ?? last
    if (style !== 'link') grouped[style === 'quote' ? style : TAGS[style]].push({ start, end })
    else if (isLinkable(url)) labels.push({ start, end, tag: 'URL', url: toAttribute(url) })
  }

  const code = unite(grouped.CODE)
  const styles = (['B', 'I', 'U', 'S'] as const).flatMap(tag => unite(grouped[tag]).map(span => ({ ...span, tag })))
  const spans: Span[] = [...styles, ...withoutNested(labels)].flatMap(span => cutAtCode(span, code))
  return {
    spans: [...spans, ...code.map(span => ({ ...span, tag: 'CODE' as const }))].sort(byStart),
    quotes: unite(grouped.quote).map(quote => withoutOuterBreaks(text, quote)).filter(({ start, end }) => start < end),
  }
}

function isGood (text: string, { offset, length }: StyleRange): boolean {
  const end = offset + length
  return Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length > 0 && end <= text.length &&
    !splitsPair(text, offset) && !splitsPair(text, end)
}

/** A tag inside a surrogate pair would leave two broken characters. */
function splitsPair (text: string, at: number): boolean {
  return /^[\uD800-\uDBFF][\uDC00-\uDFFF]$/.test(text.slice(at - 1, at + 1))
}

/** Does not split CRLF. */
function behindBreak (text: string, at: number): number {
  return text[at - 1] === '\r' && text[at] === '\n' ? at + 1 : at
}

function isLinkable (url: string | undefined): url is string {
  return url !== undefined && url.length <= MAX_URL_CHARACTERS && /^(?:https?:\/\/[^\s/?#]|(?:mailto|tel):[^\s])/i.test(url)
}

/** Encodes invisible characters, which could hide the link's target. */
function toAttribute (url: string): string {
  return neutraliseUrl(url.replace(/[\p{Cc}\p{Cf}\p{Cs}]/gu, percentEncode))
}

function byStart (a: Interval, b: Interval): number {
  return a.start - b.start || b.end - a.end
}

/** Merges intervals that overlap or touch. */
function unite (intervals: readonly Interval[]): Interval[] {
  const united: { start: number, end: number }[] = []
  for (const { start, end } of intervals.toSorted(byStart)) {
    const last = united.at(-1)
    if (last === undefined || start > last.end) united.push({ start, end })
    else last.end = Math.max(last.end, end)
  }
  return united
}

/** Of overlapping links, keeps the one that begins first, or the longer one. */
function withoutNested (links: readonly Span[]): Span[] {
  const kept: Span[] = []
  for (const link of links.toSorted(byStart)) if (link.start >= (kept.at(-1)?.end ?? 0)) kept.push(link)
  return kept
}

/** The portal reads no tags inside code, so a style contains a whole piece of code or nothing of it. */
function cutAtCode (span: Span, code: readonly Interval[]): Span[] {
  const start = findAround(code, span.start)?.end ?? span.start
  const end = findAround(code, span.end)?.start ?? span.end
  return start < end ? [{ ...span, start, end }] : []
}

/** The interval that contains a position, not at its borders. The intervals are ascending. */
function findAround (intervals: readonly Interval[], position: number): Interval | undefined {
  let low = 0
  let high = intervals.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((intervals[middle]?.end ?? 0) > position) high = middle
    else low = middle + 1
  }
  const found = intervals[low]
  return found !== undefined && found.start < position ? found : undefined
}

/** A line break before or after a quotation separates it from the text and is not part of it. */
function withoutOuterBreaks (text: string, { start, end }: Interval): Interval {
  const [before = ''] = start > 0 && text[start - 1] !== '\n' ? /^\r?\n/.exec(text.slice(start, start + 2)) ?? [] : []
  const [after = ''] = /\r?\n$/.exec(text.slice(Math.max(start, end - 2), end)) ?? []
  return { start: start + before.length, end: end - after.length }
}
