import { z } from 'zod'
import type { RichText, Style, StyleRange } from '../../text/rich-text.ts'

const STYLES: ReadonlyMap<string, Style> = new Map<string, Style>([['bold', 'bold'], ['italic', 'italic'], ['underline', 'underline'], ['url', 'link']])

/** https://dev.vk.com/reference/objects/message: `items` in UTF-16 units. */
const formatData = z.object({
  items: z.array(z.object({ type: z.string(), offset: z.int(), length: z.int(), url: z.string().optional().catch(undefined) }).nullable().catch(null)),
}).nullable().catch(null)

const MAX_ITEMS = 1000

/** `[id1|Ann]`, `[club1:bp-1_2|Shop]` and `[https://vk.com/page|label]`: VK shows the label, as a link. */
const MENTIONS = /\[(?:(?<page>(?:id|club|public|event)\d{1,20})(?::[\w-]{1,64})?|(?<url>https?:\/\/(?:m\.)?vk\.(?:com|ru)\/[^\s|[\]]{1,2000}))\|(?<label>[^[\]\n]{1,1000})\]/gi

/** The hidden part of a mention, before or after its label. */
interface Cut { readonly start: number, readonly end: number }

/**
 * A text of VK with its wiki mentions and its `format_data`. VK does not document whether the ranges of `format_data` count the hidden
 * parts of mentions; this assumes that they do.
 */
export function readVkText (written: string, format: unknown): RichText {
  const links: StyleRange[] = []
  const cuts: Cut[] = []
  let text = ''
  let end = 0
  for (const { 0: mention, index, groups } of written.matchAll(MENTIONS)) {
    const { page, url = `https://vk.com/${page}`, label = '' } = groups ?? {}
    const labelAt = index + mention.length - 1 - label.length
    text += written.slice(end, index)
    links.push({ offset: text.length, length: label.length, style: 'link', url })
    text += label
    end = index + mention.length
    cuts.push({ start: index, end: labelAt }, { start: end - 1, end })
  }
  return { text: text + written.slice(end), ranges: [...links, ...readFormat(written, format, cuts)] }
}

function readFormat (written: string, format: unknown, cuts: readonly Cut[]): StyleRange[] {
  const items = formatData.parse(format)?.items ?? []
  return items.slice(0, MAX_ITEMS).flatMap((item): StyleRange[] => {
    const style = item === null ? undefined : STYLES.get(item.type)
    if (item === null || style === undefined || item.offset < 0 || item.length <= 0 || item.offset + item.length > written.length) return []
    const offset = toShown(item.offset, cuts)
    return [{ offset, length: toShown(item.offset + item.length, cuts) - offset, style, url: item.url }]
  })
}

/** The position in the shown text for a position in the written one. */
function toShown (position: number, cuts: readonly Cut[]): number {
  return cuts.reduce((at, { start, end }) => at - Math.max(0, Math.min(position, end) - start), position)
}
