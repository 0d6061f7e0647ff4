import { neutralise } from './neutralise.ts'

/** How a sender writes its texts. `plain` is shown as it is; with `bbcode` the sender is trusted to write BB code. */
export const TEXT_FORMATS = ['plain', 'bbcode'] as const

export type TextFormat = typeof TEXT_FORMATS[number]

/** The BB code that shows a text of this format. */
export function formatText (text: string, format: TextFormat): string {
  return format === 'bbcode' ? text : neutralise(text)
}
