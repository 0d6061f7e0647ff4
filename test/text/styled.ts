import type { RichText } from '../../src/text/rich-text.ts'

/** What each style of a rich text covers, in the order of the ranges, for a reader's tests: the rendering has its own. */
export function styled ({ text, ranges }: RichText): string[] {
  return ranges.map(({ offset, length, style, url }) => `${style}(${text.slice(offset, offset + length)})${url === undefined ? '' : ` ${url}`}`)
}
