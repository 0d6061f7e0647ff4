import { trim } from './php.ts'

const messageLimit = 20_000

/**
 * What the portal does to a text on its way in, in its order: cut, `[BR]` to newline, trim. An empty result deletes on an update.
 * Bitrix24's im module counts characters, not bytes, and allows six more than the limit before it cuts.
 */
export function normalizeText (text: string): string {
  return trim(cut(text).replaceAll('[BR]', '\n').replaceAll('[br]', '\n'))
}

function cut (text: string): string {
  if (text.length <= messageLimit + 6) return text
  const characters = [...text]
  return characters.length > messageLimit + 6 ? `${characters.slice(0, messageLimit).join('')} (...)` : text
}

const entities: ReadonlyArray<readonly [string, string]> = [
  ['&#91;', '['], ['&#93;', ']'], ['&lt;', '<'], ['&gt;', '>'], ['&amp;', '&'], ['&quot;', '"'], ['&nbsp;', ' '], ['#BR#', '\n'],
]

/** The stored text has these decoded, one after the other, so an entity protects nobody from a BB code. */
export function decodeEntities (text: string): string {
  return entities.reduce((decoded, [entity, character]) => decoded.replaceAll(entity, character), text)
}

/** Bitrix24's old way of writing an emoji: the hex of its UTF-8 bytes between colons, `:f09f9880:`. */
export function decodeEmoji (text: string): string {
  return text.replace(/:((?:[0-9a-f]{2}){4,}):/gi, (whole, hex: string) => {
    const decoded = Buffer.from(hex, 'hex').toString('utf8')
    return decoded.includes('\uFFFD') ? whole : decoded
  })
}
