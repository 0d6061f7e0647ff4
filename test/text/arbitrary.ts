import fc from 'fast-check'
import type { RichText, StyleRange } from '../../src/text/rich-text.ts'
import { TAGS } from './portal-model.ts'

const hazard = fc.constantFrom(
  ...TAGS.flatMap(tag => [tag, tag.slice(0, 3), tag.slice(3)]),
  '[', ']', '/', '*', '&', '#', ';', ':', '>', '>>', '/me ', '/loud ', '\n', '\r\n', ' ', '\t', '&#91;', '&#93;', '&lt;', '&amp;', '&quot;', '&nbsp;', '&#x5b;',
  '#BR#', '####REPLACEMENT_PUT_0####', ':f09f918d:', ':5b425d61:', 'f09f918d', '-'.repeat(9), '-'.repeat(27), '-'.repeat(54),
  'https://e.com', 'https://e.com/', 'http://e.com/?a[b]=', 'www.', '=1', 'b', 'URL', 'SEND', 'ſ', '\u200B', '\u00A0', '\uFEFF', '🙂', '](https://e.com)', '(https://e.com)')

/** Texts that are full of what would act in a portal, and of halves of it. */
export const dangerousText = fc.array(fc.oneof({ arbitrary: hazard, weight: 4 }, { arbitrary: fc.string({ unit: 'grapheme', maxLength: 5 }), weight: 1 }), { maxLength: 14 })
  .map(parts => parts.join(''))

const style = fc.constantFrom('bold', 'italic', 'underline', 'strike', 'code', 'pre', 'quote', 'heading', 'link')
const url = fc.oneof(
  fc.constantFrom('https://e.com', 'http://e.com/?a[1]=2&lt=[/URL]#BR#', 'tel:+7 999', 'mailto:a@e.com', 'javascript:alert(1)', 'https://', '', `https://e.com/${'-'.repeat(60)}`, undefined),
  dangerousText.map(text => `https://e.com/${text}`))

/** Ranges anywhere, also where no text is. */
const range: fc.Arbitrary<StyleRange> = fc.record({ offset: fc.integer({ min: -2, max: 80 }), length: fc.integer({ min: -1, max: 40 }), style, url })

export const richText: fc.Arbitrary<RichText> = fc.record({ text: dangerousText, ranges: fc.array(range, { maxLength: 8 }) })
