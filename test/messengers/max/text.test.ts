import t from 'tap'
import fc from 'fast-check'
import { isUnseen } from '../../../src/text/blank.ts'
import { readMaxMarkup } from '../../../src/messengers/max/max.ts'
import { renderBbCode } from '../../../src/text/rich.ts'
import { dangerousText } from '../../text/arbitrary.ts'
import { checkShown } from '../../text/shown.ts'
import { styled } from '../../text/styled.ts'

const STYLES: [type: string, style: string | null][] = [
  ['strong', 'bold'], ['emphasized', 'italic'], ['underline', 'underline'], ['strikethrough', 'strike'], ['monospaced', 'code'],
  ['heading', 'heading'], ['quote', 'quote'], ['blockquote', 'quote'],
  ['user_mention', null], ['highlighted', null], ['__proto__', null],
]

t.test('every kind of markup styles what it should, and the others leave the text as it is', async t => {
  for (const [type, style] of STYLES) {
    t.strictSame(styled(readMaxMarkup('👍 word', [{ type, from: 3, length: 4 }])), style === null ? [] : [`${style}(word)`], type)
  }
})

t.test('a link has a URL, or is its text', async t => {
  t.equal(renderBbCode(readMaxMarkup('a list', [{ type: 'link', from: 2, length: 4, url: 'https://e.com' }])), 'a [URL=https://e.com]list[/URL]')
  for (const url of [undefined, null, 1, '', 'javascript:alert(1)', 'max://chat']) {
    t.equal(renderBbCode(readMaxMarkup('a list', [{ type: 'link', from: 2, length: 4, url }])), 'a list', JSON.stringify(url))
  }
})

t.test('markup that lies outside the text, or is none, costs itself and nothing else', async t => {
  const good = { type: 'strong', from: 0, length: 1 }
  for (const bad of [{ type: 'strong', from: 409, length: 26 }, { type: 'strong', from: 2, length: 26 }, { type: 'strong', from: -1, length: 2 }, { type: 'strong', from: 0, length: 0 }, { type: 'strong' }, null, 'x']) {
    t.equal(renderBbCode(readMaxMarkup('a text', [bad, good])), '[B]a[/B] text', JSON.stringify(bad))
  }
  for (const markup of [undefined, null, {}, 'x', 1]) t.strictSame(readMaxMarkup('a text', markup), { text: 'a text', ranges: [] })
})

t.test('whatever is written, only MAX styles it', async () => {
  const element = fc.record({ type: fc.constantFrom(...STYLES.map(([type]) => type), 'link'), from: fc.integer({ min: -2, max: 60 }), length: fc.integer({ min: -1, max: 40 }), url: fc.constantFrom('https://e.com', 'javascript:1', undefined) })
  fc.assert(fc.property(dangerousText.filter(text => !isUnseen(text)), fc.array(element, { maxLength: 6 }), (text, markup) => {
    const rich = readMaxMarkup(text, markup)
    if (rich.text !== text) throw new Error('the text is another')
    checkShown(rich, renderBbCode(rich))
  }), { numRuns: 400 })
})

t.test('no markup throws', async () => {
  fc.assert(fc.property(fc.string(), fc.jsonValue(), (text, markup) => { renderBbCode(readMaxMarkup(text, markup)) }))
})
