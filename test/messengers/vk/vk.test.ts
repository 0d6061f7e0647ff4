import t from 'tap'
import { MessageContext, VK, type Objects } from 'vk-io'
import { BadRequest, Unauthenticated } from '../../../src/base/errors.ts'
import { vk as module } from '../../../src/messengers/vk/vk.ts'
import type { WebhookContent } from '../../../src/messengers/messenger.ts'
import { fixture, type Changes } from '../fixture.ts'
import { fuzz } from '../fuzz.ts'
import { startMessengers } from '../running.ts'

const NOW = Date.UTC(2026, 10, 22, 10, 30)
const SENT_AT = 1_795_341_600_000
const SECRET = 'vk-secret-of-the-tests-1'
const SETTINGS = { groupId: 220011223, confirmation: 'c0ffee42', messageId: 'conversation_message_id' }
const EVENTS = ['message_edit', 'message_edit.files', 'message_edit.own', 'message_new', 'confirmation']

const create = (settings: object = {}, ...secrets: string[]) => module.create({ secrets: secrets.length > 0 ? secrets : [SECRET], settings: { ...SETTINGS, ...settings } })
const request = (body: Buffer, method: 'GET' | 'POST' = 'POST') => ({ method, query: '', headers: {}, body })

function parse (event: string, changes: Changes = {}, settings: object = {}): WebhookContent {
  return create(settings).parse(request(fixture(`vk/${event}`, changes)), NOW)
}

function parseOne (event: string, changes: Changes = {}, settings: object = {}) {
  const { edits: [edit] } = parse(event, changes, settings)
  if (edit === undefined) throw new Error('it was ignored')
  return edit
}

t.test('every field of a client\'s edit is read, and the object is the message itself', async t => {
  t.strictSame(parse('message_edit'), {
    edits: [{
      direction: 'in',
      user: { id: '40123456', url: 'https://vk.com/id40123456' },
      message: { id: '2169', date: SENT_AT, text: '👍 [URL=https://vk.com/id40999]Boris[/URL], [B]take two[/B] [\u200BB]oxes[\u200B/B]', files: [] },
      chat: { id: '2000000066' },
      revision: { at: SENT_AT + 60_000, tie: 10_000_017n },
    }],
    ignored: [],
    clients: [],
  })
})

t.test('another\'s library reads the same from the fixture', async t => {
  const vk = new VK({ token: 'none' })
  const heard: MessageContext[] = []
  vk.updates.on('message_edit', context => { heard.push(context) })
  const event = JSON.parse(fixture('vk/message_edit').toString()) as Objects.CallbackMessageEdit
  await vk.updates.handleWebhookUpdate(event)
  const edit = parseOne('message_edit')
  t.match(heard, [{
    senderId: Number(edit.user.id),
    peerId: Number(edit.chat.id),
    conversationMessageId: Number(edit.message.id),
    createdAt: (edit.message.date ?? 0) / 1000,
    updatedAt: edit.revision.at / 1000,
    isOutbox: false,
  }])
})

t.test('ids are exact, and those of the original connector', async t => {
  t.equal(parseOne('message_edit', { 'object.from_id': 212345678901, 'object.peer_id': 212345678901 }).user.id, '212345678901', 'newer accounts have longer numbers than a chat')
  const body = Buffer.from(fixture('vk/message_edit').toString().replace('2000000066', '9007199254740993'))
  t.equal(create().parse(request(body), NOW).edits[0]?.chat.id, '9007199254740993')
  t.equal(parseOne('message_edit.files', {}, { messageId: 'id' }).message.id, '771')
  t.throws(() => parse('message_edit', {}, { messageId: 'id' }), new BadRequest('faulty: /object/id'), 'in a chat of several people the id is 0')
})

t.test('an id that the channel does not use may be anything', async t => {
  t.equal(parseOne('message_edit.files', { 'object.conversation_message_id': undefined }, { messageId: 'id' }).message.id, '771')
  t.equal(parseOne('message_edit', { 'object.id': null }).message.id, '2169')
  t.equal(parseOne('message_edit', { 'object.date': SENT_AT }).message.date, undefined, 'nor does a wrong date cost the edit')
})

t.test('of a message that was never updated the date is the revision, and without a version its tie is 0', async t => {
  t.strictSame(parseOne('message_edit', { 'object.update_time': undefined, 'object.version': undefined }).revision, { at: SENT_AT, tie: 0n })
})

t.test('the community\'s own edits are the operator\'s, by each of their signs', async t => {
  t.match(parseOne('message_edit.own'), { direction: 'out', user: { id: '40123456' }, chat: { id: '40123456' } })
  for (const changes of [{ 'object.from_id': -220011223 }, { 'object.out': 1 }, { 'object.admin_author_id': 7001 }] as Changes[]) {
    t.equal(parseOne('message_edit', changes).direction, 'out', JSON.stringify(changes))
  }
})

t.test('files go on by links that open without a token: the largest photo, documents, voice, graffiti', async t => {
  const { message } = parseOne('message_edit.files')
  t.strictSame(message.files, [
    { url: 'https://sun1.userapi.example/w.jpg?sign=2' },
    { url: 'https://vk.example/doc40123456_2?hash=3', name: 'order [1].pdf' },
    { url: 'https://psv.userapi.example/voice.mp3' },
    { url: 'https://vk.example/graffiti.png' },
  ])
  t.equal(message.text, '', 'their addresses become the text later')
  t.match(parseOne('message_edit.files', { 'object.text': 'see' }).message, { text: 'see', files: [] }, 'which an update shows, and nothing else')
})

t.test('an attachment without a link is shown by a sign, if there is no text', async t => {
  const shown = (...attachments: unknown[]) => parseOne('message_edit.files', { 'object.attachments': attachments }).message
  t.match(shown({ type: 'sticker' }, { type: 'video', video: { id: 1 } }), { text: '🎬', files: [] })
  t.match(shown({ type: 'photo', photo: { sizes: [{ url: 'javascript:1', width: 1, height: 1 }, null, 7] } }), { text: '📷', files: [] })
  t.match(shown({ type: 'sticker' }, null, 7), { text: '', files: [] }, 'the guard keeps what says nothing at all from the portal')
  t.equal(parseOne('message_edit', { 'object.attachments': [{ type: 'video' }] }).message.text, parseOne('message_edit').message.text)
})

t.test('a text that was taken away may also be null or missing', async t => {
  for (const text of [null, undefined]) t.strictSame(parseOne('message_edit.files', { 'object.text': text }).message, parseOne('message_edit.files').message)
  t.equal(parseOne('message_edit', { 'object.text': null, 'object.attachments': [{ type: 'video' }] }).message.text, '🎬')
})

t.test('with a token the client\'s name can be asked for, and not otherwise', async t => {
  t.equal(parseOne('message_edit', {}, { apiToken: 'vk1.a.0123456789' }).user.lookUpId, '40123456')
  t.notOk('lookUpId' in parseOne('message_edit').user)
})

t.test('other events are ignored, and tell nobody\'s name', async t => {
  t.strictSame(parse('message_new'), { edits: [], ignored: [{}], clients: [] })
  t.strictSame(parse('message_edit', { type: 'wall_post_new' }), { edits: [], ignored: [{}], clients: [] })
})

t.test('an edit that cannot be read names its fields and none of its words', async t => {
  const cases: [what: string, changes: Changes, detail: RegExp][] = [
    ['no ids', { 'object.from_id': undefined, 'object.peer_id': 'x', 'object.conversation_message_id': 1.5 }, /^faulty: \/object\/from_id, \/object\/peer_id$/],
    ['no message', { object: undefined }, /^faulty: \/object$/],
    ['as in message_new', { object: { message: {} } }, /\/object\/from_id/],
    ['no id of the message', { 'object.conversation_message_id': 1.5 }, /^faulty: \/object\/conversation_message_id$/],
    ['no time', { 'object.update_time': null, 'object.date': undefined }, /^faulty: \/object\/update_time$/],
    ['no text', { 'object.text': undefined }, /^faulty: \/object\/text$/],
    ['a text too long', { 'object.text': 'x'.repeat(100_001) }, /more than 100000 characters/],
    ['an edit far ahead', { 'object.update_time': 9_999_999_999 }, /\/object\/update_time is not a time/],
    ['milliseconds', { 'object.update_time': SENT_AT }, /\/object\/update_time is not a time/],
    ['no type', { type: undefined, 'object.text': 'my password' }, /^faulty: \/type$/],
  ]
  for (const [what, changes, detail] of cases) {
    t.throws(() => parse('message_edit', changes), BadRequest, what)
    t.throws(() => parse('message_edit', changes), { message: detail }, what)
  }
})

t.test('a confirmation is answered for the channel\'s community only, with or without a secret', async t => {
  const greet = (changes: Changes = {}, method?: 'GET') => create().greet?.(request(fixture('vk/confirmation', changes), method))
  t.strictSame(greet(), { status: 200, body: 'c0ffee42' })
  t.strictSame(greet({ secret: SECRET }), { status: 200, body: 'c0ffee42' })
  t.strictSame(greet({ group_id: '220011223' }), null)
  t.strictSame(greet({ group_id: 1 }), null)
  t.strictSame(greet({ group_id: null }), null)
  t.strictSame(greet({}, 'GET'), null)
  for (const body of ['{"confirmation"', '["confirmation"]', '"confirmation"', `{"type":"confirmation","group_id":220011223,"x":"${'x'.repeat(1024)}"}`]) t.strictSame(create().greet?.(request(Buffer.from(body))), null, body.slice(0, 20))
  t.strictSame(create().greet?.(request(fixture('vk/message_edit', { 'object.text': '"confirmation"' }))), null)
})

t.test('only the secret of the community opens', async t => {
  const verify = (changes: Changes, ...secrets: string[]) => () => { create({}, ...secrets).verify(request(fixture('vk/message_edit', changes)), NOW) }
  t.doesNotThrow(verify({}))
  t.doesNotThrow(verify({}, 'the-next-secret-of-tests', SECRET), 'while it rotates')
  const forgeries: Changes[] = [
    { secret: undefined }, { secret: '' }, { secret: null }, { secret: SECRET.slice(1) }, { secret: `${SECRET} ` }, { secret: [SECRET] }, { secret: { [SECRET]: 1 } }, { secret: undefined, 'object.secret': SECRET },
    { group_id: 1 }, { group_id: undefined }, { group_id: '220011223x' },
  ]
  for (const changes of forgeries) t.throws(verify(changes), Unauthenticated, JSON.stringify(changes))
  for (const body of ['', 'x', '[]', 'null', `"${SECRET}"`]) t.throws(() => { create().verify(request(Buffer.from(body)), NOW) }, Unauthenticated, body)
})

t.test('a secret is what VK keeps, and not too short', async t => {
  for (const secret of [SECRET, 'A'.repeat(16), 'a'.repeat(50)]) t.ok(module.secret.isGood(secret), secret)
  for (const secret of ['', 'a'.repeat(15), 'a'.repeat(51), 'with blanks in between', 'п'.repeat(20)]) t.notOk(module.secret.isGood(secret), secret)
})

t.test('nothing that is posted is more than unreadable', async () => {
  fuzz(body => create().parse(request(body), NOW), EVENTS.map(event => fixture(`vk/${event}`).toString()))
})

t.test('through the relay into the portal', async t => {
  const channel = { messenger: 'vk', groupId: 220011223, confirmation: 'c0ffee42' }
  const { portal, lines, sendOriginal, post, drained, shown } = await startMessengers(t, [
    // eslint-disable-next-line no-template-curly-in-string -- as it stands in a CHANNELS_FILE
    { id: 'vk', secrets: ['${VK_SECRET}'], ...channel, allowAnonymous: true },
    { id: 'named', secrets: [SECRET], ...channel, groupId: '220011223' },
  ], { VK_SECRET: SECRET })
  const sentAt = Math.floor(Date.now() / 1000) - 60
  const event = (message: number, afterS: number, text: string, changes: Changes = {}) =>
    fixture('vk/message_edit', { 'object.peer_id': 40123456, 'object.conversation_message_id': message, 'object.date': sentAt, 'object.update_time': sentAt + afterS, 'object.text': text, 'object.format_data': undefined, ...changes })
  const original = async (message: number) => { await sendOriginal({ message: String(message), chat: '40123456', user: '40123456' }) }
  const outcomes = () => lines.filter(line => line.event === 'webhook.accepted').flatMap(line => line.edits as { outcome: string, reason?: string }[])
  const ok = { status: 200, text: 'ok', contentType: /^text\/plain/ }

  await t.test('the confirmation is the string and nothing else', async t => {
    t.match(await post('vk', fixture('vk/confirmation')), { status: 200, text: 'c0ffee42', contentType: /^text\/plain/ })
  })

  await t.test('an edit shows, and VK gets ok', async t => {
    await original(1)
    t.match(await post('vk', event(1, 1, 'for [id1|Ann] [b]x', { 'object.format_data': { items: [{ type: 'bold', offset: 0, length: 3 }] } })), ok)
    const text = '[B]for[/B] [URL=https://vk.com/id1]Ann[/URL] [\u200Bb]x'
    t.equal((await shown('1', text))?.text, text)
  })

  await t.test('reversed and doubled deliveries leave the newest, within a second too', async t => {
    await original(2)
    const at = (version: number, text: string) => event(2, 5, text, { 'object.version': version })
    for (const body of [at(8, 'newest'), at(7, 'older'), event(2, 2, 'oldest'), at(8, 'newest')]) t.match(await post('vk', body), ok)
    t.strictSame(outcomes().slice(-4).map(({ outcome }) => outcome), ['accepted', 'stale', 'stale', 'duplicate'])
    await drained()
    t.strictSame((await shown('2', 'newest'))?.history.map(({ text }) => text), ['original', 'newest'])
  })

  await t.test('the community\'s own edit, and one that says nothing, stay away', async t => {
    await original(3)
    t.match(await post('vk', event(3, 1, 'from the community', { 'object.out': 1 })), ok)
    t.match(outcomes().at(-1), { outcome: 'refused', reason: 'outgoing' })
    t.match(await post('vk', event(3, 2, '')), ok)
    t.match(outcomes().at(-1), { outcome: 'refused', reason: 'empty-text' })
    await drained()
    t.equal((await shown('3', 'original'))?.text, 'original')
  })

  await t.test('without a token an edit of an unknown client is refused', async t => {
    t.match(await post('named', event(4, 1, 'who am I?')), ok)
    t.match(outcomes().at(-1), { outcome: 'refused', reason: 'anonymous-user' })
  })

  await t.test('what is no edit, or cannot be read, gets ok too, because VK would switch the server off', async t => {
    t.match(await post('vk', fixture('vk/message_new')), ok)
    t.strictSame(outcomes().at(-1), { outcome: 'ignored' })
    t.match(await post('vk', event(5, 1, 'my password', { 'object.from_id': null })), ok)
    t.match(outcomes().at(-1), { outcome: 'ignored', reason: 'unreadable', detail: 'faulty: /object/from_id' })
    t.notMatch(JSON.stringify(lines), /my password|vk-secret/)
  })

  await t.test('a forgery is refused', async t => {
    for (const changes of [{ secret: 'vk-secret-of-the-tests-2' }, { secret: undefined }, { group_id: 1 }]) t.equal((await post('vk', event(1, 30, 'forged', changes))).status, 401)
    await drained()
    t.notMatch(JSON.stringify(await portal.messages('?message=1')), /forged/)
  })
})
