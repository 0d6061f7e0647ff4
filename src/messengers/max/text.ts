import { z } from 'zod'
import type { RichText, Style, StyleRange } from '../../text/rich-text.ts'

/** Those missing here (mentions, highlighted) style nothing: their text stands as it is. */
const STYLES: ReadonlyMap<string, Style> = new Map<string, Style>([
  ['strong', 'bold'], ['emphasized', 'italic'], ['underline', 'underline'], ['strikethrough', 'strike'], ['monospaced', 'code'],
  ['heading', 'heading'], ['quote', 'quote'], ['blockquote', 'quote'], ['link', 'link'],
])

const markups = z.array(z.object({ type: z.string(), from: z.int(), length: z.int(), url: z.string().optional().catch(undefined) }).nullable().catch(null)).catch([])

/**
 * A text of MAX with its `markup`, a list of `{ type, from, length, url? }` in UTF-16 units. MAX sends links without a URL, and ranges that
 * lie outside the text: neither styles anything.
 */
export function readMaxMarkup (text: string, markup: unknown): RichText {
  const ranges = markups.parse(markup).flatMap((element): StyleRange[] => {
    const style = element === null ? undefined : STYLES.get(element.type)
    return element === null || style === undefined ? [] : [{ offset: element.from, length: element.length, style, url: element.url }]
  })
  return { text, ranges }
}
