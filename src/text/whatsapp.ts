import { CODE_PATTERN, readMarkup, type Dialect } from './markup.ts'
import { URL_PATTERN, URL_TAIL } from './neutralise.ts'
import type { RichText } from './rich-text.ts'

/** From WhatsApp's help on formatting messages. Numbered lists stay text. */
const WHATSAPP: Dialect = {
  opaque: new RegExp(`${CODE_PATTERN}|${URL_PATTERN}(?<![${URL_TAIL}])`, 'giu'),
  quote: />(?: |(?=\r?\n|$))/y,
  bullet: /[*-] (?=\S)/y,
}

/** A WhatsApp message: `*bold*`, `_italic_`, `~strike~`, code in one or three backticks, `> ` before a quoted line, `* ` or `- ` before an item of a list. */
export function readWhatsApp (text: string): RichText {
  return readMarkup(text, WHATSAPP)
}
