import { readSent } from '../../sandbox/bbcode.ts'
import type { RichText, Style, StyleRange } from '../../src/text/rich-text.ts'

const TAGS: Readonly<Record<Style, string>> = {
  bold: 'b', heading: 'b', italic: 'i', underline: 'u', strike: 's', code: 'code', pre: 'code', quote: 'quote', link: 'url',
}
/** What the portal makes of a client's own words, and may: a picture of a smiley, and a link of an address. */
const HARMLESS = new Set(['smile', 'address'])

interface Asked { readonly start: number, readonly end: number, readonly tag: string, readonly isLink: boolean }

/**
 * Throws unless an operator reads the text as it is, every style is at work over its own characters, and nothing else is. Styles end at the
 * borders of a URL rather than inside it, give way to code that they are not around, and a link gives way to another one.
 */
export function checkShown ({ text, ranges }: RichText, sent: string): void {
  const exact = ranges.filter(range => isGood(text, range)).map(({ offset, length, style, url = '' }): Asked =>
    ({ start: offset, end: offset + length, tag: style === 'link' ? `url ${percentDecode(url)}` : TAGS[style], isLink: style === 'link' }))
  const wide = exact.map(({ start, end, ...asked }) => ({ ...asked, start: urlAround(text, start)?.start ?? start, end: urlAround(text, end)?.end ?? end }))
  for (const [index, tags] of align(text, sent)) {
    const covers = ({ start, end }: Asked) => start <= index && index < end
    const allowed = new Set(wide.filter(covers).map(({ tag }) => tag))
    for (const tag of tags) if (!allowed.has(tag)) throw new Error(`nobody asked for ${tag} over ${index}: ${JSON.stringify(text)} became ${JSON.stringify(sent)}`)
    for (const [number, asked] of exact.entries()) {
      if (!covers(asked) || tags.has(asked.tag) || (allowed.has('code') && asked.tag !== 'code' && asked.tag !== 'quote')) continue
      const isOverlapped = asked.isLink && wide.some((other, place) => place !== number && other.isLink && other.start < (wide[number]?.end ?? 0) && other.end > (wide[number]?.start ?? 0))
      if (!isOverlapped) throw new Error(`${asked.tag} is missing over ${index}: ${JSON.stringify(text)} became ${JSON.stringify(sent)}`)
    }
  }
}

function isGood (text: string, { offset, length, style, url = '' }: StyleRange): boolean {
  const isWhole = (at: number) => !/^[\uD800-\uDBFF][\uDC00-\uDFFF]$/.test(text.slice(at - 1, at + 1))
  return offset >= 0 && length > 0 && offset + length <= text.length && isWhole(offset) && isWhole(offset + length) &&
    (style !== 'link' || (url.length <= 2048 && /^(?:https?:\/\/[^\s/?#]|mailto:\S|tel:\S)/i.test(url)))
}

/** The word with an address in it that has a position inside. */
function urlAround (text: string, position: number): { start: number, end: number } | undefined {
  for (const { 0: word, index } of text.matchAll(/\S*(?:https?:\/\/|www\.)\S*/gi)) {
    if (index < position && position < index + word.length) return { start: index, end: index + word.length }
  }
}

/** What is at work over each character of the text that can be seen, by its place. Throws when the operator reads another text. */
export function align (text: string, sent: string): Map<number, ReadonlySet<string>> {
  let shown = ''
  const tagsAt: Array<ReadonlySet<string>> = []
  for (const run of readSent(sent, { markdown: true })) {
    const tags = new Set(run.tags.filter(({ tag }) => !HARMLESS.has(tag)).map(({ tag, value }) => tag === 'url' ? `url ${percentDecode(value)}` : `${tag}${value}`))
    for (const unit of run.text.replaceAll('\u200B', '').split('')) {
      shown += unit
      tagsAt.push(tags)
    }
  }

  // Line breaks may be more, around quotations, or fewer, at the ends; everything else is the same.
  const plain = (text: string) => percentDecode(text.replace(/[\u200B\r\n]/g, '')).trim()
  if (plain(shown) !== plain(text)) throw new Error(`${JSON.stringify(text)} reads as ${JSON.stringify(shown)}`)

  const aligned = new Map<number, ReadonlySet<string>>()
  let at = 0
  for (let index = 0; index < text.length;) {
    const character = String.fromCodePoint(text.codePointAt(index) ?? 0)
    while (/\s/.test(shown.charAt(at))) at++
    if (/[\s\u200B]/.test(character)) index++
    else if (shown[at] === text[index]) aligned.set(index++, tagsAt[at++] ?? new Set())
    else {
      index += character.length
      at += percentEncode(character).length
    }
  }
  return aligned
}

/** As a character stands in an address. */
function percentEncode (character: string): string {
  return [...Buffer.from(character)].map(byte => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
}

export function percentDecode (url: string): string {
  return url.replace(/(?:%[0-9a-f]{2})+/gi, bytes => Buffer.from(bytes.replaceAll('%', ''), 'hex').toString())
}
