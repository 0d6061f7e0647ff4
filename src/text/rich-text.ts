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

/** Composes a rich text from the parts of a message that comes as a tree, or with its markup inside. */
export interface RichBuilder {
  /** The text gets every style that is open. */
  append (text: string): void
  /** What is appended until the matching `close` has this style; styles close in the reverse order. */
  open (style: Style, url?: string): void
  close (): void
  /** Ends the line that has something on it; at the start of a line it does nothing. */
  startLine (): void
  /** A new line with "• ", or with a number as in "3. "; `depth` 0 is the outermost list. */
  startItem (number?: number, depth?: number): void
  /** Styles that are still open end here. */
  build (): RichText
}

const INDENT = '    '
const MAX_INDENT = 8

export function createRichBuilder (): RichBuilder {
  let text = ''
  // Known beforehand: to look at the end of a text that has just grown, the engine copies all of it.
  let atLineStart = true
  const ranges: StyleRange[] = []
  const open: { offset: number, style: Style, url: string | undefined }[] = []

  const append = (more: string): void => {
    if (more === '') return
    text += more
    atLineStart = more.endsWith('\n')
  }
  const startLine = (): void => { if (!atLineStart) append('\n') }
  const close = (): void => {
    const last = open.pop()
    if (last !== undefined && last.offset < text.length) ranges.push({ ...last, length: text.length - last.offset })
  }

  return {
    append,
    open: (style, url) => { open.push({ offset: text.length, style, url }) },
    close,
    startLine,
    startItem: (number, depth = 0) => {
      startLine()
      append(INDENT.repeat(Math.min(depth, MAX_INDENT)) + (number === undefined ? '• ' : `${number}. `))
    },
    build: () => {
      while (open.length > 0) close()
      return { text, ranges }
    },
  }
}
