const NOTHING_TO_SEE = /^[\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cc}\u2800]*$/u
const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', nbsp: ' ' }

/**
 * Whether a text is empty to the portal or to a reader. Bitrix24 decodes entities and hexadecimal emoji, turns `[BR]` and `#BR#` into line
 * breaks, trims, and then deletes a message with an empty text.
 */
export function isBlankForPortal (text: string): boolean {
  if (!/[&#:[]/.test(text)) return isUnseen(text)
  // Twice, because the portal may decode more than once and a deleted message is lost.
  return isUnseen(decode(decode(text)).replace(/\[br\]|#br#/gi, '\n'))
}

/** Whether a text has no visible character, without decoding. */
export function isUnseen (text: string): boolean {
  return NOTHING_TO_SEE.test(text)
}

function decode (text: string): string {
  return text
    .replace(/:((?:[0-9a-f]{2}){3,}):/gi, (_, hex: string) => Buffer.from(hex, 'hex').toString())
    .replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(amp|lt|gt|quot|nbsp));/gi, (_, decimal?: string, hex?: string, name?: string) => {
      if (name !== undefined) return NAMED[name.toLowerCase()] ?? ''
      const codePoint = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal)
      return codePoint > 0x10ffff ? '\ufffd' : String.fromCodePoint(codePoint)
    })
}
