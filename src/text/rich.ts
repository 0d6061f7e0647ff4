import { isUnseen } from './blank.ts'
import { applyChanges, BREAK, findHazards, type Change, type Interval } from './neutralise.ts'
import { layOut, type Span } from './spans.ts'
import type { RichText } from './rich-text.ts'

/** A part of a text with the same styles. A line break at or in a quotation is a separate piece without tags. */
interface Piece extends Interval { readonly isBreak: boolean, readonly isQuoted: boolean, readonly spans: readonly Span[] }

/**
 * The portal shows 20,000 characters of a message, so later text gets no styles. This also limits links in quotations, whose URL is repeated
 * on each line.
 */
const STYLED_CHARACTERS = 20_000

/**
 * The BB code of a rich text; the text itself has no active BB code. Never throws, whatever the ranges. A heading becomes bold; a quotation
 * gets its own lines, each with `>>` in front. Code contains no other style, and a link no other link.
 */
export function renderBbCode ({ text, ranges }: RichText): string {
  const { changes, urls } = findHazards(text)
  // Tags would hide from the guard that the text is blank, and the portal would delete the message.
  if (ranges.length === 0 || isUnseen(text)) return applyChanges(text, changes)
  const { spans, quotes } = layOut(text, ranges, urls)
  const writer = createWriter(text, changes)
  for (const piece of cut(text, spans, quotes)) {
    if (writer.length() > STYLED_CHARACTERS) return writer.finish(piece.start)
    writer.write(piece)
  }
  return writer.finish(text.length)
}

function * cut (text: string, spans: readonly Span[], quotes: readonly Interval[]): Generator<Piece> {
  const breaks = new Set<number>()
  const borders = new Set([0, text.length, ...[...spans, ...quotes].flatMap(({ start, end }) => [start, end])])
  for (const { start, end } of quotes) {
    const from = start - (/\r?\n$/.exec(text.slice(Math.max(start - 2, 0), start))?.[0].length ?? 0)
    for (const { 0: lineBreak, index } of text.slice(from, end + 2).matchAll(/\r?\n/g)) {
      if (from + index > end) continue
      breaks.add(from + index)
      borders.add(from + index).add(from + index + lineBreak.length)
    }
  }

  let next = 0
  let quote = 0
  let open: Span[] = []
  const points = [...borders].sort((a, b) => a - b)
  for (const [index, start] of points.slice(0, -1).entries()) {
    while ((quotes[quote]?.end ?? Infinity) <= start) quote++
    open = open.filter(({ end }) => end > start)
    for (let span = spans[next]; span?.start === start; span = spans[++next]) open.push(span)
    yield { start, end: points[index + 1] ?? text.length, isBreak: breaks.has(start), isQuoted: start >= (quotes[quote]?.start ?? Infinity), spans: open }
  }
}

function createWriter (text: string, changes: readonly Change[]) {
  let written = ''
  let change = 0
  let open: readonly Span[] = []
  let quoted = false
  let atLineStart = true

  const closeFrom = (index: number): void => {
    written += open.slice(index).reverse().map(({ tag }) => `[/${tag}]`).join('')
    open = open.slice(0, index)
  }

  const turnTo = (spans: readonly Span[]): void => {
    const beginning = spans.filter(span => !open.includes(span))
    const link = beginning.find(({ tag }) => tag === 'URL')
    // A style that ends inside a link that begins here is closed and opened again inside it, to keep the link in one piece.
    const kept = open.findIndex(span => !spans.includes(span) || span.end < (link?.end ?? 0))
    if (kept !== -1) closeFrom(kept)
    const opening = spans.filter(span => !open.includes(span)).sort((a, b) => b.end - a.end || rank(a) - rank(b))
    written += opening.map(({ tag, url }) => url === undefined ? `[${tag}]` : `[${tag}=${url}]`).join('')
    open = [...open, ...opening]
  }

  /** `lineIsMade`: the writer has started this line, so `findHazards` did not look here for tokens at the start of a line. */
  const copy = (start: number, end: number, lineIsMade = false): void => {
    const first = change
    while ((changes[change]?.at ?? Infinity) < end) change++
    const next = text.charAt(start)
    // "](" makes a Markdown link even if the bracket belongs to a tag.
    const mayAct = (next === '(' && written.endsWith(']')) || (lineIsMade && /[^\S\r\n]|>/.test(next))
    if (mayAct && changes[first]?.at !== start) written += BREAK
    written += applyChanges(text, changes.slice(first, change), start, end)
  }

  return {
    length: () => written.length,
    write: ({ start, end, isBreak, isQuoted, spans }: Piece): void => {
      let lineIsMade = false
      if (isBreak || isQuoted !== quoted) closeFrom(0)
      if (isQuoted !== quoted && !atLineStart && !isBreak) {
        written += '\n'
        lineIsMade = true
        atLineStart = true
      }
      quoted = isQuoted
      if (isQuoted && atLineStart) {
        written += '>>'
        lineIsMade = true
      }
      if (!isBreak) turnTo(spans)
      copy(start, end, lineIsMade)
      atLineStart = isBreak
    },
    finish: (from: number): string => {
      closeFrom(0)
      copy(from, text.length)
      return written
    },
  }
}

/** The order of tags with the same end, from the outermost: a link first, code last. */
function rank ({ tag }: Span): number {
  return ['URL', 'B', 'I', 'U', 'S', 'CODE'].indexOf(tag)
}
