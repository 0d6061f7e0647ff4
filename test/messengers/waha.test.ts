import { createHmac } from 'node:crypto'
import t from 'tap'
import { z } from 'zod'
import { BadRequest, Unauthenticated } from '../../src/base/errors.ts'
import type { WebhookContent } from '../../src/messengers/messenger.ts'
import { waha as module } from '../../src/messengers/waha.ts'
import { fixture, type Changes } from './fixture.ts'
import { fuzz } from './fuzz.ts'
import { startMessengers } from './running.ts'

const NOW = Date.UTC(2026, 10, 22, 10)
const SECRET = 'waha-hmac-key-of-the-tests'

function create (settings: Record<string, unknown> = {}, secrets = [SECRET]) {
  return module.create({ secrets, settings: z.object(module.keys).parse(settings) })
}

function parse (body: Buffer, settings?: Record<string, unknown>): WebhookContent {
  return create(settings).parse({ method: 'POST', query: '', headers: {}, body }, NOW)
}

function parseOne (name: string, changes: Changes = {}, settings?: Record<string, unknown>) {
  const { edits: [edit] } = parse(fixture(`waha/${name}`, changes), settings)
  if (edit === undefined) throw new Error('it was ignored')
  return edit
}

function sign (body: Buffer, key = SECRET): Record<string, string> {
  return { 'x-webhook-hmac': createHmac('sha512', key).update(body).digest('hex'), 'x-webhook-hmac-algorithm': 'sha512' }
}

t.test('every field of a client\'s edit is read', async t => {
  const { edits, ignored, clients } = parse(fixture('waha/edited'))
  t.strictSame(edits, [{
    direction: 'in',
    user: { id: '79161234567@c.us', name: 'Anna P.', phone: '+79161234567' },
    message: { id: 'false_79161234567@c.us_3EB05D7E21C3A90B4417', text: 'Please [B]two[/B] bouquets', files: [] },
    chat: { id: '79161234567@c.us' },
    revision: { at: 1_795_341_540_000, tie: 1_795_341_540_321n },
  }])
  t.strictSame([ignored, clients], [[], []])
})

t.test('trap: the edit names the message by a bare id, and the event of the original had the long one', async t => {
  t.equal(parseOne('edited').message.id, 'false_79161234567@c.us_3EB05D7E21C3A90B4417')
  t.equal(parseOne('group-edited').message.id, 'false_120363041234567890@g.us_3EB05D7E21C3A90B4502_88800011122233@lid')
  t.equal(parseOne('edited', {}, { messageIds: 'bare' }).message.id, '3EB05D7E21C3A90B4417')
  t.equal(parseOne('group-edited', {}, { messageIds: 'bare' }).message.id, '3EB05D7E21C3A90B4502')
  const long = { 'payload.editedMessageId': 'false_79161234567@c.us_3EB05D7E21C3A90B4417' }
  t.equal(parseOne('edited', long).message.id, 'false_79161234567@c.us_3EB05D7E21C3A90B4417', 'an engine that gives the long one')
  t.equal(parseOne('edited', long, { messageIds: 'bare' }).message.id, '3EB05D7E21C3A90B4417')
})

t.test('trap: the engine ZAPO gives bare ids, in the original and in the edit', async t => {
  const bare = { 'payload.id': '3EB0C9A17F20D4E6B855' }
  t.equal(parseOne('edited', bare).message.id, '3EB05D7E21C3A90B4417')
  t.equal(parseOne('group-edited', bare).message.id, '3EB05D7E21C3A90B4502')
  t.equal(parseOne('edited', bare, { messageIds: 'bare' }).message.id, '3EB05D7E21C3A90B4417')
  t.equal(parseOne('edited', bare, { messageIds: 'full' }).message.id, 'false_79161234567@c.us_3EB05D7E21C3A90B4417')
  t.equal(parseOne('group-edited', bare, { messageIds: 'full' }).message.id, 'false_120363041234567890@g.us_3EB05D7E21C3A90B4502_88800011122233@lid')
  t.equal(parseOne('own-edited', bare, { messageIds: 'full' }).message.id, 'true_79161234567@c.us_3EB0AA0000000000F000')
})

t.test('trap: the engine ZAPO knows no names and writes an account in two ways', async t => {
  const bare = { engine: 'ZAPO', 'payload.id': '3EB0C9A17F20D4E6B855', 'payload.from': '79161234567@s.whatsapp.net', 'payload._data': { conversation: 'Please' } }
  t.match(parse(fixture('waha/message', bare)).clients, [{ user: { id: '79161234567@c.us', name: '+79161234567' }, chat: '79161234567@c.us' }])
  t.strictSame(parse(fixture('waha/message', { ...bare, engine: 'GOWS' })).clients, [], 'other engines know names, so another event will tell')
  t.match(parse(fixture('waha/message', { ...bare, 'payload._data': { pushName: 'Anna' } })).clients, [{ user: { name: 'Anna' } }])
  t.strictSame(parse(fixture('waha/message', { ...bare, 'payload.from': '98765432100@lid' })).clients, [], 'a hidden number')
})

t.test('who wrote is known without fromMe, by the message\'s id', async t => {
  for (const fromMe of [undefined, null, 'x']) {
    t.equal(parseOne('edited', { 'payload.fromMe': fromMe }).direction, 'in')
    t.match(parseOne('own-edited', { 'payload.fromMe': fromMe }), { direction: 'out', chat: { id: '79161234567@c.us' } })
  }
})

t.test('trap: media is on the WAHA server behind its API key, and goes nowhere', async t => {
  const edit = parseOne('group-edited')
  t.strictSame(edit.message.files, [])
  t.notMatch(JSON.stringify(edit, (_, value: unknown) => typeof value === 'bigint' ? String(value) : value), /api\/files|localhost/)
})

t.test('a caption that was taken away leaves a sign of its file', async t => {
  const signs: [media: unknown, sign: string][] = [
    [{ mimetype: 'image/jpeg' }, '📷'], [{ mimetype: 'video/mp4' }, '🎬'], [{ mimetype: 'audio/ogg; codecs=opus' }, '🎵'], [{ mimetype: 'application/pdf' }, '📎'], [null, '📎'], [{}, '📎'],
  ]
  for (const body of ['', ' ', null, undefined]) {
    for (const [media, sign] of signs) t.equal(parseOne('group-edited', { 'payload.body': body, 'payload.media': media }).message.text, sign)
  }
  t.equal(parseOne('group-edited', { 'payload.body': null, 'payload.hasMedia': undefined }).message.text, '📷')
  t.equal(parseOne('edited', { 'payload.body': '' }).message.text, '', 'an edit that WAHA could not read: the guard says what becomes of it')
})

t.test('in a group the client is the participant', async t => {
  t.match(parseOne('group-edited'), { user: { id: '88800011122233@lid', name: 'Anna P.', phone: undefined }, chat: { id: '120363041234567890@g.us' } })
  t.equal(parseOne('edited', { 'payload.participant': '' }).user.id, '79161234567@c.us', 'elsewhere some engines write an empty one')
})

t.test('ids are written as the original connector wrote them', async t => {
  t.match(parseOne('edited', {}, { idSuffix: 'strip', messageIds: 'bare' }), { user: { id: '79161234567' }, chat: { id: '79161234567' }, message: { id: '3EB05D7E21C3A90B4417' } })
  t.match(parseOne('edited', {}, { idSuffix: 'strip' }).message.id, 'false_79161234567@c.us_3EB05D7E21C3A90B4417')
})

t.test('our own edits are the operator\'s', async t => {
  t.match(parseOne('own-edited'), { direction: 'out', chat: { id: '79161234567@c.us' } })
  t.match(parseOne('own-edited', { 'payload.to': undefined }), { direction: 'out' })
})

t.test('trap: an old edit that is reported anew is as old as WhatsApp says', async t => {
  t.strictSame(parseOne('edited', { timestamp: 1_795_349_999_999 }).revision, { at: 1_795_341_540_000, tie: 1_795_349_999_999n })
  t.strictSame(parseOne('edited', { timestamp: undefined }).revision, { at: 1_795_341_540_000, tie: 0n }, 'an older version')
  t.strictSame(parseOne('edited', { 'payload.timestamp': undefined }).revision, { at: 1_795_341_540_321, tie: 1_795_341_540_321n })
})

t.test('each engine has the name at a place of its own', async t => {
  const engines = [
    { notifyName: 'Anna' }, { pushName: 'Anna' }, { Info: { PushName: 'Anna' } }, { notifyName: 7, pushName: '', Info: { PushName: 'Anna' } },
    { message: { _data: { notifyName: 'Anna' } }, newBody: 'x' }, ['79161234567@c.us', 'false_79161234567@c.us_AAA', { notifyName: 'Anna' }], { chat: {}, msg: { notifyName: 'Anna' } },
  ]
  for (const data of engines) {
    t.equal(parseOne('edited', { 'payload._data': data }).user.name, 'Anna', JSON.stringify(data))
  }
  for (const data of [undefined, null, 'Anna', { Info: null }]) t.notOk(parseOne('edited', { 'payload._data': data }).user.name)
})

t.test('other events are ignored, and tell who the client is', async t => {
  t.strictSame(parse(fixture('waha/message')), {
    edits: [],
    ignored: [{}],
    clients: [{ user: { id: '79161234567@c.us', name: 'Anna P.', phone: '+79161234567' }, chat: '79161234567@c.us', revision: { at: 1_795_341_500_000, tie: 0n } }],
  })
  for (const [name, changes] of [['session-status', {}], ['message', { 'payload.fromMe': true }], ['message', { 'payload._data': {} }], ['message', { payload: null }]] as const) {
    t.strictSame(parse(fixture(`waha/${name}`, changes)), { edits: [], ignored: [{}], clients: [] }, JSON.stringify(changes))
  }
  t.equal(parse(fixture('waha/message', { 'payload.timestamp': undefined, timestamp: undefined })).clients[0]?.revision.at, NOW)
})

t.test('the events of another session are ignored', async t => {
  t.equal(parse(fixture('waha/edited'), { session: 'shop' }).edits.length, 1)
  for (const name of ['edited', 'message']) t.strictSame(parse(fixture(`waha/${name}`), { session: 'other' }), { edits: [], ignored: [{}], clients: [] })
})

t.test('an edit that cannot be read names its fields and none of its words', async t => {
  const cases: [changes: Changes, detail: RegExp][] = [
    [{ event: undefined }, /^faulty: \/event$/],
    [{ payload: 'bouquets' }, /^faulty: \/payload$/],
    [{ 'payload.editedMessageId': undefined }, /^faulty: \/payload\/editedMessageId$/],
    [{ 'payload.body': null }, /^faulty: \/payload\/body$/],
    [{ 'payload.body': 7 }, /^faulty: \/payload\/body$/],
    [{ 'payload.from': 'a\0b' }, /^faulty: \/payload\/from$/],
    [{ 'payload.timestamp': 99_999_999_999 }, /^faulty: \/payload\/timestamp/],
    [{ 'payload.timestamp': undefined, timestamp: undefined }, /^faulty: \/timestamp$/],
    [{ 'payload.body': 'bouquets '.repeat(20_000) }, /more than 100000/],
  ]
  for (const [changes, detail] of cases) {
    const read = () => parse(fixture('waha/edited', changes))
    t.throws(read, BadRequest)
    t.throws(read, { message: detail }, JSON.stringify(changes).slice(0, 80))
    t.throws(read, { message: /^(?!.*bouquets)/s })
  }
})

t.test('the published vector, and no forgery', async t => {
  const body = Buffer.from('{"event":"message","session":"default","engine":"WEBJS"}')
  const signature = '208f8a55dde9e05519e898b10b89bf0d0b3b0fdf11fdbf09b6b90476301b98d8097c462b2b17a6ce93b6b47a136cf2e78a33a63f6752c2c1631777076153fa89'
  const verify = (headers: Record<string, string>, changed = body, secrets = ['my-secret-key']) => () => {
    create({}, secrets).verify({ method: 'POST', query: '', headers, body: changed }, NOW)
  }
  t.doesNotThrow(verify({ 'x-webhook-hmac': signature }))
  t.doesNotThrow(verify({ 'x-webhook-hmac': signature }, body, ['the-next-key', 'my-secret-key']), 'while it rotates')
  t.doesNotThrow(verify(sign(body), body, [SECRET]))
  const sha256 = createHmac('sha256', 'my-secret-key').update(body).digest('hex')
  const forgeries: Record<string, string>[] = [
    {}, { 'x-webhook-hmac': '' }, { 'x-webhook-hmac': signature.slice(0, -1) }, { 'x-webhook-hmac': `${signature}0` }, { 'x-webhook-hmac': sha256, 'x-webhook-hmac-algorithm': 'sha256' },
    { 'x-webhook-hmac': signature.replace('2', '3') }, { 'x-webhook-hmac': `sha512=${signature}` }, { authorization: 'Bearer my-secret-key' },
  ]
  for (const headers of forgeries) t.throws(verify(headers), Unauthenticated, JSON.stringify(headers))
  t.throws(verify({ 'x-webhook-hmac': signature }, Buffer.from(`${body} `)), Unauthenticated, 'another body')
})

t.test('the keys of a channel are checked', async t => {
  for (const secret of ['', 'my-secret-key', 'x'.repeat(513), `${SECRET}\n`, 'with blanks in between it']) t.notOk(module.secret.isGood(secret), secret)
  t.ok(module.secret.isGood(SECRET))
  const keys = z.object(module.keys)
  t.strictSame(keys.parse({}), { messageIds: 'auto', idSuffix: 'keep' })
  for (const faulty of [{ session: '' }, { messageIds: 'long' }, { idSuffix: true }]) t.notOk(keys.safeParse(faulty).success, JSON.stringify(faulty))
})

t.test('nothing that is posted is more than unreadable', async () => {
  fuzz(parse, ['edited', 'group-edited', 'own-edited', 'message'].map(name => fixture(`waha/${name}`).toString()))
})

t.test('through the relay into the portal', async t => {
  const channel = { messenger: 'waha', secrets: ['$' + '{WAHA_KEY}'] }
  const { lines, sendOriginal, post, drained, shown } = await startMessengers(t, [
    { ...channel, id: 'waha', session: 'shop' },
    { ...channel, id: 'waha-bare', messageIds: 'bare', idSuffix: 'strip' },
  ], { WAHA_KEY: SECRET })
  const now = Math.floor(Date.now() / 1000)
  const send = async (channel: string, name: string, changes: Changes) => {
    const body = fixture(`waha/${name}`, { timestamp: Date.now(), 'payload.timestamp': now, ...changes })
    return await post(channel, body, sign(body))
  }
  const edit = (id: string, text: string, at = now, event = at * 1000) => ({ 'payload.editedMessageId': id, 'payload.body': text, 'payload.timestamp': at, timestamp: event })
  const outcomes = () => lines.filter(line => line.event === 'webhook.accepted').flatMap(line => line.edits as { outcome: string, reason?: string }[])
  const WHATSAPP = { chat: '79161234567@c.us', user: '79161234567@c.us' }
  const long = (id: string) => `false_79161234567@c.us_${id}`

  await t.test('an edit shows, and WAHA gets an empty 200', async t => {
    await sendOriginal({ message: long('W1'), ...WHATSAPP })
    t.strictSame(await send('waha', 'edited', edit('W1', 'Please *two*\n> one\n[url=http://e.com]x[/url]')), { status: 200, contentType: null, text: '' })
    const text = 'Please [B]two[/B]\n>>one\n[\u200Burl=http://e.com]x[\u200B/url]'
    t.equal((await shown(long('W1'), text))?.text, text)
  })

  await t.test('reversed and doubled deliveries leave the newest', async t => {
    await sendOriginal({ message: long('W2'), ...WHATSAPP })
    const [older, newer, sameSecond] = [edit('W2', 'older', now - 5), edit('W2', 'newer', now - 3), edit('W2', 'newest', now - 3, now * 1000)]
    const reportedAnew = edit('W2', 'older', now - 5, now * 1000 + 500)
    for (const changes of [sameSecond, newer, older, sameSecond, reportedAnew]) t.equal((await send('waha', 'edited', changes)).status, 200)
    t.strictSame(outcomes().slice(-5).map(({ outcome }) => outcome), ['accepted', 'stale', 'stale', 'duplicate', 'stale'])
    await drained()
    t.equal((await shown(long('W2'), 'newest'))?.text, 'newest')
  })

  await t.test('bare ids, in a group', async t => {
    await sendOriginal({ message: 'W3', chat: '120363041234567890', user: '88800011122233' })
    await send('waha-bare', 'group-edited', { 'payload.editedMessageId': 'W3' })
    t.equal((await shown('W3', 'the [I]left[/I] one'))?.text, 'the [I]left[/I] one')
  })

  await t.test('a nameless edit takes the name that an earlier message brought', async t => {
    await sendOriginal({ message: long('W4'), ...WHATSAPP })
    await send('waha', 'message', {})
    await send('waha', 'edited', { ...edit('W4', 'nameless'), 'payload._data': {} })
    t.equal((await shown(long('W4'), 'nameless'))?.text, 'nameless')
  })

  await t.test('our own edits, empty texts and other events stay away', async t => {
    await sendOriginal({ message: long('W5'), ...WHATSAPP })
    const cases: [name: string, changes: Changes, outcome: object][] = [
      ['own-edited', edit('W5', 'the operator\'s'), { outcome: 'refused', reason: 'outgoing' }],
      ['edited', edit('W5', ''), { outcome: 'refused', reason: 'empty-text' }],
      ['edited', { ...edit('W5', 'of another account'), session: 'other' }, { outcome: 'ignored' }],
      ['session-status', {}, { outcome: 'ignored' }],
      ['edited', { ...edit('W5', 'my password'), 'payload.from': null }, { outcome: 'ignored', reason: 'unreadable', detail: 'faulty: /payload/from' }],
    ]
    for (const [name, changes, outcome] of cases) {
      t.match(await send('waha', name, changes), { status: 200, text: '' })
      t.match(outcomes().at(-1), outcome)
    }
    await drained()
    t.match(await shown(long('W5'), 'original'), { text: 'original', deleted: false })
    t.notMatch(JSON.stringify(lines), /my password|waha-hmac-key/)
  })

  await t.test('a forgery is refused', async t => {
    const body = fixture('waha/edited', edit('W5', 'forged'))
    t.equal((await post('waha', body, sign(body, `${SECRET}x`))).status, 401)
    t.equal((await post('waha', Buffer.concat([body, Buffer.from(' ')]), sign(body))).status, 401)
    t.equal((await post('waha', body)).status, 401)
    await drained()
    t.equal((await shown(long('W5'), 'original'))?.text, 'original')
  })
})
