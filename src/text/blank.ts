const NOTHING_TO_SEE = /^[\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cc}\u2800]*$/u
const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', nbsp: ' ' }

/**
 * Whether the portal, or a reader, would take a text for empty. Bitrix24 deletes a message whose text is empty once it has
 * decoded entities and hexadecimal emoji, turned `[BR]` and `#BR#` into line breaks and trimmed.
 */
export function isBlankForPortal (text: string): boolean {
  if (!/[&#:[]/.test(text)) return isUnseen(text)
  // Decoded twice, because it is not known that the portal stops after once, and a deleted message does not come back.
  return isUnseen(decode(decode(text)).replace(/\[br\]|#br#/gi, '\n'))
}

/** Whether a text, taken as it stands, has nothing in it that a reader would see. */
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
