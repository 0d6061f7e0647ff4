/** One text with its styles: `offset` and `length` in UTF-16 code units, as Telegram, MAX and VK count. Ranges may nest, cross and repeat; invalid ones are dropped. */
export interface RichText { readonly text: string, readonly ranges: readonly StyleRange[] }

export type Style = 'bold' | 'italic' | 'underline' | 'strike' | 'code' | 'pre' | 'quote' | 'heading' | 'link'

export interface StyleRange {
  readonly offset: number
  readonly length: number
  readonly style: Style
  /** For `link`: http, https, mailto or tel. Of other links only the label is shown. */
  readonly url?: string | undefined
}

/** Builds a rich text from a tree or from a text with markup. */
export interface RichBuilder {
  /** The text gets all open styles. */
  append (text: string): void
  /** Text appended before the matching `close` gets this style; styles close in reverse order. */
  open (style: Style, url?: string): void
  close (): void
  /** Starts a new line, except at the start of a line. */
  startLine (): void
  /** A new line with "• ", or with a number as in "3. "; `depth` 0 is the outermost list. */
  startItem (number?: number, depth?: number): void
  /** Closes all open styles. */
  build (): RichText
}

const INDENT = '    '
const MAX_INDENT = 8

export function createRichBuilder (): RichBuilder {
  let text = ''
  // A variable, because the engine copies the whole text to read the end of one that has just grown.
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
