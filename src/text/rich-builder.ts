import type { RichText, Style, StyleRange } from './rich-text.ts'

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
