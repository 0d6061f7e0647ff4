import t from 'tap'
import fc from 'fast-check'
import { renderBbCode } from '../../../src/text/rich.ts'
import { readVkText } from '../../../src/messengers/vk/text.ts'
import { checkShown } from '../../text/shown.ts'
import { styled } from '../../text/styled.ts'

const format = (...items: unknown[]) => ({ version: '1', items })

t.test('a mention shows its label, as a link to the page', async t => {
  const cases: [written: string, shown: string, styles: string[]][] = [
    ['[id1|Ann], hello', 'Ann, hello', ['link(Ann) https://vk.com/id1']],
    ['ask [club77|the shop] or [public8|us]', 'ask the shop or us', ['link(the shop) https://vk.com/club77', 'link(us) https://vk.com/public8']],
    ['[club77:bp-77_12|Shop], thanks', 'Shop, thanks', ['link(Shop) https://vk.com/club77']],
    ['see [https://vk.com/wall-1_2|the post]', 'see the post', ['link(the post) https://vk.com/wall-1_2']],
  ]
  for (const [written, shown, styles] of cases) {
    const rich = readVkText(written, undefined)
    t.equal(rich.text, shown)
    t.strictSame(styled(rich), styles)
  }
})

t.test('what only looks like a mention stays as it is', async t => {
  for (const written of ['[id|Ann]', '[id1]', '[id1|]', '[id1|a\nb]', '[b|x]', '[url=https://e.com|x]', '[https://evil.example/vk.com|bank]', '[https://vk.com.evil.example/|bank]', '[javascript:1|x]', '[idx|x]', '[[', ']|[']) {
    t.strictSame(readVkText(written, undefined), { text: written, ranges: [] })
  }
})

t.test('a client\'s own characters act neither in a label nor around it', async t => {
  t.equal(renderBbCode(readVkText('[b]x[/b] [id1|Ann] [id2|a=b:f09f918d:]', undefined)),
    '[\u200Bb]x[\u200B/b] [URL=https://vk.com/id1]Ann[/URL] [URL=https://vk.com/id2]a=b:\u200Bf09f918d:[/URL]')
})

t.test('every kind of format styles what it should', async t => {
  const styles: [type: string, styled: string[]][] = [
    ['bold', ['bold(word)']], ['italic', ['italic(word)']], ['underline', ['underline(word)']], ['strange', []], ['__proto__', []],
  ]
  for (const [type, expected] of styles) t.strictSame(styled(readVkText('👍 word', format({ type, offset: 3, length: 4 }))), expected, type)
  t.strictSame(styled(readVkText('👍 word', format({ type: 'url', offset: 3, length: 4, url: 'https://e.com' }))), ['link(word) https://e.com'])
})

t.test('format counts in the text with its mentions as they are written', async t => {
  const written = 'a [id1|Ann] and so on'
  t.strictSame(styled(readVkText(written, format({ type: 'bold', offset: 12, length: 3 }))), ['link(Ann) https://vk.com/id1', 'bold(and)'])
  t.strictSame(styled(readVkText(written, format({ type: 'bold', offset: 7, length: 3 }))).at(-1), 'bold(Ann)')
  t.strictSame(styled(readVkText(written, format({ type: 'bold', offset: 2, length: 9 }))).at(-1), 'bold(Ann)')
  t.strictSame(styled(readVkText(written, format({ type: 'bold', offset: 0, length: written.length }))).at(-1), 'bold(a Ann and so on)')
  t.equal(renderBbCode(readVkText(written, format({ type: 'bold', offset: 3, length: 2 }))), 'a [URL=https://vk.com/id1]Ann[/URL] and so on', 'inside what is not shown')
})

t.test('format that lies outside the text, or is none, costs itself and nothing else', async t => {
  const good = { type: 'bold', offset: 0, length: 1 }
  for (const bad of [{ type: 'bold', offset: 40, length: 2 }, { type: 'bold', offset: 2, length: 40 }, { type: 'bold', offset: -1, length: 2 }, { type: 'bold', offset: 0, length: 0 }, { type: 'bold' }, null, 'x']) {
    t.equal(renderBbCode(readVkText('a text', format(bad, good))), '[B]a[/B] text', JSON.stringify(bad))
  }
  for (const none of [undefined, null, {}, 'x', 1, { items: 'x' }]) t.strictSame(readVkText('a text', none), { text: 'a text', ranges: [] })
})

t.test('whatever is written, nobody but VK styles it', async () => {
  const words = fc.constantFrom('[id1|', '[club2|', ']', '[b]', '[/URL]', 'Ann', '|', '[https://vk.com/x|', ' ', '>>', '&#91;', 'https://e.com/', '👍')
  const texts = fc.array(words, { maxLength: 12 }).map(parts => parts.join(''))
  const items = fc.array(fc.record({ type: fc.constantFrom('bold', 'italic', 'url', 'x'), offset: fc.integer({ min: -2, max: 40 }), length: fc.integer({ min: -2, max: 40 }), url: fc.constantFrom('https://e.com', 'javascript:1', undefined) }), { maxLength: 4 })
  fc.assert(fc.property(texts, items, (text, items) => {
    const rich = readVkText(text, format(...items))
    checkShown(rich, renderBbCode(rich))
  }))
  fc.assert(fc.property(fc.string(), fc.jsonValue(), (text, json) => { renderBbCode(readVkText(text, json)) }))
})

t.test('a hostile text is read as it is', async t => {
  const text = '[https://vk.com/'.repeat(6000) + '[id1|'.repeat(2000)
  t.equal(readVkText(text, undefined).text, text)
})
