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

/** What stands around a label and is not shown. */
interface Cut { readonly start: number, readonly end: number }

/**
 * A text of VK with its wiki mentions and its `format_data`. VK does not say which text the ranges of `format_data` count in; it is
 * taken to be the one beside which they stand, with the mentions as they are written.
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
    const offset = shown(item.offset, cuts)
    return [{ offset, length: shown(item.offset + item.length, cuts) - offset, style, url: item.url }]
  })
}

/** Where a position of the written text comes to be in the shown one. */
function shown (position: number, cuts: readonly Cut[]): number {
  return cuts.reduce((at, { start, end }) => at - Math.max(0, Math.min(position, end) - start), position)
}
