import { neutralise } from './neutralise.ts'
import { renderBbCode } from './rich.ts'
import type { RichText } from './rich-text.ts'
import { readSlack } from './slack.ts'
import { readWhatsApp } from './whatsapp.ts'

const READERS = {
  whatsapp: readWhatsApp,
  slack: readSlack,
} satisfies Record<string, (text: string) => RichText>

/** The formats of texts. `plain` is shown unchanged; with `bbcode` the relay trusts the sender's BB code; the others are a messenger's markup. */
export const TEXT_FORMATS = ['plain', 'bbcode', 'whatsapp', 'slack'] as const satisfies ReadonlyArray<'plain' | 'bbcode' | keyof typeof READERS>

/** The BB code for a text of this format. */
export function formatText (text: string, format: typeof TEXT_FORMATS[number]): string {
  if (format === 'bbcode') return text
  return format === 'plain' ? neutralise(text) : renderBbCode(READERS[format](text))
}
