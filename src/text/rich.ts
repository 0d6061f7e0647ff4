import { neutralise, neutraliseUrl } from './neutralise.ts'

/** One text with its styles: `offset` and `length` in UTF-16 code units, as Telegram, MAX and VK count. Ranges may nest, cross, repeat and lie outside; bad ones are dropped. */
export interface RichText { readonly text: string, readonly ranges: readonly StyleRange[] }

export type Style = 'bold' | 'italic' | 'underline' | 'strike' | 'code' | 'pre' | 'quote' | 'heading' | 'link'

export interface StyleRange {
  readonly offset: number
  readonly length: number
  readonly style: Style
  /** For `link`. */
  readonly url?: string | undefined
}

const TAGS: Readonly<Record<Exclude<Style, 'quote' | 'link'>, string>> = { bold: 'B', heading: 'B', italic: 'I', underline: 'U', strike: 'S', code: 'CODE', pre: 'CODE' }

/** The BB code that shows a rich text. Never throws, whatever the ranges. */
export function renderBbCode ({ text, ranges }: RichText): string {
  const good = ranges.filter(({ offset, length }) => Number.isInteger(offset) && Number.isInteger(length) && offset >= 0 && length > 0 && offset + length <= text.length)
  const borders = [...new Set([0, text.length, ...good.flatMap(({ offset, length }) => [offset, offset + length])])].sort((a, b) => a - b)
  return borders.slice(1).map((end, index) => {
    const start = borders[index] ?? 0
    let piece = neutralise(text.slice(start, end))
    for (const { offset, length, style, url } of good) {
      if (offset > start || offset + length < end || style === 'quote') continue
      if (style !== 'link') piece = `[${TAGS[style]}]${piece}[/${TAGS[style]}]`
      else if (url !== undefined && /^(?:https?:\/\/|mailto:|tel:)/i.test(url)) piece = `[URL=${neutraliseUrl(url)}]${piece}[/URL]`
    }
    return piece
  }).join('')
}
