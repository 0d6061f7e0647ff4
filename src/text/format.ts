import { neutralise } from './neutralise.ts'
import { renderBbCode } from './rich.ts'
import type { RichText } from './rich-text.ts'
import { readSlack } from './slack.ts'
import { readWhatsApp } from './whatsapp.ts'

const READERS = {
  whatsapp: readWhatsApp,
  slack: readSlack,
} satisfies Record<string, (text: string) => RichText>

/** How a sender writes its texts. `plain` is shown as it is; with `bbcode` the sender is trusted to write BB code; the rest is a messenger's markup. */
export const TEXT_FORMATS = ['plain', 'bbcode', 'whatsapp', 'slack'] as const satisfies ReadonlyArray<'plain' | 'bbcode' | keyof typeof READERS>

export type TextFormat = typeof TEXT_FORMATS[number]

/** The BB code that shows a text of this format. */
export function formatText (text: string, format: TextFormat): string {
  if (format === 'bbcode') return text
  return format === 'plain' ? neutralise(text) : renderBbCode(READERS[format](text))
}
