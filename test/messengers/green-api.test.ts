import t from 'tap'
import { z } from 'zod'
import { BadRequest, Unauthenticated } from '../../src/base/errors.ts'
import { greenApi as module } from '../../src/messengers/green-api.ts'
import type { WebhookContent } from '../../src/messengers/messenger.ts'
import { fixture, type Changes } from './fixture.ts'
import { fuzz } from './fuzz.ts'
import { startMessengers } from './running.ts'

const NOW = Date.UTC(2026, 10, 22, 10)
const SECRET = 'green-token-of-the-tests'
const TEXT = 'messageData.editedMessageData.textMessage'

function create (settings: Record<string, unknown> = {}, secrets = [SECRET]) {
  return module.create({ secrets, settings: z.object(module.keys).parse({ instanceId: '1101700042', ...settings }) })
}

function parse (body: Buffer, settings?: Record<string, unknown>): WebhookContent {
  return create(settings).parse({ method: 'POST', query: '', headers: {}, body }, NOW)
}

function parseOne (name: string, changes: Changes = {}, settings?: Record<string, unknown>) {
  const { edits: [edit] } = parse(fixture(`green-api/${name}`, changes), settings)
  if (edit === undefined) throw new Error('it was ignored')
  return edit
}

t.test('every field of a client\'s edit is read', async t => {
  const { edits, ignored, clients } = parse(fixture('green-api/whatsapp-edited'))
  t.strictSame(edits, [{
    direction: 'in',
    user: { id: '79161234567@c.us', name: 'Anna P.', phone: '+79161234567' },
    message: { id: '3EB05D7E21C3A90B4417', text: 'Please [B]two[/B] bouquets', files: [] },
    chat: { id: '79161234567@c.us', name: 'Anna P.' },
    revision: { at: 1_795_341_540_000, tie: 0n },
  }])
  t.strictSame([ignored, clients], [[], []])
})

t.test('trap: the message is named by stanzaId, and idMessage is the id of the edit', async t => {
  t.equal(parseOne('whatsapp-edited', { idMessage: 'ANOTHER' }).message.id, '3EB05D7E21C3A90B4417')
})

t.test('trap: the caption of a file is edited under a name of its own', async t => {
  t.match(parseOne('whatsapp-group-edited'), {
    user: { id: '79161234567@c.us', name: 'Anna P.' },
    message: { text: 'the [I]left[/I] one' },
    chat: { id: '120363041234567890@g.us', name: 'Wedding in June' },
  })
  t.equal(parseOne('whatsapp-group-edited', { [TEXT]: '' }).message.text, 'the [I]left[/I] one')
  t.equal(parseOne('whatsapp-edited', { [TEXT]: '' }).message.text, '', 'the guard says what becomes of it')
})

t.test('a caption that was taken away leaves a sign', async t => {
  for (const caption of ['', null]) {
    for (const text of ['', null, undefined]) t.equal(parseOne('whatsapp-group-edited', { 'messageData.editedMessageData.caption': caption, [TEXT]: text }).message.text, '📎')
    t.equal(parseOne('whatsapp-edited', { 'messageData.editedMessageData.caption': caption }).message.text, 'Please [B]two[/B] bouquets')
  }
})

t.test('in a chat of two the sender is the chat; in a group somebody must be named', async t => {
  for (const sender of [undefined, null, '']) {
    t.match(parseOne('whatsapp-edited', { 'senderData.sender': sender }).user, { id: '79161234567@c.us', phone: '+79161234567' })
    t.throws(() => parse(fixture('green-api/whatsapp-group-edited', { 'senderData.sender': sender })), new BadRequest('faulty: /senderData/sender'))
    t.throws(() => parse(fixture('green-api/telegram-edited', { 'senderData.sender': sender, 'senderData.chatId': '-100200300' })), new BadRequest('faulty: /senderData/sender'))
  }
})

t.test('trap: ids of MAX are beyond 2^53, numbers or strings, and its text has no markup', async t => {
  t.match(parseOne('max-edited', {}, { instanceId: 3100700042 }), {
    user: { id: '10480011', name: 'Пётр Смирнов', phone: '+79031112233' },
    message: { text: 'Лучше *в среду*' },
    chat: { id: '10480011' },
  })
  t.equal(parse(fixture('green-api/max-edited')).edits[0]?.message.id, '116327994376978687')
  t.match(parseOne('telegram-edited'), { user: { id: '5550123456', phone: '+79035556677' }, message: { id: '9012', text: 'call me at 6' } })
})

t.test('the account\'s own edits are the operator\'s', async t => {
  for (const typeWebhook of ['outgoingMessageReceived', 'outgoingAPIMessageReceived']) t.equal(parseOne('outgoing-edited', { typeWebhook }).direction, 'out')
})

t.test('ids are written as the original connector wrote them', async t => {
  t.match(parseOne('whatsapp-edited', {}, { idSuffix: 'strip' }), { user: { id: '79161234567', phone: '+79161234567' }, chat: { id: '79161234567' } })
  t.match(parseOne('whatsapp-group-edited', {}, { idSuffix: 'strip' }), { user: { id: '79161234567' }, chat: { id: '120363041234567890' } })
  const hidden = parseOne('whatsapp-edited', { 'senderData.sender': '98765432100@lid' }, { idSuffix: 'strip' }).user
  t.strictSame([hidden.id, hidden.phone], ['98765432100', undefined])
})

t.test('the name is the client\'s own, else the one in the contacts', async t => {
  t.equal(parseOne('whatsapp-edited', { 'senderData.senderName': '' }).user.name, 'Petrova (roses)')
  t.equal(parseOne('whatsapp-edited', { 'senderData.senderName': 7 }).user.name, 'Petrova (roses)')
})

t.test('other notifications are ignored, and tell who the client is', async t => {
  t.strictSame(parse(fixture('green-api/new-message')), {
    edits: [],
    ignored: [{}],
    clients: [{ user: { id: '79161234567@c.us', name: 'Anna P.', phone: '+79161234567' }, chat: '79161234567@c.us', revision: { at: 1_795_341_500_000, tie: 0n } }],
  })
  const quiet: [string, Changes][] = [
    ['state-changed', {}],
    ['new-message', { typeWebhook: 'outgoingMessageReceived' }],
    ['new-message', { 'senderData.senderName': '', 'senderData.senderContactName': ' ' }],
    ['new-message', { senderData: 7 }],
    ['whatsapp-edited', { 'messageData.typeMessage': 'deletedMessage', senderData: undefined }],
    ['whatsapp-edited', { typeWebhook: 'outgoingMessageStatus' }],
  ]
  for (const [name, changes] of quiet) t.strictSame(parse(fixture(`green-api/${name}`, changes)), { edits: [], ignored: [{}], clients: [] }, JSON.stringify(changes))
  t.equal(parse(fixture('green-api/new-message', { timestamp: undefined })).clients[0]?.revision.at, NOW)
})

t.test('an edit that cannot be read names its fields and none of its words', async t => {
  const cases: [changes: Changes, detail: RegExp][] = [
    [{ timestamp: undefined }, /^faulty: \/timestamp$/],
    [{ timestamp: 99_999_999_999 }, /^faulty: \/timestamp is not a time/],
    [{ 'messageData.editedMessageData.stanzaId': '', [TEXT]: 7 }, /^faulty: \/messageData\/editedMessageData\/stanzaId, \/messageData\/editedMessageData\/textMessage$/],
    [{ [TEXT]: undefined }, /^faulty: \/messageData\/editedMessageData\/textMessage$/],
    [{ senderData: 'bouquets' }, /^faulty: \/senderData$/],
    [{ instanceData: undefined }, /^faulty: \/instanceData$/],
    [{ [TEXT]: 'bouquets '.repeat(20_000) }, /more than 100000/],
  ]
  for (const [changes, detail] of cases) {
    const read = () => parse(fixture('green-api/whatsapp-edited', changes))
    t.throws(read, BadRequest)
    t.throws(read, { message: detail }, JSON.stringify(changes).slice(0, 80))
    t.throws(read, { message: /^(?!.*bouquets)/s })
  }
})

t.test('only the token opens, and only for its instance', async t => {
  const verify = (authorization: string | undefined, changes: Changes = {}, secrets?: string[]) => () => {
    create({}, secrets).verify({ method: 'POST', query: '', headers: authorization === undefined ? {} : { authorization }, body: fixture('green-api/whatsapp-edited', changes) }, NOW)
  }
  t.doesNotThrow(verify(`Bearer ${SECRET}`))
  t.doesNotThrow(verify(`bearer ${SECRET}`))
  t.doesNotThrow(verify(SECRET), 'without a scheme')
  t.doesNotThrow(verify('Basic cmVsYXk6cGFzc3dvcmQ=', {}, ['Basic cmVsYXk6cGFzc3dvcmQ=']), 'with a scheme in the token')
  t.doesNotThrow(verify(`Bearer ${SECRET}`, {}, ['another-token-of-the-tests', SECRET]), 'while it rotates')
  for (const forged of [undefined, '', 'Bearer ', `Bearer ${SECRET}x`, `Bearer ${SECRET.slice(1)}`, `Basic ${SECRET}`, 'Bearer undefined']) t.throws(verify(forged), Unauthenticated, forged ?? 'none')
  t.throws(verify(`Bearer ${SECRET}`, { 'instanceData.idInstance': 1101700043 }), { message: /idInstance/ }, 'the token of two instances')
  t.throws(verify(`Bearer ${SECRET}`, { 'instanceData.idInstance': '11017000420' }), Unauthenticated)
  t.doesNotThrow(verify(`Bearer ${SECRET}`, { 'instanceData.idInstance': '1101700042' }))
  t.doesNotThrow(verify(`Bearer ${SECRET}`, { instanceData: 7 }), 'it is authentic; what is wrong with it, parse says')
  t.doesNotThrow(() => { create().verify({ method: 'POST', query: '', headers: { authorization: `Bearer ${SECRET}` }, body: Buffer.from('{') }, NOW) })
})

t.test('the keys of a channel are checked', async t => {
  for (const secret of [SECRET, 'Basic cmVsYXk6cGFzc3dvcmQ=']) t.ok(module.secret.isGood(secret), secret)
  for (const secret of ['', 'short', ' leading-blank-of-it', 'x'.repeat(513), `${SECRET}\n`, 'п'.repeat(20)]) t.notOk(module.secret.isGood(secret), secret)
  const keys = z.object(module.keys)
  t.match(keys.parse({ instanceId: 1101700042 }), { instanceId: '1101700042', idSuffix: 'keep' })
  for (const faulty of [{}, { instanceId: 'x' }, { instanceId: 1.5 }, { instanceId: '1', idSuffix: 'cut' }]) t.notOk(keys.safeParse(faulty).success, JSON.stringify(faulty))
})

t.test('nothing that is posted is more than unreadable', async () => {
  fuzz(body => {
    try {
      create().verify({ method: 'POST', query: '', headers: { authorization: `Bearer ${SECRET}` }, body }, NOW)
    } catch (error) {
      if (!(error instanceof Unauthenticated)) throw error
    }
    parse(body)
  }, ['whatsapp-edited', 'max-edited', 'outgoing-edited', 'new-message'].map(name => fixture(`green-api/${name}`).toString()))
})

t.test('through the relay into the portal', async t => {
  const channel = { messenger: 'green-api', secrets: ['$' + '{GREEN_TOKEN}'] }
  const { lines, sendOriginal, post, drained, shown } = await startMessengers(t, [
    { ...channel, id: 'wa', instanceId: 1101700042 },
    { ...channel, id: 'wa-bare', instanceId: 1101700042, idSuffix: 'strip', ids: { user: '{chat}' } },
    { ...channel, id: 'max', instanceId: '3100700042' },
  ], { GREEN_TOKEN: SECRET })
  const now = Math.floor(Date.now() / 1000)
  const send = async (channel: string, name: string, changes: Changes) =>
    await post(channel, fixture(`green-api/${name}`, { timestamp: now, ...changes }), { authorization: `Bearer ${SECRET}` })
  const stanza = (id: string, text: string, at = now) => ({ 'messageData.editedMessageData': { stanzaId: id, textMessage: text }, timestamp: at })
  const outcomes = () => lines.filter(line => line.event === 'webhook.accepted').flatMap(line => line.edits as { outcome: string, reason?: string }[])
  const WHATSAPP = { chat: '79161234567@c.us', user: '79161234567@c.us' }

  await t.test('an edit shows, and Green-API gets an empty 200', async t => {
    await sendOriginal({ message: 'S1', ...WHATSAPP })
    t.strictSame(await send('wa', 'whatsapp-edited', stanza('S1', 'Please ~one~ *two* [b]')), { status: 200, contentType: null, text: '' })
    t.match(await shown('S1', 'Please [S]one[/S] [B]two[/B] [\u200Bb]'), { text: 'Please [S]one[/S] [B]two[/B] [\u200Bb]', edited: true })
  })

  await t.test('reversed and doubled deliveries leave the newest', async t => {
    await sendOriginal({ message: 'S2', ...WHATSAPP })
    const [older, newer, sameSecond] = [stanza('S2', 'older', now - 5), stanza('S2', 'newer', now - 3), stanza('S2', 'newest', now - 3)]
    for (const changes of [newer, older, newer, sameSecond, newer, older]) t.equal((await send('wa', 'whatsapp-edited', changes)).status, 200)
    t.strictSame(outcomes().slice(-6).map(({ outcome }) => outcome), ['accepted', 'stale', 'duplicate', 'accepted', 'duplicate', 'stale'])
    await drained()
    t.equal((await shown('S2', 'newest'))?.text, 'newest')
  })

  await t.test('the ids of Green-API\'s own connector: no suffix, and the chat for the user', async t => {
    await sendOriginal({ message: 'S3', chat: '120363041234567890', user: '120363041234567890' })
    await send('wa-bare', 'whatsapp-group-edited', { 'messageData.editedMessageData.stanzaId': 'S3' })
    t.equal((await shown('S3', 'the [I]left[/I] one', '120363041234567890'))?.text, 'the [I]left[/I] one')
  })

  await t.test('an instance of MAX', async t => {
    await sendOriginal({ message: '116327994376978687', chat: '10480011', user: '10480011' })
    const body = fixture('green-api/max-edited').toString().replace('1795341542', String(now))
    t.equal((await post('max', body, { authorization: SECRET })).status, 200)
    t.equal((await shown('116327994376978687', 'Лучше *в среду*'))?.text, 'Лучше *в среду*')
  })

  await t.test('a nameless edit takes the name that an earlier message brought', async t => {
    await sendOriginal({ message: 'S5', ...WHATSAPP })
    await send('wa', 'new-message', {})
    await send('wa', 'whatsapp-edited', { ...stanza('S5', 'nameless'), 'senderData.senderName': '', 'senderData.senderContactName': '' })
    t.equal((await shown('S5', 'nameless'))?.text, 'nameless')
    await send('max', 'telegram-edited', { 'instanceData.idInstance': 3100700042, 'senderData.senderName': '' })
    t.match(outcomes().at(-1), { outcome: 'refused', reason: 'anonymous-user' })
  })

  await t.test('the operator\'s edits, empty texts and other notifications stay away', async t => {
    await sendOriginal({ message: 'S6', ...WHATSAPP })
    const cases: [name: string, changes: Changes, outcome: object][] = [
      ['outgoing-edited', stanza('S6', 'the operator\'s'), { outcome: 'refused', reason: 'outgoing' }],
      ['whatsapp-edited', stanza('S6', ' '), { outcome: 'refused', reason: 'empty-text' }],
      ['state-changed', {}, { outcome: 'ignored' }],
      ['whatsapp-edited', { ...stanza('S6', 'my password'), 'senderData.chatId': null }, { outcome: 'ignored', reason: 'unreadable', detail: 'faulty: /senderData/chatId' }],
    ]
    for (const [name, changes, outcome] of cases) {
      t.match(await send('wa', name, changes), { status: 200, text: '' })
      t.match(outcomes().at(-1), outcome)
    }
    t.match(await post('wa', 'my password', { authorization: `Bearer ${SECRET}` }), { status: 200, text: '' })
    await drained()
    t.match(await shown('S6', 'original'), { text: 'original', deleted: false })
    t.notMatch(JSON.stringify(lines), /my password|green-token/)
  })

  await t.test('a forgery is refused', async t => {
    const forged = { ...stanza('S6', 'forged'), timestamp: now + 9 }
    t.equal((await post('wa', fixture('green-api/whatsapp-edited', forged), { authorization: `Bearer ${SECRET}x` })).status, 401)
    t.equal((await post('wa', fixture('green-api/whatsapp-edited', forged))).status, 401)
    t.equal((await send('wa', 'whatsapp-edited', { ...forged, 'instanceData.idInstance': 3100700042 })).status, 401)
    await drained()
    t.equal((await shown('S6', 'original'))?.text, 'original')
  })
})
