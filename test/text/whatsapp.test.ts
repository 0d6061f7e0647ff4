import t from 'tap'
import fc from 'fast-check'
import { isUnseen } from '../../src/text/blank.ts'
import { renderBbCode } from '../../src/text/rich.ts'
import { readWhatsApp } from '../../src/text/whatsapp.ts'
import { dangerousText } from './arbitrary.ts'
import { checkShown } from './shown.ts'
import { styled } from './styled.ts'

const TABLE: [what: string, text: string, shown: string, styles: string[]][] = [
  ['each style', '*b* _i_ ~s~ `c` ```p```', 'b i s c p', ['bold(b)', 'italic(i)', 'strike(s)', 'code(c)', 'pre(p)']],
  ['nested styles', '*_~x~ y_*', 'x y', ['strike(x)', 'italic(x y)', 'bold(x y)']],
  ['crossing styles: the one that is closed first', '*a _b* c_', 'a _b c_', ['bold(a _b)']],
  ['the nearest opening', '*a *b*', '*a b', ['bold(b)']],
  ['words with the marks of styles in them', '2*3*4 snake_case_name ~/.config ~2 * 3 * 4', '2*3*4 snake_case_name ~/.config ~2 * 3 * 4', []],
  ['a mark that touches blank from inside', 'x * a* *b * __', 'x * a* *b * __', []],
  ['marks by punctuation', '(*a*), "_b_"! *c*.', '(a), "b"! c.', ['bold(a)', 'italic(b)', 'bold(c)']],
  ['Cyrillic words', 'а*б*в *где*', 'а*б*в где', ['bold(где)']],
  ['doubled marks', '**a**', '*a*', ['bold(a)']],
  ['a style ends with its line', '*a\nb* _c_', '*a\nb* c', ['italic(c)']],
  ['no markup in code', '`*a* _b_` ```*c*\n> d```', '*a* _b_ *c*\n> d', ['code(*a* _b_)', 'pre(*c*\n> d)']],
  ['code over lines needs three marks', '`a\nb`', '`a\nb`', []],
  ['marks of code with nothing between them or not closed', '`` ` ` ```\n ``` ``` a', '`` ` ` ```\n ``` ``` a', []],
  ['styles around code', '*a `b` c*', 'a b c', ['code(b)', 'bold(a b c)']],
  ['a URL', 'https://e.com/_a_/*b* *https://e.com/a_b*', 'https://e.com/_a_/*b* https://e.com/a_b', ['bold(https://e.com/a_b)']],
  ['quoted lines', 'a\n> *b*\n> c\nd > e', 'a\nb\nc\nd > e', ['bold(b)', 'quote(b)', 'quote(c)']],
  ['quoted lines of other makes', '>\r\n> a\r\nb\n>c', '\r\na\r\nb\n>c', ['quote(\r)', 'quote(a\r)']],
  ['lists', '* a\n- *b*\n1. c\n> * d\n-e\n* ', '• a\n• b\n1. c\n• d\n-e\n* ', ['bold(b)', 'quote(• d)']],
  ['half of the marks', '*_', '*_', []],
  ['nothing', '', '', []],
]

t.test('WhatsApp\'s markup is read', async t => {
  for (const [what, text, shown, styles] of TABLE) {
    const rich = readWhatsApp(text)
    t.equal(rich.text, shown, what)
    t.strictSame(styled(rich).sort(), styles.sort(), `${what}: styles`)
  }
})

t.test('the line break of a quotation is written as it came', async t => {
  t.equal(renderBbCode(readWhatsApp('> a\r\n> b\r\n\r\nc')), '>>a\r\n>>b\r\n\r\nc')
})

const marks = fc.constantFrom('*', '_', '~', '`', '```', '> ', '- ', '*a*', '_b_', '~c~', ' ', '\n', 'https://e.com/_')
const written = fc.array(fc.oneof(marks, dangerousText), { maxLength: 8 }).map(parts => parts.join(''))

t.test('whatever is written, only markup acts', async () => {
  fc.assert(fc.property(written, text => {
    const rich = readWhatsApp(text)
    if (!isUnseen(rich.text)) checkShown(rich, renderBbCode(rich))
    const withoutMarks = (text: string) => text.replace(/[*_~`>•\- ]/g, '')
    if (withoutMarks(rich.text) !== withoutMarks(text)) throw new Error(`${JSON.stringify(text)} reads as ${JSON.stringify(rich.text)}`)
  }), { numRuns: 500 })
})

t.test('what WhatsApp would style is styled', async () => {
  const part = fc.record({ mark: fc.constantFrom(['*', 'bold'], ['_', 'italic'], ['~', 'strike'], ['`', 'code'], ['```', 'pre'], ['', '']), text: fc.stringMatching(/^[a-zа-я0-9]{1,5}( [a-zа-я0-9]{1,5})?$/) })
  fc.assert(fc.property(fc.array(part, { maxLength: 6 }), parts => {
    const rich = readWhatsApp(parts.map(({ mark: [mark], text }) => mark + text + mark).join(' '))
    const expected = parts.filter(({ mark: [mark] }) => mark !== '').map(({ mark: [, style], text }) => `${style}(${text})`)
    return rich.text === parts.map(({ text }) => text).join(' ') && String(styled(rich)) === String(expected)
  }), { numRuns: 500 })
})

t.test('a long text of any one mark is done with: what grew with the square of the length would outlast the test', async t => {
  for (const part of ['*', '*a', '_ ', '`', '```', '``` ', '> ', '>\n', '- ', '*_~a', 'www.', 'https://e.com/*', 'www.**']) t.ok(readWhatsApp(part.repeat(50_000)).text.length > 0, part)
})
