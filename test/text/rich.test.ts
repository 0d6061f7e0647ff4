import t from 'tap'
import fc from 'fast-check'
import { listActive } from '../../sandbox/bbcode.ts'
import { isBlankForPortal, isUnseen } from '../../src/text/blank.ts'
import { renderBbCode } from '../../src/text/rich.ts'
import type { Style, StyleRange } from '../../src/text/rich-text.ts'
import { richText } from './arbitrary.ts'
import { TAGS } from './portal-model.ts'
import { checkShown, percentDecode } from './shown.ts'

type Range = [offset: number, length: number, style: Style, url?: string]

const toRich = (text: string, ranges: readonly Range[]) =>
  ({ text, ranges: ranges.map(([offset, length, style, url]): StyleRange => ({ offset, length, style, url })) })
const render = (text: string, ...ranges: Range[]) => renderBbCode(toRich(text, ranges)).replaceAll('\u200B', '|')

const TABLE: [what: string, rendered: string, expected: string][] = [
  ['no styles', render('a [b]'), 'a [|b]'],
  ['each style', render('b i u s c p h', [0, 1, 'bold'], [2, 1, 'italic'], [4, 1, 'underline'], [6, 1, 'strike'], [8, 1, 'code'], [10, 1, 'pre'], [12, 1, 'heading']),
    '[B]b[/B] [I]i[/I] [U]u[/U] [S]s[/S] [CODE]c[/CODE] [CODE]p[/CODE] [B]h[/B]'],
  ['offsets in UTF-16 code units', render('👍 bold link', [3, 4, 'bold'], [8, 4, 'link', 'https://e.com/']), '👍 [B]bold[/B] [URL=https://e.com/]link[/URL]'],
  ['nested ranges, the outer one first or last', render('abc', [1, 1, 'italic'], [0, 3, 'bold'], [1, 1, 'strike']), '[B]a[I][S]b[/S][/I]c[/B]'],
  ['crossing ranges', render('overlap test', [0, 7, 'bold'], [4, 8, 'italic']), '[B]over[I]lap[/I][/B][I] test[/I]'],
  ['the same and touching ranges', render('abcd', [0, 2, 'bold'], [0, 2, 'bold'], [2, 1, 'heading'], [1, 2, 'bold']), '[B]abc[/B]d'],
  ['a range before, behind, without length, and not a number', render('abc', [-1, 2, 'bold'], [2, 2, 'bold'], [1, 0, 'bold'], [1, -1, 'bold'], [0.5, 1, 'bold'], [NaN, 1, 'bold'], [0, Infinity, 'bold']), 'abc'],
  ['half of a surrogate pair', render('a👍b', [0, 2, 'bold'], [2, 2, 'bold']), 'a👍b'],
  ['a token split by a range\'s border', render('[b]&#91;', [1, 1, 'bold'], [4, 1, 'italic']), '[[B]|b[/B]]&[I]|#[/I]91;'],
  ['a token that spans a whole range', render('-'.repeat(54), [20, 20, 'bold']), `${'-'.repeat(9)}|${'-'.repeat(9)}|--[B]${'-'.repeat(7)}|${'-'.repeat(9)}|${'-'.repeat(4)}[/B]${'-'.repeat(5)}|${'-'.repeat(9)}`],
  ['a bracket behind a tag, which is a link of Markdown', render('site(https://e.com)', [0, 4, 'bold']), '[B]site[/B]|(https://e.com)'],

  ['a quotation of lines', render('a\nb\n\nc\nd', [2, 4, 'quote']), 'a\n>>b\n>>\n>>c\nd'],
  ['a quotation with the line breaks around it', render('a\nb\nc', [1, 3, 'quote']), 'a\n>>b\nc'],
  ['a quotation of all of the text', render('a\nb', [0, 3, 'quote']), '>>a\n>>b'],
  ['a quotation inside a line', render('abc', [1, 1, 'quote']), 'a\n>>b\nc'],
  ['two quotations side by side', render('a\nb\nc', [0, 1, 'quote'], [2, 1, 'quote']), '>>a\n>>b\nc'],
  ['a quotation with line breaks of two characters', render('a\r\nb\r\nc', [0, 4, 'quote']), '>>a\r\n>>b\r\nc'],
  ['a quotation that ends inside a line break', render('a\r\nb', [0, 2, 'quote']), '>>a\r\nb'],
  ['styles over quoted lines', render('a\nbc\nd', [0, 6, 'bold'], [2, 2, 'quote'], [3, 3, 'italic']), '[B]a[/B]\n>>[B]b[I]c[/I][/B]\n[B][I]d[/I][/B]'],
  ['a link over quoted lines', render('a\nb', [0, 3, 'quote'], [0, 3, 'link', 'tel:+7']), '>>[URL=tel:+7]a[/URL]\n>>[URL=tel:+7]b[/URL]'],
  ['marks of a quotation in one', render('>>a\n>b', [0, 6, 'quote']), '>>|>>a\n>>|>b'],
  ['marks of a quotation where a line is made', render('a>>b>>c> >>d', [1, 3, 'quote'], [7, 1, 'quote']), 'a\n>>|>>b\n|>>c\n>>|>\n| >>d'],

  ['code holds nothing but code', render('abcde', [0, 2, 'bold'], [1, 3, 'code'], [2, 1, 'italic'], [3, 2, 'underline']), '[B]a[/B][CODE]bcd[/CODE][U]e[/U]'],
  ['a style around code', render('abc', [0, 3, 'bold'], [1, 1, 'code'], [1, 1, 'link', 'https://e.com']), '[B]a[URL=https://e.com][CODE]b[/CODE][/URL]c[/B]'],
  ['code over quoted lines', render('a\nb', [0, 3, 'quote'], [0, 3, 'pre']), '>>[CODE]a[/CODE]\n>>[CODE]b[/CODE]'],

  ['a link is not cut by a style that ends in it', render('abcdef', [0, 4, 'bold'], [2, 4, 'link', 'https://e.com']), '[B]ab[/B][URL=https://e.com][B]cd[/B]ef[/URL]'],
  ['a link in a link', render('abcd', [0, 3, 'link', 'https://a.com'], [1, 1, 'link', 'https://b.com'], [2, 2, 'link', 'https://c.com'], [3, 1, 'link', 'https://d.com']),
    '[URL=https://a.com]abc[/URL][URL=https://d.com]d[/URL]'],
  ['a label that closes the link', render('[/URL][B]', [0, 9, 'link', 'https://e.com']), '[URL=https://e.com][|/URL][|B][/URL]'],
  ['an address that acts', render('a', [0, 1, 'link', 'https://e.com/]x[/URL][B] "&#91;\n\u202E#BR#']), '[URL=https://e.com/%5Dx%5B/URL%5D%5BB%5D%20%22&#91%3B%0A%E2%80%AE%23BR%23]a[/URL]'],
  ['addresses that may be linked', render('abcd', [0, 1, 'link', 'HTTP://e.com'], [1, 1, 'link', 'mailto:a@e.com'], [2, 1, 'link', 'tel:1'], [3, 1, 'link', 'https://e.com']),
    '[URL=HTTP://e.com]a[/URL][URL=mailto:a@e.com]b[/URL][URL=tel:1]c[/URL][URL=https://e.com]d[/URL]'],
  ['addresses that may not', render('abcdefg', [0, 1, 'link', 'javascript:alert(1)'], [1, 1, 'link', ' https://e.com'], [2, 1, 'link', 'https://'], [3, 1, 'link', '//e.com'],
    [4, 1, 'link'], [5, 1, 'link', `https://e.com/${'a'.repeat(2048)}`], [6, 1, 'link', 'ftp://e.com']), 'abcdefg'],

  ['a URL in the text takes no tag inside', render('go https://e.com/a_b? now', [3, 9, 'bold'], [18, 4, 'italic']), 'go [I][B]https://e.com/a_b[/B]? [/I]now'],
  ['a style ends with a URL, before the sentence does', render('https://e.com/a.', [0, 15, 'bold']), '[B]https://e.com/a[/B].'],
  ['a quotation does not cut a URL', render('https://e.com/a b', [0, 12, 'quote']), '>>https://e.com/a\n| b'],
]

t.test('styles become BB code', async t => {
  for (const [what, rendered, expected] of TABLE) t.equal(rendered, expected, what)
})

t.test('a blank text stays one that the guard knows', async t => {
  for (const text of [' ', '\n\u200B', '\u2800']) t.ok(isBlankForPortal(renderBbCode(toRich(text, [[0, 1, 'bold'], [0, 1, 'quote'], [0, 1, 'link', 'https://e.com']]))))
})

t.test('every asked style is at work over its own text, and nothing else is', async () => {
  fc.assert(fc.property(richText.filter(({ text }) => !isUnseen(text)), rich => { checkShown(rich, renderBbCode(rich)) }), { numRuns: 1500 })
})

t.test('a token does not act, wherever a border splits it', async t => {
  for (const token of [...TAGS, '&#91;b]x[/b]', '#BR#', '>>said', '/me x', ':5b425d61:', '-'.repeat(60), '####REPLACEMENT_PUT_0####', '[1](https://e.com)']) {
    for (const style of ['bold', 'code', 'quote', 'link'] as const) {
      for (let border = 1; border < token.length; border++) {
        for (const range of [[0, border, style, 'https://e.com'], [border, token.length - border, style, 'https://e.com']] satisfies Range[]) {
          const rich = toRich(token, [range])
          checkShown(rich, renderBbCode(rich))
        }
      }
    }
    t.pass(token)
  }
})

t.test('a URL of the text is one address for the portal, whatever the styles', async () => {
  const part = fc.constantFrom('a', '/', '?b=', '&c;', '#d', '[e]', '%20', '(', ')', '_f_', '*', '.', ',', '-'.repeat(12), ':5b425d61:', 'ж')
  const url = fc.array(part, { maxLength: 8 }).map(parts => `https://e.com/${parts.join('')}`)
  const range = fc.record({ offset: fc.nat(60), length: fc.nat(60), style: fc.constantFrom<Style>('bold', 'italic', 'quote', 'link'), url: fc.constant('https://other.com') })
  fc.assert(fc.property(url, fc.array(range, { maxLength: 5 }), (url, ranges) => {
    const sent = renderBbCode({ text: `see ${url} there`, ranges })
    const addresses = listActive(sent).filter(({ tag }) => tag === 'address')
    if (addresses.length !== 1 || !percentDecode(addresses[0]?.text ?? '').startsWith(percentDecode(url.replace(/[.,:;!?'"*_~`()}]*$/, '')))) throw new Error(sent)
  }), { numRuns: 300 })
})

t.test('what the portal would cut off is not styled, so that no text grows without end', async t => {
  const url = `https://e.com/${'a'.repeat(2000)}`
  const sent = renderBbCode(toRich('x\n'.repeat(50_000), [[0, 100_000, 'quote'], [0, 100_000, 'link', url]]))
  t.ok(sent.length < 150_000)
  t.ok(sent.replace(/>>|\[[^\]]*\]/g, '') === 'x\n'.repeat(50_000), 'and nothing of it is lost')
})

t.test('many ranges are done with: what grew with their square would outlast the test', async t => {
  const text = 'a https://e.com/b\n'.repeat(5_000)
  const styles: Style[] = ['bold', 'italic', 'underline', 'strike', 'code', 'quote', 'link']
  const ranges = Array.from({ length: 50_000 }, (_, index): Range => [index % 80_000, 1 + index % 97, styles[index % 7] ?? 'bold', 'https://e.com'])
  t.ok(render(text, ...ranges).length > text.length)
  t.ok(render(text, ...ranges.map(([offset,, style, url]): Range => [offset / 2 | 0, 45_000, style, url])).length > text.length)
})
