import type { ShownMessage } from './open-lines.ts'

/** The portal cuts a longer text, but allows six characters more before it does. */
const MAX_CHARACTERS = 20_000
const CUT_ABOVE = MAX_CHARACTERS + 6
const CUT_SIGN = ' (...)'

const ENTITIES: Readonly<Record<string, string>> = { '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#039;': '\'', '&#39;': '\'', '&#91;': '[', '&#93;': ']', '&nbsp;': ' ', '&amp;': '&' }

/**
 * Whether the portal shows a text as it was sent. The portal trims and cuts a text, decodes entities and emoji, makes links of addresses, and writes tags
 * as BB code or as HTML, so only what a reader sees is compared: letters and signs, without tags, and with one space for any blank.
 */
export function isShownAs (sent: string, { text, legacyText }: Pick<ShownMessage, 'text' | 'legacyText'>): boolean {
  const expected = visible(cut(sent))
  if (visible(text) === expected) return true
  return legacyText !== '' && visible(legacyText.replace(/<br ?\/?>/gi, '\n').replace(/<\/?[a-z][^<>]*>/gi, '')) === expected
}

function cut (text: string): string {
  const characters = [...text]
  return characters.length > CUT_ABOVE ? characters.slice(0, MAX_CHARACTERS).join('') + CUT_SIGN : text
}

/** A zero width space breaks what a client has typed like a tag, so it is removed last. */
function visible (text: string): string {
  return text
    .replace(/\[br\]|#BR#/gi, '\n')
    .replace(/\[\/?(?:[a-z]+(?:=[^[\]]*)?|\*)\]/gi, '')
    .replace(/&(?:lt|gt|quot|amp|nbsp|#0?39|#9[13]);/gi, entity => ENTITIES[entity.toLowerCase()] ?? entity)
    .replace(/:((?:[0-9a-f]{2}){4,}):/gi, (whole, hex: string) => decoded(hex) ?? whole)
    .replaceAll('\u200B', '')
    .replace(/\s+/gu, ' ')
    .trim()
}

/** Bitrix24 writes an emoji as the hexadecimal digits of its UTF-8 bytes where a database cannot hold it. */
function decoded (hex: string): string | null {
  const text = Buffer.from(hex, 'hex').toString('utf8')
  return text.includes('\uFFFD') ? null : text
}
