import t from 'tap'
import { z } from 'zod'
import { BadRequest, Unauthenticated } from '../../src/base/errors.ts'
import type { WebhookContent } from '../../src/messengers/messenger.ts'
import { wazzup as module } from '../../src/messengers/wazzup.ts'
import { fixture, type Changes } from './fixture.ts'
import { fuzz } from './fuzz.ts'
import { startMessengers } from './running.ts'

const NOW = Date.UTC(2026, 10, 22, 10)
const SECRET = 'wazzup-crm-key-of-the-tests'
const [WHATSAPP, TELEGRAM] = ['7d2c9b60-1111-4c1f-8f5a-0c0d0e0f1011', '7d2c9b60-2222-4c1f-8f5a-0c0d0e0f1011']

function create (settings: Record<string, unknown> = {}, secrets = [SECRET]) {
  return module.create({ secrets, settings: z.object(module.keys).parse(settings) })
}

function parse (body: Buffer, settings?: Record<string, unknown>): WebhookContent {
  return create(settings).parse({ method: 'POST', query: '', headers: {}, body }, NOW)
}

/** Of the one message in the fixture. */
function parseOne (name: string, changes: Changes = {}) {
  const { edits: [edit], ignored: [ignored] } = parse(fixture(`wazzup/${name}`, inMessage(changes)))
  if (edit === undefined) throw new BadRequest(ignored?.detail ?? 'it was ignored')
  return edit
}

function inMessage (changes: Changes): Changes {
  return Object.fromEntries(Object.entries(changes).map(([path, value]) => [`messages.0.${path}`, value]))
}

t.test('every field of a client\'s edit is read', async t => {
  const { edits, ignored, clients } = parse(fixture('wazzup/edited'))
  t.strictSame(edits, [{
    direction: 'in',
    user: { id: '79161234567', name: 'Anna P.', pictureUrl: 'https://store.wazzup24.com/avatars/4f1c', url: undefined, phone: '+79161234567' },
    message: { id: '0b7f2c1e-5a64-4f0d-9d0f-3a3f5f6d7e81', date: 1_795_341_500_417, text: 'Please [B]two[/B] bouquets', files: [] },
    replaces: { text: 'Please one bouquet', files: [] },
    chat: { id: '79161234567' },
    revision: { at: 0, tie: 0n },
  }])
  t.strictSame([ignored, clients], [[], []])
})

t.test('trap: a batch holds edits, new messages, unreadable ones and the operator\'s own, with statuses beside', async t => {
  const { edits, ignored, clients } = parse(fixture('wazzup/batch'))
  t.match(edits, [
    { direction: 'in', user: { id: '5550123456', name: 'Igor', url: 'https://t.me/igor_k', phone: '79035556677' }, message: { text: 'call me at *6*' }, replaces: { text: 'call me at 5' } },
    { direction: 'out', message: { text: 'We open at nine' } },
  ])
  t.equal(edits.length, 2)
  t.strictSame(ignored, [{}, { reason: 'unreadable', detail: 'faulty: /chatId' }, {}])
  t.strictSame(clients, [{
    user: { id: '79161112233', name: 'Boris', pictureUrl: undefined, url: undefined, phone: '+79161112233' },
    chat: '79161112233',
    revision: { at: Date.UTC(2026, 10, 22, 9, 58, 31), tie: 0n },
  }])
})

t.test('trap: the operator\'s edit in his own messenger comes as a status without a text', async t => {
  t.strictSame(parse(fixture('wazzup/statuses')), { edits: [], ignored: [{}], clients: [] })
  t.strictSame(parse(Buffer.from('{"createContact":{}}')), { edits: [], ignored: [{}], clients: [] })
})

t.test('only WhatsApp\'s texts have WhatsApp\'s markup', async t => {
  for (const chatType of ['whatsapp', 'whatsgroup']) t.equal(parseOne('edited', { chatType }).message.text, 'Please [B]two[/B] bouquets')
  for (const chatType of ['telegram', 'telegroup', 'max', 'vk', 'avito', 'instagram', 'viber']) t.equal(parseOne('edited', { chatType }).message.text, 'Please *two* bouquets')
})

t.test('a file is told of where there is no text, before the edit and after', async t => {
  const file = { url: 'https://store.wazzup24.com/files/77aa.jpg' }
  t.match(parseOne('file-edited'), { message: { text: '', files: [file] }, replaces: { text: 'the left one', files: [] } })
  t.match(parseOne('file-edited', { text: 'the left one', 'oldInfo.oldText': '' }), { message: { text: 'the left one', files: [] }, replaces: { text: '', files: [file] } })
  t.match(parseOne('file-edited', { text: null }).message, { text: '', files: [file] })
  t.match(parseOne('file-edited', { text: undefined, contentUri: null }).message, { text: '📷', files: [] }, 'a sign if there is no link')
})

t.test('what is no URL, no name and no user name of Telegram is left out', async t => {
  const { user } = parseOne('edited', { chatType: 'telegram', contact: { name: 7, avatarUri: 'file:///etc/passwd', username: 'a/../b', phone: null } })
  t.strictSame(user, { id: '79161234567', name: undefined, pictureUrl: undefined, url: undefined, phone: undefined })
  t.notOk(parseOne('edited', { contact: null }).user.name)
})

t.test('the original\'s time may have hours only as its zone, and may be missing', async t => {
  const at = Date.UTC(2026, 10, 22, 9, 58, 20, 500)
  for (const dateTime of ['2026-11-22T09:58:20.5Z', '2026-11-22T09:58:20.500+00', '2026-11-22T12:58:20.500+03:00', '2026-11-22T12:58:20.5+0300']) t.equal(parseOne('edited', { dateTime }).message.date, at, dateTime)
  for (const dateTime of ['2026-11-22 09:58', '2026-11-22T09:58', '2036-11-22T09:58:00Z', '2026-13-22T09:58:00Z', 7, null, undefined]) t.equal(parseOne('edited', { dateTime }).message.date, undefined, String(dateTime))
})

t.test('a text is read without chatType, as it is', async t => {
  t.match(parseOne('edited', { chatType: undefined }), { message: { text: 'Please *two* bouquets' }, user: { name: 'Anna P.', phone: undefined } })
})

t.test('without oldInfo nothing is said of what was before', async t => {
  for (const oldInfo of [undefined, null, {}, { oldText: null }]) t.equal(parseOne('edited', { oldInfo }).replaces, undefined)
})

t.test('messages of another account at Wazzup are ignored', async t => {
  t.match(parse(fixture('wazzup/batch'), { channelIds: [TELEGRAM] }), { edits: [{ user: { id: '5550123456' } }], ignored: [{}, { reason: 'unreadable' }, {}, {}], clients: [] })
  t.equal(parse(fixture('wazzup/edited'), { channelIds: [TELEGRAM, WHATSAPP] }).edits.length, 1)
})

t.test('a deleted message is no edit, nor is one that says nothing of an edit', async t => {
  for (const changes of [{ isDeleted: true }, { isEdited: false }, { isEdited: undefined }, { isEdited: 'true' }]) {
    t.match(parse(fixture('wazzup/edited', inMessage(changes))), { edits: [], ignored: [{}], clients: [{ user: { name: 'Anna P.' } }] })
  }
  for (const changes of [{ isEdited: false, isEcho: true }, { isEdited: false, contact: {} }, { isEdited: false, chatId: [] }]) {
    t.strictSame(parse(fixture('wazzup/edited', inMessage(changes))), { edits: [], ignored: [{}], clients: [] }, JSON.stringify(changes))
  }
})

t.test('an edit that cannot be read names its fields and none of its words', async t => {
  const cases: [changes: Changes, detail: RegExp][] = [
    [{ messageId: undefined, chatId: '' }, /^faulty: \/messageId, \/chatId$/],
    [{ text: undefined }, /^faulty: \/text$/],
    [{ text: ['bouquets'] }, /^faulty: \/text$/],
    [{ text: 'bouquets '.repeat(20_000) }, /more than 100000/],
  ]
  for (const [changes, detail] of cases) {
    const read = () => parseOne('edited', changes)
    t.throws(read, { message: detail }, JSON.stringify(changes).slice(0, 80))
    t.throws(read, { message: /^(?!.*bouquets)/s })
  }
  for (const body of ['[]', '"bouquets"', '{"messages":7}', '{"messages":']) t.throws(() => parse(Buffer.from(body)), BadRequest, body)
  t.throws(() => parse(Buffer.from(JSON.stringify({ messages: Array.from({ length: 1001 }, () => ({})) }))), { message: 'more than 1000 items' })
})

t.test('the test of an address is answered, and nothing else unsigned is', async t => {
  const greet = (body: string, method: 'POST' | 'GET' = 'POST') => create().greet?.({ method, query: '', headers: {}, body: Buffer.from(body) })
  t.strictSame(greet('{"test":true}'), { status: 200, body: '' })
  t.strictSame(greet(' { "test" : true } '), { status: 200, body: '' })
  for (const body of ['', '{', '{"test":"true"}', '{"test":false}', '{"test":true,"messages":[]}', '[]', 'null', `{"test":true${' '.repeat(100)}}`]) t.equal(greet(body), null, body)
  t.equal(greet('{"test":true}', 'GET'), null)
})

t.test('only the key opens, in its place', async t => {
  const verify = (request: { headers?: Record<string, string>, query?: string }, settings?: Record<string, unknown>, secrets?: string[]) => () => {
    create(settings, secrets).verify({ method: 'POST', query: '', headers: {}, body: fixture('wazzup/edited'), ...request }, NOW)
  }
  t.doesNotThrow(verify({ headers: { authorization: `Bearer ${SECRET}` } }))
  t.doesNotThrow(verify({ headers: { authorization: `Bearer ${SECRET}` } }, {}, ['the-next-key-of-the-tests', SECRET]), 'while it rotates')
  for (const authorization of ['', 'Bearer ', SECRET, `Bearer ${SECRET}x`, `Basic ${SECRET}`]) t.throws(verify({ headers: { authorization } }), Unauthenticated, authorization)
  t.throws(verify({ query: `secret=${SECRET}` }), Unauthenticated, 'not unless the channel says so')

  const inQuery = { secretIn: 'query' }
  t.doesNotThrow(verify({ query: `a=b&secret=${SECRET}` }, inQuery))
  for (const query of ['', 'secret=', `secret=${SECRET}x`, `Secret=${SECRET}`, `secret=x&secret=${SECRET}`]) t.throws(verify({ query }, inQuery), Unauthenticated, query)
  t.throws(verify({ headers: { authorization: `Bearer ${SECRET}` } }, inQuery), Unauthenticated)
})

t.test('the keys of a channel are checked', async t => {
  for (const secret of ['', 'short', 'x'.repeat(121), 'with blanks in between', 'a&b=c a&b=c a&b=c', 'п'.repeat(20)]) t.notOk(module.secret.isGood(secret), secret)
  t.ok(module.secret.isGood(SECRET))
  const keys = z.object(module.keys)
  t.strictSame(keys.parse({}), { secretIn: 'header' })
  for (const faulty of [{ secretIn: 'body' }, { channelIds: [] }, { channelIds: [''] }, { channelIds: WHATSAPP }]) t.notOk(keys.safeParse(faulty).success, JSON.stringify(faulty))
})

t.test('nothing that is posted is more than unreadable', async () => {
  fuzz(parse, ['edited', 'batch', 'file-edited'].map(name => fixture(`wazzup/${name}`).toString()))
})

t.test('through the relay into the portal', async t => {
  const channel = { messenger: 'wazzup', secrets: ['$' + '{WAZZUP_KEY}'] }
  const { lines, sendOriginal, post, drained, shown } = await startMessengers(t, [
    { ...channel, id: 'wazzup' },
    { ...channel, id: 'no-crm-key', secretIn: 'query', channelIds: [WHATSAPP] },
  ], { WAZZUP_KEY: SECRET })
  const dateTime = new Date(Date.now() - 60_000).toISOString()
  const edit = (messageId: string, oldText: string | undefined, text: string) =>
    ({ messageId, dateTime, text, oldInfo: oldText === undefined ? undefined : { oldText } })
  const send = async (name: string, changes: Changes) => await post('wazzup', fixture(`wazzup/${name}`, inMessage({ dateTime, ...changes })), { authorization: `Bearer ${SECRET}` })
  const outcomes = () => lines.filter(line => line.event === 'webhook.accepted').flatMap(line => line.edits as { outcome: string, reason?: string }[])
  const sendAll = async (...edits: Changes[]) => {
    for (const changes of edits) await send('edited', changes)
    await drained()
    return outcomes().slice(-edits.length).map(({ outcome }) => outcome)
  }
  const CLIENT = { chat: '79161234567', user: '79161234567' }

  await t.test('an edit shows, and Wazzup gets an empty 200', async t => {
    await sendOriginal({ message: 'Z1', ...CLIENT })
    t.strictSame(await send('edited', edit('Z1', 'original', 'Please *two* [b]')), { status: 200, contentType: null, text: '' })
    t.equal((await shown('Z1', 'Please [B]two[/B] [\u200Bb]'))?.text, 'Please [B]two[/B] [\u200Bb]')
  })

  await t.test('reversed and doubled deliveries leave the newest', async t => {
    await sendOriginal({ message: 'Z2', ...CLIENT })
    const [first, second, third] = [edit('Z2', 'original', 'one'), edit('Z2', 'one', 'two'), edit('Z2', 'two', 'three')]
    t.strictSame(await sendAll(second, first, second), ['accepted', 'duplicate', 'duplicate'])
    t.strictSame(await sendAll(third, first, second, third), ['accepted', 'duplicate', 'duplicate', 'duplicate'])
    t.strictSame((await shown('Z2', 'three'))?.history.map(({ text }) => text), ['original', 'two', 'three'])
  })

  await t.test('a client goes back to an earlier text, and even to the original one', async t => {
    await sendOriginal({ message: 'Z3', ...CLIENT })
    t.strictSame(await sendAll(edit('Z3', 'original', 'six'), edit('Z3', 'six', 'seven'), edit('Z3', 'seven', 'six')), ['accepted', 'accepted', 'accepted'])
    t.equal((await shown('Z3', 'six'))?.text, 'six')
    t.strictSame(await sendAll(edit('Z3', 'six', 'original'), edit('Z3', 'six', 'original')), ['accepted', 'duplicate'])
    t.equal((await shown('Z3', 'original'))?.text, 'original')
  })

  await t.test('without oldInfo an earlier text is taken for a repeated delivery', async t => {
    await sendOriginal({ message: 'Z4', ...CLIENT })
    t.strictSame(await sendAll(edit('Z4', undefined, 'six'), edit('Z4', undefined, 'seven'), edit('Z4', undefined, 'six')), ['accepted', 'accepted', 'duplicate'])
    t.equal((await shown('Z4', 'seven'))?.text, 'seven')
  })

  await t.test('of a batch each item is taken on its own', async t => {
    await sendOriginal({ message: 'Z5', chat: '5550123456', user: '5550123456' })
    const answer = await send('batch', { messageId: 'Z5' })
    t.match(answer, { status: 200, text: '' })
    t.match(outcomes().slice(-5), [{ outcome: 'accepted' }, { outcome: 'refused', reason: 'outgoing' }, { outcome: 'ignored' }, { reason: 'unreadable' }, { outcome: 'ignored' }])
    t.equal((await shown('Z5', 'call me at *6*'))?.text, 'call me at *6*')
  })

  await t.test('a caption that was taken away leaves the link of its file', async t => {
    await sendOriginal({ message: 'Z6', chat: '10480011', user: '10480011' })
    await send('file-edited', { messageId: 'Z6' })
    t.match(await shown('Z6', 'https://store.wazzup24.com/files/77aa.jpg'), { text: 'https://store.wazzup24.com/files/77aa.jpg', deleted: false })
  })

  await t.test('the secret in the URL, where Wazzup has no other, is in no log', async t => {
    await sendOriginal({ message: 'Z7', ...CLIENT })
    const body = fixture('wazzup/edited', inMessage(edit('Z7', 'original', 'by the URL')))
    t.match(await post(`no-crm-key?secret=${SECRET}`, body), { status: 200, text: '' })
    t.equal((await shown('Z7', 'by the URL'))?.text, 'by the URL')
    t.equal((await post(`no-crm-key?secret=${SECRET}x`, body)).status, 401)
    t.notMatch(JSON.stringify(lines), /wazzup-crm-key/)
  })

  await t.test('the test of the address is answered, unsigned', async t => {
    t.strictSame(await post('wazzup', { test: true }), { status: 200, contentType: null, text: '' })
    t.strictSame(await post('no-crm-key', '{"test":true}'), { status: 200, contentType: null, text: '' })
  })

  await t.test('what is old, empty or unreadable stays away, and a forgery is refused', async t => {
    await sendOriginal({ message: 'Z8', ...CLIENT })
    const cases: [changes: Changes, outcome: object][] = [
      [{ ...edit('Z8', 'original', 'too late'), dateTime: new Date(Date.now() - 4 * 86_400_000).toISOString() }, { outcome: 'refused', reason: 'too-old' }],
      [edit('Z8', 'original', '  '), { outcome: 'refused', reason: 'empty-text' }],
      [{ ...edit('Z8', 'original', 'my password'), chatId: null }, { outcome: 'ignored', reason: 'unreadable' }],
    ]
    for (const [changes, outcome] of cases) {
      t.match(await send('edited', changes), { status: 200, text: '' })
      t.match(outcomes().at(-1), outcome)
    }
    const body = fixture('wazzup/edited', inMessage(edit('Z8', 'original', 'forged')))
    t.equal((await post('wazzup', body, { authorization: `Bearer ${SECRET}x` })).status, 401)
    t.equal((await post('wazzup', body)).status, 401)
    await drained()
    t.match(await shown('Z8', 'original'), { text: 'original', deleted: false })
    t.notMatch(JSON.stringify(lines), /my password/)
  })
})
