import t from 'tap'
import fc from 'fast-check'
import { listActive, readSent, readStored } from '../../sandbox/bbcode.ts'
import { toElements, type PageNode } from '../../sandbox/page/elements.ts'
import { dangerousText } from '../text/arbitrary.ts'
import { TAGS } from '../text/portal-model.ts'

const active = (sent: string, markdown = false) => listActive(sent, { markdown }).map(({ tag, value, text }) => `${tag}${value === '' ? '' : ` ${value}`}: ${text}`)
const read = (sent: string) => readSent(sent).map(({ text }) => text).join('')

const TABLE: [what: string, sent: string, expected: string[]][] = [
  ['tags in any case, nested and crossing', '[B]a[i]b[/B]c[/I]', ['b: ab', 'i: bc']],
  ['a tag that is not closed, one that is not opened, and one that is none', '[b]a[/i] [1] [x]y[/x]', []],
  ['tags with values', '[size=20]a[/size][color=#f00]b[/color][user=1]c[/user][chat=imol|5]d[/chat]', ['size 20: a', 'color #f00: b', 'user 1: c', 'chat imol|5: d']],
  ['tags of one part', 'a[LIKE][disk=5][*]', ['like: [LIKE]', 'disk 5: [disk=5]', '*: [*]']],
  ['buttons', '[SEND=/pay]Pay[/SEND][PUT=/x]y[/PUT]', ['send /pay: Pay', 'put /x: y']],
  ['links by their scheme', '[URL=https://e.com]a[/URL][url]tel:1[/url][url=javascript:alert(1)]b[/url]', ['url https://e.com: a', 'url tel:1: tel:1']],
  ['bare addresses', 'go https://e.com/a.png, now', ['address https://e.com/a.png,: https://e.com/a.png,']],
  ['code, in which nothing acts', '[code][b]a[/b]\n>>b[/code]', ['code: [b]a[/b]\n>>b']],
  ['quoted lines', '>>a\n>>b\nc\n>>d', ['quote: a\nb', 'quote: d']],
  ['a tag over quoted lines', '>>[b]a\n>>b[/b]', ['quote: [b]a\nb[/b]']],
  ['a quotation between dashes', `a\n${'-'.repeat(54)}\nIvan [today]\nb\n${'-'.repeat(54)}\nc`, ['block: Ivan [today]\nb']],
  ['a personal and a loud message', '/me waves', ['me: waves']],
  ['a loud message', ' /LOUD hey', ['loud: hey']],
  ['smileys', ':) a:) :-D', ['smile: :)', 'smile: :-D']],
  ['entities that the server decodes', '&#91;b&#93;a&#91;/b&#93;', ['b: a']],
  ['entities in entities, one round', '&amp;lt;', []],
  ['an emoji of bytes that spell a tag', ':5b425d615b2f425d:', ['b: a']],
  ['the server\'s line break', 'a#BR#>>b', ['quote: b']],
  ['letters that look like those of a tag', '[ſend=/x]a[/ſend]', ['send /x: a']],
]

t.test('the model finds what a portal acts on', async t => {
  for (const [what, sent, expected] of TABLE) t.strictSame(active(sent), expected, what)
  for (const tag of TAGS.filter(tag => tag !== '[/b]' && !/^\[br\]$/i.test(tag))) t.ok(active(tag).length > 0, tag)
})

t.test('links of Markdown act where the portal has it switched on', async t => {
  t.strictSame(active('[1](https://e.com) [b]x[/b](https://e.com)', true), ['markdown https://e.com: 1', 'markdown https://e.com: /b'])
  t.strictSame(active('[1](mailto:a)'), [])
})

t.test('what is read is the text without what acts', async t => {
  t.equal(read('[b]a[/b] [br]\n>>b\n>>c\n/me [code]d[/code] &lt;e'), 'a \n\nb\nc\n/me d <e')
  t.equal(read('[url=javascript:alert(1)]a[/url]'), 'a')
})

t.test('the page makes elements of its own choice, whatever a message says', async () => {
  const check = (node: PageNode): void => {
    if (typeof node === 'string') return
    const { href, target, rel, title, class: name, ...others } = node.attributes
    const isKnown = /^(?:b|i|u|s|a|em|strong|code|blockquote|span)$/.test(node.name) && (name ?? 'tag') === 'tag' && Object.keys(others).length === 0
    const isSafe = href === undefined || (/^(?:https?:\/\/|mailto:|tel:)/i.test(href) && target === '_blank' && rel === 'noopener noreferrer')
    if (!isKnown || !isSafe || (title !== undefined && name !== 'tag')) throw new Error(JSON.stringify(node))
    for (const child of node.children) check(child)
  }
  const flat = (node: PageNode): string => typeof node === 'string' ? node : node.children.map(flat).join('')
  fc.assert(fc.property(dangerousText, text => {
    const runs = readStored(text)
    const nodes = toElements(runs)
    for (const node of nodes) check(node)
    const withoutBreaks = (texts: string[]) => texts.join('').replaceAll('\n', '')
    if (withoutBreaks(nodes.map(flat)) !== withoutBreaks(runs.map(({ text }) => text))) throw new Error('text is lost')
  }), { numRuns: 1000 })
})

t.test('a block ends its line by itself', async t => {
  const quote = { name: 'blockquote', attributes: {}, children: ['a', '\n', 'b'] }
  t.strictSame(toElements(readStored('>>a\n>>b\n\nc')), [quote, '', '\n', 'c'])
})

t.test('nothing that a browser would run becomes a link', async t => {
  for (const url of ['javascript:alert(1)', 'JavaScript:alert(1)', ' javascript:alert(1)', 'data:text/html,x', '//e.com', 'https:e.com']) {
    t.strictSame(toElements(readStored(`[url=${url}]a[/url]`)), ['a'], url)
  }
})

t.test('elements nest as tags do', async t => {
  t.strictSame(toElements(readStored('[b]a[url=https://e.com]c[/url][/b][color=#f00]d[/color]')), [
    { name: 'b', attributes: {}, children: ['a', { name: 'a', attributes: { href: 'https://e.com', target: '_blank', rel: 'noopener noreferrer' }, children: ['c'] }] },
    { name: 'span', attributes: { class: 'tag', title: 'color #f00' }, children: ['d'] },
  ])
})
