import type { Interval } from './neutralise.ts'
import { createRichBuilder, type RichBuilder, type RichText, type Style } from './rich-text.ts'

/** A messenger's additions to `*bold*`, `_italic_`, `~strike~`, and to code and pre between backticks. */
export interface Dialect {
  /** Global. Matches parts without markup inside; its groups `pre` and `code` are the text between backticks. */
  readonly opaque: RegExp
  /** Sticky, at the start of a line: makes the line a quotation. */
  readonly quote: RegExp
  /** Sticky, at the start of a line: makes the rest of the text a quotation. */
  readonly quoteRest?: RegExp
  /** Sticky, at the start of a line: makes the line a list item. */
  readonly bullet?: RegExp
  /** Writes an opaque part; by default it stays unchanged. */
  readonly write?: (builder: RichBuilder, source: string) => void
  /** The visible text for a piece between markup. */
  readonly decode?: (text: string) => string
}

/** At `at`, `apply` replaces `length` characters of the source. */
interface Mark { readonly at: number, readonly length: number, readonly apply: (builder: RichBuilder) => void }

/** Code between three backticks or one. It is not blank; with one backtick it has no line break. */
export const CODE_PATTERN = '```(?!\\s*```)(?<pre>[^`][^]*?)```|`(?!\\s*`)(?<code>[^`\\n]+)`'

const STYLES = new Map<string, Style>([['*', 'bold'], ['_', 'italic'], ['~', 'strike']])
const WORD = /[\p{L}\p{N}]/u

const opens = (style: Style) => (builder: RichBuilder): void => { builder.open(style) }
const closes = (builder: RichBuilder): void => { builder.close() }

/** Reads the markup that most chats share. A mark that is not closed on its line, or begins or ends inside a word, is text. */
export function readMarkup (text: string, dialect: Dialect): RichText {
  const opaque = [...text.matchAll(dialect.opaque)].map(match => ({ start: match.index, end: match.index + match[0].length, groups: match.groups }))
  const marks = [
    ...opaque.flatMap(({ start, end, groups }) => markOpaque(text.slice(start, end), start, groups, dialect)),
    ...markLines(text, opaque, dialect),
    ...markStyles(text, opaque),
  ].sort((a, b) => a.at - b.at)

  const { decode = (piece: string) => piece } = dialect
  const builder = createRichBuilder()
  let done = 0
  for (const { at, length, apply } of marks) {
    builder.append(decode(text.slice(done, at)))
    apply(builder)
    done = at + length
  }
  builder.append(decode(text.slice(done)))
  return builder.build()
}

function markOpaque (source: string, start: number, groups: Readonly<Record<string, string | undefined>> | undefined, { write }: Dialect): Mark[] {
  const content = groups?.pre ?? groups?.code
  if (content === undefined) return write === undefined ? [] : [{ at: start, length: source.length, apply: builder => { write(builder, source) } }]
  const tickCount = (source.length - content.length) / 2
  return [
    { at: start, length: tickCount, apply: opens(groups?.pre === undefined ? 'code' : 'pre') },
    { at: start + source.length - tickCount, length: tickCount, apply: closes },
  ]
}

function markLines (text: string, opaque: readonly Interval[], { quote, quoteRest, bullet }: Dialect): Mark[] {
  const marks: Mark[] = []
  const measure = (pattern: RegExp | undefined, position: number): number => {
    if (pattern === undefined) return 0
    pattern.lastIndex = position
    return pattern.exec(text)?.[0].length ?? 0
  }
  let start = 0
  for (const end of [...[...text.matchAll(/\n/g)].map(({ index }) => index).filter(isOutside(opaque)), text.length]) {
    const rest = measure(quoteRest, start)
    const quoted = rest > 0 ? rest : measure(quote, start)
    const item = measure(bullet, start + quoted)
    if (quoted > 0) marks.push({ at: start, length: quoted, apply: opens('quote') })
    if (item > 0) marks.push({ at: start + quoted, length: item, apply: builder => { builder.append('• ') } })
    if (rest > 0) break
    if (quoted > 0) marks.push({ at: end, length: 0, apply: closes })
    start = end + 1
  }
  return marks
}

/** A closing mark closes the nearest matching opening; openings after that one become text, so styles nest. */
function markStyles (text: string, opaque: readonly Interval[]): Mark[] {
  const marks: Mark[] = []
  const open = new Map<string, number>()
  const outside = isOutside(opaque)
  for (const { 0: character, index } of text.matchAll(/[*_~\n]/g)) {
    if (!outside(index)) continue
    const style = STYLES.get(character)
    if (style === undefined) {
      open.clear()
      continue
    }
    const before = text.charAt(index - 1)
    const after = text.charAt(index + 1)
    const opening = open.get(character) ?? Infinity
    if (opening < index - 1 && !/\s/.test(before) && !WORD.test(after)) {
      marks.push({ at: opening, length: 1, apply: opens(style) }, { at: index, length: 1, apply: closes })
      for (const [other, at] of open) if (at >= opening) open.delete(other)
    } else if (/\S/.test(after) && !WORD.test(before)) {
      open.set(character, index)
    }
  }
  return marks
}

/** Whether a position is outside all intervals. Intervals and positions must be ascending. */
function isOutside (intervals: readonly Interval[]): (position: number) => boolean {
  let next = 0
  return position => {
    while ((intervals[next]?.end ?? Infinity) <= position) next++
    return position < (intervals[next]?.start ?? Infinity)
  }
}
