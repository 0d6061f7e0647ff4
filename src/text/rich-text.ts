/** One text with its styles: `offset` and `length` in UTF-16 code units, as Telegram, MAX and VK count. Ranges may nest, cross, repeat and lie outside; bad ones are dropped. */
export interface RichText { readonly text: string, readonly ranges: readonly StyleRange[] }

export type Style = 'bold' | 'italic' | 'underline' | 'strike' | 'code' | 'pre' | 'quote' | 'heading' | 'link'

export interface StyleRange {
  readonly offset: number
  readonly length: number
  readonly style: Style
  /** For `link`: http, https, mailto or tel; a link to anything else is shown as its label alone. */
  readonly url?: string | undefined
}
