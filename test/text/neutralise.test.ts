import t from 'tap'
import fc from 'fast-check'
import { neutralise, neutraliseUrl } from '../../src/text/neutralise.ts'
import { dangerousText } from './arbitrary.ts'
import { TAGS, portalActsOn } from './portal-model.ts'

const BREAK = '\u200B'
const withoutBreaks = (text: string) => text.replaceAll(BREAK, '')

t.test('every tag that the portal knows is broken behind its bracket', async t => {
  for (const tag of TAGS) {
    t.equal(neutralise(tag), tag.replace(/\[(?=[a-z/*])/gi, `[${BREAK}`), tag)
    t.strictSame(portalActsOn(tag).length > 0, true, `the model acts on ${tag}, so the test can fail`)
    t.strictSame(portalActsOn(neutralise(tag)), [], `nothing acts in ${tag} any more`)
  }
})

const TABLE: [what: string, text: string, expected: string][] = [
  ['a bracket that opens no tag', 'a[1] [ ] [', 'a[1] [ ] ['],
  ['a list item', '[*]one', '[|*]one'],
  ['a letter that folds to an ASCII one', '[ſend=/x]a[/ſend]', '[|ſend=/x]a[|/ſend]'],
  ['an entity by number', '&#91;b]', '&|#91;b]'],
  ['an entity by hexadecimal number', '&#x5B;b]', '&|#x5B;b]'],
  ['an entity by name', 'a &lt; b &amp;lt;', 'a &|lt; b &|amp;lt;'],
  ['an ampersand that starts no entity', 'R&D, a & b, x&y', 'R&D, a & b, x&y'],
  ['nine dashes', '-'.repeat(9), '-'.repeat(9)],
  ['the dashes of a quotation', '-'.repeat(54), Array(6).fill('-'.repeat(9)).join('|')],
  ['a quotation at the start of the text', '>>said', '|>>said'],
  ['a quotation after blanks', ' \t>>said', ' \t|>>said'],
  ['a quotation on another line', 'a\n>>b\r\n>>>c', 'a\n|>>b\r\n|>>>c'],
  ['an arrow inside a line', 'a >> b', 'a >> b'],
  ['a personal message', '/me waves', '|/me waves'],
  ['a loud message after blanks', '\n /LOUD x', '\n |/LOUD x'],
  ['a slash inside a line', 'and/menu', 'and/menu'],
  ['a line break in the server\'s word', 'a#BR##br#b', 'a#|BR##|br#b'],
  ['a placeholder of the client', '####REPLACEMENT_SEND_0####', '#|###REPLACEMENT_SEND_0####'],
  ['a placeholder of the client for Markdown', '####MD_CODE_0####', '#|###MD_CODE_0####'],
  ['a link of Markdown', '[1](https://e.com) ![](https://e.com)', '[1]|(https://e.com) ![]|(https://e.com)'],
  ['an emoji in hexadecimal', ':f09f918d:f09f918d:', ':|f09f918d:|f09f918d:'],
  ['a time of day', '10:30:45', '10:30:45'],
  ['a smiley and a real emoji', ':) 👍🏽', ':) 👍🏽'],
  ['a URL with brackets', 'https://e.com/?a[1]=2&b[c]=3', 'https://e.com/?a%5B1%5D=2&b%5Bc%5D=3'],
  ['a URL in brackets', '[https://e.com/a]', '[|https://e.com/a]'],
  ['a URL without a scheme', 'see www.e.com/?q[x]=1 now', 'see www.e.com/?q%5Bx%5D=1 now'],
  ['a tag right behind a host', 'https://e.com[b]x[/b]', 'https://e.com[|b]x[|/b]'],
  ['a URL with an entity', 'https://e.com/?a=1&lt;b', 'https://e.com/?a=1&lt%3Bb'],
  ['a URL with a line break and a placeholder', 'https://e.com/#BR####REPLACEMENT', 'https://e.com/#BR%23%23%23%23REPLACEMENT'],
  ['a URL with dashes', `https://e.com/${'-'.repeat(11)}`, `https://e.com/${'-'.repeat(9)}%2D%2D`],
  ['a URL with an emoji in hexadecimal', 'https://e.com/:5b425d61:', 'https://e.com/%3A5b425d61:'],
]

t.test('what would act is broken, and nothing else is changed', async t => {
  for (const [what, text, expected] of TABLE) t.equal(neutralise(text), expected.replaceAll('|', BREAK), what)
})

t.test('a URL made part of a text ends where it should', async t => {
  t.equal(neutraliseUrl('https://e.com/a b"<c>[d]#e#f'), 'https://e.com/a%20b%22%3Cc%3E%5Bd%5D#e%23f')
  t.equal(neutraliseUrl('https://e.com/\u2028'), 'https://e.com/%E2%80%A8')
})

t.test('nothing acts in any text', async () => {
  fc.assert(fc.property(dangerousText, text => { if (portalActsOn(neutralise(text)).length > 0) throw new Error(portalActsOn(neutralise(text)).join()) }),
    { numRuns: 5_000 })
})

t.test('a text without URLs is read as it was written', async () => {
  fc.assert(fc.property(dangerousText.filter(text => !/https?:|www\./i.test(text)), text => withoutBreaks(neutralise(text)) === withoutBreaks(text)),
    { numRuns: 2_000 })
})

t.test('a long text of any one hazard is done with: what grew with the square of the length would outlast the test', async t => {
  for (const part of ['www.', '[', '>>', ' ', '\n', '&a', ':aaaaaa', '-', '####', 'https://e.com/[', '&lt;', ' >>\n']) {
    t.ok(neutralise(part.repeat(100_000)).length >= 100_000, JSON.stringify(part))
  }
})
