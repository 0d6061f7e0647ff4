import t from 'tap'
import fc from 'fast-check'
import type { MessageEntity } from '@grammyjs/types'
import { isUnseen } from '../../../src/text/blank.ts'
import { renderBbCode } from '../../../src/text/rich.ts'
import { readTelegramMessage } from '../../../src/messengers/telegram/text.ts'
import { animation, document, photo, richMessage, voice } from '../fixtures/telegram/updates.ts'
import { dangerousText } from '../../text/arbitrary.ts'
import { checkShown } from '../../text/shown.ts'
import { styled } from '../../text/styled.ts'

function read (message: object) {
  const rich = readTelegramMessage(message as Record<string, unknown>)
  if (rich === null) throw new Error('it says nothing')
  return rich
}

t.test('entities become styles, counted in UTF-16 units', async t => {
  const entities: MessageEntity[] = [
    { type: 'bold', offset: 3, length: 4 },
    { type: 'italic', offset: 3, length: 9 },
    { type: 'text_link', offset: 13, length: 4, url: 'https://e.com' },
  ]
  t.strictSame(styled(read({ text: '👍 bold and a link', entities })), ['bold(bold)', 'italic(bold and )', 'link( lin) https://e.com'])
})

const ENTITIES: [type: MessageEntity['type'], style: string | null][] = [
  ['bold', 'bold'], ['italic', 'italic'], ['underline', 'underline'], ['strikethrough', 'strike'], ['code', 'code'], ['pre', 'pre'],
  ['blockquote', 'quote'], ['expandable_blockquote', 'quote'], ['text_link', 'link'],
  ['mention', null], ['hashtag', null], ['cashtag', null], ['bot_command', null], ['url', null], ['email', null], ['phone_number', null],
  ['spoiler', null], ['text_mention', null], ['custom_emoji', null], ['date_time', null],
]

t.test('every kind of entity styles what it should, and the others leave the text as it is', async t => {
  for (const [type, style] of ENTITIES) {
    const rich = read({ text: 'a word', entities: [{ type, offset: 2, length: 4 }] })
    t.strictSame([rich.text, ...styled(rich)], style === null ? ['a word'] : ['a word', `${style}(word)`], type)
  }
})

t.test('entities that cannot be read cost themselves and nothing else', async t => {
  for (const bad of [null, 1, {}, { type: 'bold' }, { type: 'bold', offset: 0.5, length: 1 }, { type: 'bold', offset: '0', length: 1 }, { type: 'constructor', offset: 0, length: 1 }]) {
    t.strictSame(styled(read({ text: 'text', entities: [bad, { type: 'italic', offset: 0, length: 4 }] })), ['italic(text)'], JSON.stringify(bad))
  }
  for (const entities of [undefined, null, 'x', {}]) t.strictSame(read({ text: 'text', entities }), { text: 'text', ranges: [] })
})

t.test('a caption is read like a text', async t => {
  t.strictSame(styled(read({ photo, caption: 'see this', caption_entities: [{ type: 'bold', offset: 0, length: 3 }] })), ['bold(see)'])
})

t.test('a file without a caption is shown by a sign: taking a caption back must not leave the old one with the operator', async t => {
  t.equal(read({ photo }).text, '📷')
  t.equal(read({ photo, caption: '' }).text, '📷')
  t.equal(read({ document }).text, '📎 order [1].pdf')
  t.equal(read({ document, animation }).text, '🎞', 'an animation is a document too')
  t.equal(read({ voice }).text, '🎤')
})

t.test('what has neither text nor file says nothing', async t => {
  for (const message of [{}, { location: { latitude: 1, longitude: 2 } }, { dice: {} }, { text: 1 }, { photo: null }, { rich_message: [] }]) {
    t.equal(readTelegramMessage(message), null, JSON.stringify(message))
  }
})

t.test('a checklist becomes lines with boxes', async t => {
  const rich = read({ checklist: { title: 'To do', tasks: [{ id: 1, text: 'pay', completion_date: 1_773_266_050 }, { id: 2, text: 'fetch' }] } })
  t.equal(rich.text, 'To do\n☑ pay\n☐ fetch')
  t.strictSame(styled(rich), ['bold(To do)'])
})

t.test('a rich message becomes lines', async t => {
  const rich = read({ rich_message: richMessage })
  t.strictSame(rich.text.split('\n'), [
    'Order № 7',
    'See the list, a secret 👍.',
    '1. Apples',
    '    • red',
    '2. code()',
    '• ☑ paid',
    '• ☐ sent',
    'As you said',
    'on Monday',
    'Olga',
    'Prices',
    'What | How much',
    'Apples | 90',
    'More',
    'soon',
    'E = mc^2',
    '📷 the shelf',
    'Anna',
    '📷',
    '🎤',
    'old',
  ])
  t.strictSame(styled(rich).sort(), [
    'bold(How much)', 'bold(More)', 'bold(Prices)', 'bold(What)', 'bold(the list)', 'code(90)', 'heading(Order № 7)', 'italic(Anna)', 'italic(Olga)', 'italic(№ 7)',
    'link(the list) https://e.com/?a[1]=2', 'pre(code())', 'quote(As you said\non Monday\nOlga)', 'strike(old)', 'underline(soon)',
  ])
})

t.test('blocks and texts of kinds unknown to us are read for what is in them', async t => {
  const rich = read({ rich_message: { blocks: [{ type: 'aside', blocks: [{ type: 'paragraph', text: { type: 'glow', text: 'in' } }, { type: 'paragraph', text: ' side' }] }, 7, null] } })
  t.strictSame(rich, { text: 'in\n side', ranges: [] })
})

t.test('a hostile depth ends', async t => {
  const nest = (depth: number, wrap: (inner: unknown) => unknown): unknown => Array.from({ length: depth }).reduce(wrap, 'x')
  t.doesNotThrow(() => read({ rich_message: { blocks: [{ type: 'paragraph', text: nest(100_000, text => ({ type: 'bold', text })) }] } }))
  t.doesNotThrow(() => read({ rich_message: { blocks: [{ type: 'paragraph', text: nest(100_000, text => [text]) }] } }))
  t.doesNotThrow(() => read({ rich_message: { blocks: [nest(100_000, block => ({ type: 'details', blocks: [block] }))] } }))
})

t.test('whatever is written, only Telegram styles it', async () => {
  const entity = fc.record({ type: fc.constantFrom(...ENTITIES.map(([type]) => type)), offset: fc.integer({ min: -2, max: 60 }), length: fc.integer({ min: -1, max: 40 }), url: fc.constantFrom('https://e.com', 'javascript:1') })
  fc.assert(fc.property(dangerousText.filter(isSeen), fc.array(entity, { maxLength: 6 }), (text, entities) => {
    const rich = read({ text, entities })
    if (rich.text !== text) throw new Error('the text is another')
    checkShown(rich, renderBbCode(rich))
  }), { numRuns: 200 })

  const texts = dangerousText.filter(isSeen)
  const inline = fc.record({ type: fc.constantFrom('bold', 'code', 'url', 'marked', 'mention'), text: texts, url: texts.map(text => `https://e.com/${text}`) })
  const leaf = fc.record({ type: fc.constantFrom('paragraph', 'heading', 'pre', 'footer'), text: fc.oneof(texts, inline, fc.tuple(texts, inline)) })
  const block = fc.oneof(
    leaf,
    fc.record({ type: fc.constant('blockquote'), blocks: fc.array(leaf, { maxLength: 2 }), credit: texts }),
    fc.record({ type: fc.constant('list'), items: fc.array(fc.record({ blocks: fc.array(leaf, { maxLength: 2 }), value: fc.option(fc.nat(9), { nil: undefined }) }), { maxLength: 3 }) }),
    fc.record({ type: fc.constant('table'), caption: texts, cells: fc.array(fc.array(fc.record({ text: texts }), { maxLength: 3 }), { maxLength: 3 }) }))
  fc.assert(fc.property(fc.array(block, { maxLength: 4 }), blocks => {
    const rich = read({ rich_message: { blocks } })
    if (isSeen(rich.text)) checkShown(rich, renderBbCode(rich))
  }), { numRuns: 200 })
})

function isSeen (text: string): boolean {
  return !isUnseen(text)
}

t.test('no message throws', async () => {
  const node: fc.Arbitrary<unknown> = fc.letrec(tie => ({
    node: fc.oneof({ maxDepth: 6 }, fc.string(), fc.jsonValue(), fc.array(tie('node'), { maxLength: 4 }), fc.record({
      type: fc.constantFrom('bold', 'url', 'list', 'table', 'photo', 'blockquote', 'heading', '__proto__', 'toString'),
      text: tie('node'),
      blocks: tie('node'),
      items: tie('node'),
      cells: tie('node'),
      caption: tie('node'),
      summary: tie('node'),
      credit: tie('node'),
      url: tie('node'),
    }, { requiredKeys: [] })),
  })).node
  fc.assert(fc.property(node, node, (blocks, value) => {
    const rich = readTelegramMessage({ rich_message: { blocks } })
    if (rich === null) throw new Error('a rich message says something, if only nothing')
    for (const { offset, length } of rich.ranges) if (offset < 0 || length <= 0 || offset + length > rich.text.length) throw new Error('a range lies outside')
    for (const key of ['text', 'caption', 'rich_message', 'checklist', 'document']) readTelegramMessage({ [key]: value, entities: value, caption_entities: value })
  }), { numRuns: 500 })
})
