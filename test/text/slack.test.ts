import t from 'tap'
import fc from 'fast-check'
import { isUnseen } from '../../src/text/blank.ts'
import { renderBbCode } from '../../src/text/rich.ts'
import { readSlack } from '../../src/text/slack.ts'
import { dangerousText } from './arbitrary.ts'
import { checkShown } from './shown.ts'
import { styled } from './styled.ts'

const TABLE: [what: string, text: string, shown: string, styles: string[]][] = [
  ['each style', '*b* _i_ ~s~ `c` ```p\nq```', 'b i s c p\nq', ['bold(b)', 'italic(i)', 'strike(s)', 'code(c)', 'pre(p\nq)']],
  ['entities, decoded once', '&lt;b&gt; &amp;lt; &amp;amp; &quot;', '<b> &lt; &amp; &quot;', []],
  ['an entity that would be markup', '&lt;https://e.com|x&gt;', '<https://e.com|x>', []],
  ['a link with a label', 'see <https://e.com/?a=1&amp;b=2|the &lt;page&gt; _x_>', 'see the <page> _x_', ['link(the <page> _x_) https://e.com/?a=1&b=2']],
  ['a link without one', 'see <https://e.com/?a=1&amp;b=2>.', 'see https://e.com/?a=1&b=2.', []],
  ['addresses of mail and telephone', '<mailto:a@e.com|a@e.com> <mailto:b@e.com> <tel:+7999>', 'a@e.com b@e.com +7999', ['link(a@e.com) mailto:a@e.com', 'link(b@e.com) mailto:b@e.com', 'link(+7999) tel:+7999']],
  ['a link inside a style', '*<https://e.com|x>*', 'x', ['link(x) https://e.com', 'bold(x)']],
  ['mentions', '<@U1> <@U2|bob> <@U3|@eve> <#C1> <#C2|general> <!here> <!channel|channel> <!subteam^S1|@team> <!subteam^S2>', '@U1 @bob @eve #C1 #general @here @channel @team @subteam', []],
  ['a date', '<!date^1392734382^{date_num}|2014-02-18>', '2014-02-18', []],
  ['quoted lines', '&gt; *a*\n&gt;b\nc &gt; d', 'a\nb\nc > d', ['bold(a)', 'quote(a)', 'quote(b)']],
  ['all the rest quoted', 'a\n&gt;&gt;&gt; b\n&gt; _c_\nd', 'a\nb\n> c\nd', ['italic(c)', 'quote(b\n> c\nd)']],
  ['code with entities and links', '`&lt;i&gt; *a*` ```<https://e.com|e.com> &amp;&amp; <@U1>```', '<i> *a* e.com && @U1', ['code(<i> *a*)', 'pre(e.com && @U1)']],
  ['angles that are none of Slack\'s', '< > <> <|a> <\n>', '  <> a <\n>', ['link(a) ']],
  ['an address that is no link', '<javascript:alert(1)|a> <javascript:b>', 'a javascript:b', ['link(a) javascript:alert(1)']],
]

t.test('Slack\'s markup is read', async t => {
  for (const [what, text, shown, styles] of TABLE) {
    const rich = readSlack(text)
    t.equal(rich.text, shown, what)
    t.strictSame(styled(rich).sort(), styles.sort(), `${what}: styles`)
  }
})

t.test('what a person typed does not act when its entities are decoded', async t => {
  t.equal(renderBbCode(readSlack('&amp;#91;b] &gt;&gt; [b] <https://e.com/[b]|[/URL]> <javascript:x|a>')),
    '&\u200B#91;b] >> [\u200Bb] [URL=https://e.com/%5Bb%5D][\u200B/URL][/URL] a')
})

const marks = fc.constantFrom('*', '_', '~', '`', '```', '&gt; ', '&gt;&gt;&gt;', '*a*', '<https://e.com|', '<@U1>', '<', '>', '|', '&lt;', '&amp;', ' ', '\n')
const written = fc.array(fc.oneof(marks, dangerousText), { maxLength: 8 }).map(parts => parts.join(''))

t.test('whatever is written, only markup acts', async () => {
  fc.assert(fc.property(written, text => {
    const rich = readSlack(text)
    if (!isUnseen(rich.text)) checkShown(rich, renderBbCode(rich))
  }), { numRuns: 500 })
})

t.test('what Slack would style is styled, and what a person typed is read as it was typed', async () => {
  const escape = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  const part = fc.record({ mark: fc.constantFrom(['*', 'bold'], ['_', 'italic'], ['~', 'strike'], ['`', 'code'], ['', '']), text: fc.stringMatching(/^[a-zа-я0-9&]([a-z<>&|; ]{0,6}[a-zа-я0-9;])?$/) })
  fc.assert(fc.property(fc.array(part, { maxLength: 6 }), parts => {
    const rich = readSlack(parts.map(({ mark: [mark], text }) => mark + escape(text) + mark).join(' '))
    const expected = parts.filter(({ mark: [mark] }) => mark !== '').map(({ mark: [, style], text }) => `${style}(${text})`)
    return rich.text === parts.map(({ text }) => text).join(' ') && String(styled(rich)) === String(expected)
  }), { numRuns: 500 })
})

t.test('a long text of any one mark is done with: what grew with the square of the length would outlast the test', async t => {
  for (const part of ['*', '*a', '`', '```', '<', '<a', '<a|', '<@U>', '&gt;', '&gt;\n', '&amp;', '*_~a', 'https://e.com/<']) t.ok(readSlack(part.repeat(50_000)).text.length > 0, part)
})
