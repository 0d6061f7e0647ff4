import t from 'tap'
import { createHmac } from 'node:crypto'
import { loadConfig } from '../../../src/config/config.ts'
import { ConfigError, Unauthenticated } from '../../../src/base/errors.ts'
import { signStandardWebhook } from '../../../src/signatures/standard-webhooks.ts'
import { KEY, SECRET as STANDARD_SECRET } from '../../channel.ts'
import { fuzzPromised } from '../fuzz.ts'
import { create, NOW, read, SECRET, type Entry } from './channel.ts'

const MAP = '{ "user": { "id": user, "name": name }, "message": { "id": id, "text": text, "edited_at": time }, "chat": { "id": chat } }'
const EDIT = { user: 7, name: 'Anna', id: 'm1', text: 'Two', time: NOW / 1000, chat: 'c1' }

/** What the start says of a channels file with this custom channel. */
function faultsOf (entry: Entry): readonly string[] {
  const channels = [{ id: 'shop', messenger: 'custom', secrets: [SECRET], verify: { kind: 'bearer' }, map: MAP, ...entry }]
  const env = { BITRIX24_PORTAL_URL: 'https://example.bitrix24.ru', BITRIX24_CONNECTOR: 'relay_demo', BITRIX24_LINE: '1', CHANNELS_FILE: 'channels.json' }
  try {
    loadConfig(env, () => JSON.stringify({ channels }))
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
  return []
}

function isAuthentic (entry: Entry, headers: Record<string, string>, body = '{}', secrets?: readonly string[]): boolean {
  try {
    create(entry, secrets).verify({ method: 'POST', query: '', headers, body: Buffer.from(body) }, NOW)
    return true
  } catch (error) {
    if (error instanceof Unauthenticated) return false
    throw error
  }
}

t.test('an event becomes an edit by the map', async t => {
  t.strictSame(await read({ map: MAP }, EDIT), {
    edits: [{
      direction: undefined,
      user: { id: '7', name: 'Anna', lastName: undefined, pictureUrl: undefined, url: undefined, gender: undefined, email: undefined, phone: undefined },
      message: { id: 'm1', date: undefined, text: 'Two', files: [] },
      chat: { id: 'c1', name: undefined, url: undefined },
      revision: { at: NOW, tie: 0n },
    }],
    ignored: [],
    clients: [],
  })
})

t.test('the map may be a list of lines, and gives all that the generic format has', async t => {
  const map = [
    '{',
    '  "user": { "id": user, "name": name, "picture": { "url": picture }, "sex": "female" },',
    '  "message": { "id": id, "text": text, "date": "2026-11-22T09:00:00Z", "edited_at": $receivedAt, "revision": "7", "direction": "out", "format": "whatsapp",',
    '    "files": files.{ "url": $, "name": "a.pdf" } },',
    '  "chat": { "id": chat, "name": $body.chat }',
    '}',
  ]
  const { edits: [edit] } = await read({ map }, { ...EDIT, text: '*Two* [b]', picture: 'https://example.com/a.png', files: ['https://example.com/a', 'https://example.com/b'] })
  t.match(edit, {
    direction: 'out',
    user: { id: '7', pictureUrl: 'https://example.com/a.png', gender: 'female' },
    message: { date: Date.UTC(2026, 10, 22, 9), text: '[B]Two[/B] [\u200bb]', files: [{ url: 'https://example.com/a', name: 'a.pdf' }, { url: 'https://example.com/b' }] },
    chat: { name: 'c1' },
    revision: { at: NOW, tie: 7n },
  })
})

t.test('what an edit can do without is left out if it cannot be read, and the rest is not', async t => {
  const map = '{ "user": $merge([{ "id": user, "name": name }, extra]), "message": { "id": id, "text": text, "edited_at": time, "date": date, "files": files }, "chat": { "id": chat, "name": title, "url": link } }'
  const whole = await read({ map }, { ...EDIT, extra: {} })
  const odd = [5, true, {}, ['x'], 'x'.repeat(5000), 'javascript:1', null, 1e15]
  for (const value of odd) {
    const extra = { last_name: value, picture: { url: value }, url: value, email: value, phone: value, sex: value }
    const texts = typeof value === 'string' && value.length < 100 ? { last_name: value, email: value, phone: value } : {}
    const { edits: [edit] } = await read({ map }, { ...EDIT, extra, date: value, files: [{ url: value }], title: texts.email === undefined ? value : undefined, link: value })
    t.match(edit, { message: { id: 'm1', text: 'Two', files: [], date: undefined }, chat: { id: 'c1' }, user: { id: '7', name: 'Anna', pictureUrl: undefined } }, JSON.stringify(value).slice(0, 20))
    if (texts.email === undefined) t.strictSame(edit, whole.edits[0], JSON.stringify(value).slice(0, 20))
  }
  t.match(await read({ map: MAP, filter: 'false', client: '{ "user": { "id": user, "name": name, "email": time } }' }, EDIT), { clients: [{ user: { id: '7', name: 'Anna', email: undefined } }] })
})

t.test('an edit that does not say whose it is takes the author of a message that was seen', async t => {
  const entry = {
    filter: 'kind = "edited"',
    map: '{ "user": { "id": user, "name": name }, "chat": { "id": chat }, "message": { "id": id, "text": "Two", "edited_at": $receivedAt, "seen": seen, "direction": "out" } }',
    client: '{ "user": { "id": user, "name": name }, "chat": { "id": chat }, "message": { "id": id } }',
  }
  t.match(await read(entry, { kind: 'new', user: 7, chat: 'c1', id: 1001 }), { clients: [{ user: { id: '7' }, chat: 'c1', message: '1001' }] })
  t.notOk('message' in ((await read(entry, { kind: 'new', user: 7, id: {} })).clients[0] ?? {}), 'an id that cannot be read')

  const asked: string[] = []
  const find = async (message: string) => {
    asked.push(message)
    return message === '1001' ? { user: 'u1', chat: 'c1' } : null
  }
  const edit = { kind: 'edited', id: 1001, name: 'Anna' }
  t.match(await read(entry, { ...edit, seen: true }, find), { edits: [{ direction: 'in', user: { id: 'u1', name: 'Anna' }, chat: { id: 'c1' }, message: { id: '1001' } }] })
  t.match(await read(entry, { ...edit, seen: true, user: 'x', chat: 'y' }, find), { edits: [{ direction: 'in', user: { id: 'u1' }, chat: { id: 'c1' } }] })
  t.match(await read(entry, { ...edit, seen: true, id: 1002, user: 'x', chat: 'y' }, find), { edits: [{ direction: 'out', user: { id: 'x' }, chat: { id: 'y' } }] }, 'otherwise what map gives counts')
  await t.rejects(read(entry, { ...edit, seen: true, id: 1002 }, find), { name: 'BadRequest', message: 'map gives a faulty edit: /user/id, /chat/id' })
  t.strictSame(asked.splice(0), ['1001', '1001', '1002', '1002'])
  await t.rejects(read(entry, { ...edit, seen: 'yes' }, find), { name: 'BadRequest' })
  await t.rejects(read(entry, edit, find), { name: 'BadRequest' })
  t.strictSame(asked, [], 'nothing is looked for unless the map asks')
})

t.test('integers beyond 2^53 keep their digits', async t => {
  const body = Buffer.from('{"user":90071992547409931,"name":"Anna","id":116646532103459873,"text":"t","time":1795341600,"chat":-9007199254740993,"seq":9223372036854775807}')
  const { edits: [edit] } = await read({ map: MAP.replace('"edited_at"', '"revision": seq, "edited_at"') }, body)
  t.match(edit, { user: { id: '90071992547409931' }, message: { id: '116646532103459873' }, chat: { id: '-9007199254740993' }, revision: { tie: 9223372036854775807n } })
})

t.test('what the filter does not pass is ignored, and tells who the client is', async t => {
  const entry = { map: MAP, filter: 'edited = true', client: '{ "user": { "id": user, "name": name }, "chat": { "id": chat }, "message": { "date": time } }' }
  t.match(await read(entry, { ...EDIT, edited: true }), { edits: [{ message: { id: 'm1' } }], ignored: [], clients: [] })
  t.match(await read(entry, EDIT), { edits: [], ignored: [{}], clients: [{ user: { id: '7', name: 'Anna' }, chat: 'c1', revision: { at: NOW, tie: 0n } }] })
  for (const body of [{}, [], null, 'x', { user: {} }, { user: true, name: 'x' }]) {
    t.strictSame(await read(entry, body), { edits: [], ignored: [{}], clients: [] }, JSON.stringify(body).slice(0, 40))
  }
  t.strictSame(await read({ ...entry, client: '$number(name)' }, EDIT), { edits: [], ignored: [{}], clients: [] }, 'a client who cannot be read is passed over')
})

t.test('a filter that gives no answer is a fault, because it would ignore edits in silence', async t => {
  for (const filter of ['text', '[true]', '1', '{"a": 1}']) await t.rejects(read({ map: MAP, filter }, EDIT), { name: 'BadRequest', message: /^filter gives neither true nor false/ }, filter)
})

t.test('a batch is read item by item: one that cannot be read does not cost the others', async t => {
  const entry = { map: MAP.replace('chat }', '$body.chat }'), forEach: 'items', filter: 'kind = "edit"' }
  const edit = { kind: 'edit', user: 7, name: 'Anna', id: 'm1', text: 'Two', time: NOW / 1000 }
  const { edits, ignored } = await read(entry, { chat: 'c9', items: [edit, { kind: 'other' }, { ...edit, id: null, time: 'soon' }, { ...edit, id: 'm2' }] })
  t.match(edits, [{ message: { id: 'm1' }, chat: { id: 'c9' } }, { message: { id: 'm2' } }])
  t.strictSame(ignored, [{}, { reason: 'unreadable', detail: 'map gives a faulty edit: /message/id, /message/edited_at' }])
  t.equal((await read(entry, { chat: 'c9', items: edit })).edits.length, 1, 'a single item')
  for (const items of [undefined, [], null]) t.strictSame(await read({ ...entry, filter: 'false' }, { items }), { edits: [], ignored: [{}], clients: [] })
  await t.rejects(read({ ...entry, filter: 'false' }, { items: Array(1001).fill(1) }), { name: 'BadRequest', message: 'forEach finds more than 1000 items' })
})

t.test('a map that gives no edit is named with its fields', async t => {
  const cases: Array<[string, string]> = [
    ['{}', '/user, /message, /chat'],
    ['[]', '/'],
    ['missing', '/'],
    ['function($x){ $x }', '/'],
    [MAP.replace('"time"', '"x"').replace('"edited_at": time', '"date": time'), '/message/edited_at'],
    [MAP.replace('"text": text, ', ''), '/message/text'],
    [MAP.replace(': time', ': 5e12'), '/message/edited_at'],
    [MAP.replace('"text": text', '"text": text, "format": "html"'), '/message/format'],
    [MAP.replace('"text": text', '"text": text, "revision": 1.5'), '/message/revision'],
    [MAP.replace('"id": user', '"id": $string'), '/user/id'],
  ]
  for (const [map, fields] of cases) await t.rejects(read({ map }, EDIT), { name: 'BadRequest', message: `map gives a faulty edit: ${fields}` }, map)
})

t.test('a hostile body cannot freeze the relay', async t => {
  const entry = { map: MAP, filter: '**[kind = "edit"] ? true : false', forEach: 'items', client: '$string($body)' }
  const nested = (depth: number, open: string, close: string) => Buffer.from(`{"items":${open.repeat(depth)}1${close.repeat(depth)}}`)
  await t.rejects(read(entry, nested(500_000, '[', ']')), { name: 'BadRequest' }, 'lists in lists')
  await t.rejects(read(entry, nested(100_000, '{"a":', '}')), { name: 'BadRequest' }, 'objects in objects')
  await t.rejects(read(entry, nested(64, '[', ']')), { name: 'BadRequest', message: 'the body has lists or objects more than 64 deep' })
  await t.rejects(read(entry, { items: Array(500_000).fill(0) }), { name: 'BadRequest', message: 'the body has more than 10000 values' }, 'a long list')
  await t.rejects(read(entry, Object.fromEntries(Array.from({ length: 12_000 }, (_, index) => [`key${index}`, index]))), { name: 'BadRequest', message: 'the body has more than 10000 values' }, 'many keys')

  const { ignored } = await read({ ...entry, filter: '$body.items[$ = $$].x = 1' }, { items: Array.from({ length: 200 }, (_, index) => index) })
  t.equal(ignored.length, 200)
  t.strictSame(ignored.at(-1), { reason: 'unreadable', detail: 'filter: it takes too many steps' }, 'the items of a batch share one budget')
})

t.test('a question in the query is answered with its challenge, if the word is the one agreed', async t => {
  const messenger = create({ handshakes: [{ kind: 'echo-query', parameter: 'hub.challenge', when: { 'hub.mode': 'subscribe', 'hub.verify_token': 'the-agreed-word' } }] })
  const ask = (query: string) => messenger.greet?.({ method: 'GET', query, headers: {}, body: Buffer.alloc(0) })
  t.strictSame(ask('hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=the-agreed-word'), { status: 200, body: '1158201444' })
  for (const word of ['another', '', 'the-agreed-wor', 'the-agreed-words', 'The-Agreed-Word']) t.throws(() => ask(`hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=${word}`), Unauthenticated, word)
  t.throws(() => ask('hub.mode=unsubscribe&hub.challenge=1158201444&hub.verify_token=the-agreed-word'), Unauthenticated)
  for (const query of ['', 'hub.challenge=1', 'hub.mode=subscribe&hub.verify_token=the-agreed-word', 'hub.mode=subscribe&hub.challenge=%0A&hub.verify_token=the-agreed-word', `hub.mode=subscribe&hub.challenge=${'1'.repeat(1001)}&hub.verify_token=the-agreed-word`]) {
    t.equal(ask(query), null, query.slice(0, 80))
  }
  t.equal(messenger.greet?.({ method: 'POST', query: '', headers: {}, body: Buffer.from('{}') }), null)
})

t.test('a question in the body is answered once it is authentic, or before where that is said', async t => {
  const when = { '/type': 'confirmation', '/group_id': 5 }
  const body = { type: 'confirmation', group_id: 5 }
  const signed = { map: MAP, filter: 'false', handshakes: [{ kind: 'static', when, text: 'a1b2c3' }, { kind: 'echo-json', field: '/deep/challenge', when: { '/type': 'verify' }, as: 'json' }] }
  const post = (bytes: string) => ({ method: 'POST' as const, query: '', headers: {}, body: Buffer.from(bytes) })
  t.strictSame(await read(signed, body), { edits: [], ignored: [], clients: [], reply: { status: 200, body: 'a1b2c3' } })
  t.strictSame((await read(signed, { type: 'verify', deep: { challenge: 'abc' } })).reply, { status: 200, body: { challenge: 'abc' } })
  t.equal(create(signed).greet?.(post(JSON.stringify(body))), null, 'not before')
  for (const other of [{ type: 'confirmation', group_id: '5' }, { type: 'confirmation' }, { type: 'verify' }, { type: 'verify', deep: { challenge: 5 } }, { type: 'verify', deep: { challenge: 'a\u0000' } }]) {
    t.equal((await read(signed, other)).reply, undefined, JSON.stringify(other))
  }

  const open = create({ handshakes: [{ kind: 'static', when, text: 'a1b2c3', unsigned: true }] })
  t.strictSame(open.greet?.(post(JSON.stringify(body))), { status: 200, body: 'a1b2c3' })
  for (const bytes of ['', '{', '{"type":"confirmation","group_id":6}', JSON.stringify({ ...body, more: 'x'.repeat(20_000) })]) t.equal(open.greet?.(post(bytes)), null, bytes.slice(0, 50))
})

t.test('the reply is the one that the sender takes for success', async t => {
  t.strictSame(create({}).reply([]), { status: 200, body: '' })
  t.strictSame(create({ reply: { body: 'ok' } }).reply([]), { status: 200, body: 'ok' })
  t.strictSame(create({ reply: { status: 202, body: { success: true } } }).reply([]), { status: 202, body: { success: true } })
  t.strictSame(create({ reply: { body: '<Response/>', contentType: 'text/xml' } }).reply([]), { status: 200, body: '<Response/>', headers: { 'content-type': 'text/xml' } })
})

t.test('what cannot be read is acknowledged, unless the channel says otherwise', async t => {
  t.equal(create({}).unreadable, 'acknowledge')
  t.equal(create({ unreadable: 'refuse' }).unreadable, 'refuse')
})

t.test('each scheme of verification can be written in a channel', async t => {
  const hex = (content: string) => createHmac('sha256', SECRET).update(content).digest('hex')
  const sentAt = String(NOW / 1000)
  const cases: Array<[string, Entry, Record<string, string>, string?]> = [
    ['hmac of the body', { kind: 'hmac', header: 'X-Hub-Signature-256', prefix: 'sha256=' }, { 'x-hub-signature-256': `sha256=${hex('{}')}` }],
    ['hmac with id and time', { kind: 'hmac', header: 'X-Signature', content: '{id}:{timestamp}:{body}', idHeader: 'X-Id', timestampHeader: 'X-Time' }, { 'x-id': 'a', 'x-time': sentAt, 'x-signature': hex(`a:${sentAt}:{}`) }],
    ['hmac in base64', { kind: 'hmac', header: 'X-Signature', algorithm: 'sha512', encoding: 'base64' }, { 'x-signature': createHmac('sha512', SECRET).update('{}').digest('base64') }],
    ['bearer', { kind: 'bearer' }, { authorization: `Bearer ${SECRET}` }],
    ['header', { kind: 'header', header: 'X-Token', prefix: 'Token ' }, { 'x-token': `Token ${SECRET}` }],
    ['field', { kind: 'field', field: '/auth/a~1b' }, {}, JSON.stringify({ auth: { 'a/b': SECRET } })],
  ]
  for (const [what, verify, headers, body = '{}'] of cases) {
    t.ok(isAuthentic({ verify }, headers, body), what)
    t.ok(isAuthentic({ verify }, headers, body, ['another-secret-of-it', SECRET]), `${what}, while secrets rotate`)
    t.notOk(isAuthentic({ verify }, headers, body, ['another-secret-of-it']), `${what}, another secret`)
    t.notOk(isAuthentic({ verify }, {}), `${what}, nothing`)
  }
  const old = { 'x-id': 'a', 'x-time': String(NOW / 1000 - 61), 'x-signature': hex(`a:${NOW / 1000 - 61}:{}`) }
  const verify = { kind: 'hmac', header: 'x-signature', content: '{id}:{timestamp}:{body}', idHeader: 'x-id', timestampHeader: 'x-time', toleranceS: 60 }
  t.notOk(isAuthentic({ verify }, old), 'a second too old')
  t.ok(isAuthentic({ verify: { ...verify, toleranceS: 61 } }, old), 'just in time')
})

t.test('Standard Webhooks, with a secret as they write it or as it stands', async t => {
  const verify = { kind: 'standard-webhooks' }
  t.ok(isAuthentic({ verify }, signStandardWebhook(KEY, '{}', NOW), '{}', [STANDARD_SECRET]))
  t.notOk(isAuthentic({ verify }, signStandardWebhook(KEY, '{}', NOW), '{ }', [STANDARD_SECRET]))
  t.ok(isAuthentic({ verify }, signStandardWebhook(Buffer.from('a secret! as it stands'), '{}', NOW), '{}', ['a secret! as it stands']))
})

t.test('the start names each fault of a channel: the channel, the key and the position', async t => {
  const hmac = { kind: 'hmac', header: 'X-Signature' }
  const cases: Array<[Entry, string]> = [
    [{ map: '{ "user": }' }, '/map is not usable: line 1, column 11: The symbol "}" cannot be used as a unary operator'],
    [{ map: ['{', '  "user": $match(id, /(a+)+$/)', '}'] }, '/map is not usable: line 2, column 22: a regular expression can block the relay; use $contains, $substringBefore, $split or $replace with a text'],
    [{ filter: '$eval(text)' }, '/filter is not usable: line 1, column 1: $eval cannot be used: it would run code from a client'],
    [{ forEach: 'a.' }, '/forEach is not usable: line 1, column 3: Unexpected end of expression'],
    [{ client: '$nope' }, '/client is not usable: line 1, column 1: there is no $nope'],
    [{ map: 5 }, '/map must be JSONata: a text, or a list of its lines'],
    [{ verify: undefined }, '/verify must have the kind hmac, bearer, header, field or standard-webhooks'],
    [{ verify: { kind: 'none' } }, '/verify/kind must have the kind hmac, bearer, header, field or standard-webhooks'],
    [{ verify: { ...hmac, header: 'X Signature' } }, '/verify/header must name a header'],
    [{ verify: { ...hmac, content: '{body}.' } }, '/verify/content must end with {body}'],
    [{ verify: { ...hmac, content: '{timestamp}.{body}' } }, '/verify/content must hold {timestamp} if there is a timestampHeader, and only then: a time that is not signed proves nothing'],
    [{ verify: { ...hmac, timestampHeader: 'X-Time' } }, '/verify/content must hold {timestamp} if there is a timestampHeader, and only then: a time that is not signed proves nothing'],
    [{ verify: { ...hmac, content: '{id}{body}', idHeader: 'X-Id' } }, '/verify/content must have a sign such as . or : after {id}, so that the id cannot run into what follows'],
    [{ verify: { ...hmac, content: '{nonce}{body}' } }, '/verify/content must hold {body}, {timestamp} and {id} at most once each, and nothing else in braces'],
    [{ verify: { kind: 'field', field: 'token' } }, '/verify/field must be a JSON Pointer such as /token'],
    [{ verify: { kind: 'field', field: '/messages/0/token' } }, '/verify/field must lead through objects, not through a list'],
    [{ handshakes: [{ kind: 'static', when: {}, text: 'x' }] }, '/handshakes/0/when must name at least one value to expect'],
    [{ handshakes: [{ kind: 'static', when: { type: 'x' }, text: 'x' }] }, '/handshakes/0/when names type, which is not a JSON Pointer such as /type'],
    [{ reply: { status: 302 } }, '/reply/status must be from 200 to 299'],
    [{ reply: { body: {}, contentType: 'text/xml' } }, '/reply must have a text as its body when it has a contentType'],
    [{ unreadable: 'drop' }, '/unreadable must be acknowledge or refuse'],
    [{ secrets: ['too-short'] }, '/secrets/0 must have 16 to 1000 characters without blanks; one that begins with whsec_ goes on with base64 of 24 to 64 bytes. "openssl rand -hex 32" makes one'],
    [{ secrets: ['whsec_not-base64-at-all'] }, '/secrets/0 must have 16 to 1000 characters without blanks; one that begins with whsec_ goes on with base64 of 24 to 64 bytes. "openssl rand -hex 32" makes one'],
  ]
  for (const [entry, fault] of cases) t.strictSame(faultsOf(entry), [`CHANNELS_FILE: /channels/0${fault} (channel shop)`], fault)
  t.strictSame(faultsOf({}), [])
})

t.test('no JSON makes it fail: it is read, ignored, or named as unreadable', async t => {
  const messenger = create({ map: MAP, forEach: 'items', filter: '$exists(text)', client: '{ "user": { "id": user, "name": name } }' })
  await fuzzPromised(async body => await messenger.parse({ method: 'POST', query: '', headers: {}, body }, NOW), [JSON.stringify({ items: [EDIT, { user: 5, name: 'B' }] })])
  t.pass()
})
