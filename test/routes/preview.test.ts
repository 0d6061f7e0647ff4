import { createHmac } from 'node:crypto'
import t from 'tap'
import type { PreviewAnswer } from '../../routes/preview.ts'
import { signStandardWebhook } from '../../src/signatures/standard-webhooks.ts'
import { grantOf, startScriptedPortal } from '../bitrix24/scripted-portal.ts'
import { shift } from '../cases/shift.ts'
import { KEY, SECRET } from '../channel.ts'
import { fixture } from '../messengers/fixture.ts'
import { anna, edited } from '../messengers/fixtures/telegram/updates.ts'
import { startMessengers } from '../messengers/running.ts'
import { buildRelay, NOW, edit as genericEdit, webhook } from '../relay.ts'

const ADMIN_TOKEN = 'an-admin-token-of-the-test'
const TOKEN = 'ab'.repeat(16)

type Running = Awaited<ReturnType<typeof startMessengers>>

interface Sent { readonly channel: string, readonly body: Buffer, readonly headers: Readonly<Record<string, string>>, readonly query?: string }

/** A payload of 22 November 2026, as if it came now. */
function fresh (payload: unknown): Buffer {
  return Buffer.from(JSON.stringify(shift(payload, NOW / 1000, Math.floor(Date.now() / 1000))))
}

const read = (name: string): unknown => JSON.parse(fixture(name).toString())

const hmac = (algorithm: string, body: Buffer) => createHmac(algorithm, TOKEN).update(body).digest('hex')

const CHANNELS = [
  { id: 'site', messenger: 'generic', secrets: [SECRET], ids: { message: '{chat}_{message}' }, userFields: ['name'] },
  { id: 'telegram', messenger: 'telegram', secrets: [TOKEN], line: 2 },
  { id: 'meta', messenger: 'meta', secrets: [TOKEN], verifyToken: TOKEN },
  { id: 'vk', messenger: 'vk', secrets: [TOKEN], groupId: 220011223, confirmation: 'c0ffee42', allowAnonymous: true },
  { id: 'green', messenger: 'green-api', secrets: [TOKEN], instanceId: 1101700042 },
  { id: 'wazzup', messenger: 'wazzup', secrets: [TOKEN], secretIn: 'query' },
  { id: 'waha', messenger: 'waha', secrets: [TOKEN], idSuffix: 'strip' },
  { id: 'in-house', messenger: 'custom', secrets: [TOKEN], verify: { kind: 'bearer' }, map: '{ "user": { "id": user, "name": name }, "message": { "id": id, "text": text, "edited_at": $receivedAt }, "chat": { "id": chat } }' },
]

/** An authentic edit for each of the channels. */
function authentic (): Sent[] {
  const site = fresh({ type: 'message.edited', timestamp: NOW / 1000, data: { ...genericEdit('[b]Two', 'm1'), user: { id: '42', name: 'Ivan', phone: '+7999' } } })
  const whatsApp = fresh(read('meta/whatsapp-edit'))
  const waha = fresh(read('waha/edited'))
  return [
    { channel: 'site', body: site, headers: signStandardWebhook(KEY, site, Date.now()) },
    { channel: 'telegram', body: fresh(edited()), headers: { 'x-telegram-bot-api-secret-token': TOKEN } },
    { channel: 'meta', body: whatsApp, headers: { 'x-hub-signature-256': `sha256=${hmac('sha256', whatsApp)}` } },
    { channel: 'vk', body: fresh({ ...read('vk/message_edit') as object, secret: TOKEN }), headers: {} },
    { channel: 'green', body: fresh(read('green-api/whatsapp-edited')), headers: { authorization: `Bearer ${TOKEN}` } },
    { channel: 'wazzup', body: fresh(read('wazzup/edited')), headers: {}, query: `?secret=${TOKEN}` },
    { channel: 'waha', body: waha, headers: { 'x-webhook-hmac': hmac('sha512', waha) } },
    { channel: 'in-house', body: Buffer.from(JSON.stringify({ user: 7, name: 'Anna', id: 'm1', text: 'Two', chat: 'c1' })), headers: { authorization: `Bearer ${TOKEN}` } },
  ]
}

async function ask ({ relay }: Running, { channel, body, headers, query = '' }: Sent, token = ADMIN_TOKEN) {
  const { authorization, ...others } = headers as Record<string, string>
  const response = await fetch(`${relay.url}/api/preview/${channel}${query}`, {
    method: 'POST',
    headers: { ...others, ...authorization === undefined ? {} : { 'x-preview-authorization': authorization }, authorization: `Bearer ${token}` },
    body: new Uint8Array(body),
  })
  return { status: response.status, answer: await response.json() as PreviewAnswer }
}

async function ledger ({ relay }: Running): Promise<unknown> {
  const response = await fetch(`${relay.url}/api/status`, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } })
  return (await response.json() as { ledger: unknown }).ledger
}

const EMPTY = { accepted: 0, superseded: 0, delivered: 0, dead: 0, pending: 0 }

t.test('of each messenger it tests the signature, reads the edit either way, and stores and sends nothing', async t => {
  const running = await startMessengers(t, CHANNELS)
  const texts = []
  for (const sent of authentic()) {
    const { channel } = sent
    const { status, answer } = await ask(running, sent)
    t.equal(status, 200, channel)
    t.match(answer, { verified: true, reason: null, edits: [{ outcome: 'accepted', reason: null, edit: { revision: { tie: String } }, wire: { CONNECTOR: 'relay_demo', LINE: channel === 'telegram' ? 2 : 1, MESSAGES: [{}] } }], ignored: [] }, channel)
    texts.push(answer.edits[0]?.edit.message.text ?? '')

    const unsigned = channel === 'vk' ? { ...sent, body: fresh(read('vk/message_edit')) } : { ...sent, headers: {}, query: '' }
    const forged = (await ask(running, unsigned)).answer
    t.match(forged, { verified: false, reason: /secret|header/ }, channel)
    t.equal(forged.edits[0]?.edit.message.text, texts.at(-1), channel)
    if (sent.headers.authorization !== undefined) t.equal(forged.reason, 'the header authorization is missing', 'the ADMIN_TOKEN is not the messenger\'s')
  }
  t.strictSame(await ledger(running), EMPTY)
  t.strictSame(await running.portal.calls(), [])
  t.strictSame(running.lines.filter(({ event }) => String(event).startsWith('webhook.')), [], 'it is no webhook')
  const log = JSON.stringify(running.lines)
  for (const text of texts) t.notOk(log.includes(JSON.stringify(text).slice(1, -1)), 'the log has no text')
})

t.test('the wire is what the portal then gets', async t => {
  const portal = await startScriptedPortal(t, ({ method }) => method === 'oauth.token' ? grantOf(1) : { json: { result: { SUCCESS: true, DATA: { RESULT: [{ SUCCESS: true, user: '1' }] } } } })
  const running = await startMessengers(t, CHANNELS, { BITRIX24_PORTAL_URL: portal.url, BITRIX24_OAUTH_URL: portal.url })
  for (const sent of authentic()) {
    const { answer } = await ask(running, sent)
    const response = await fetch(`${running.relay.url}/webhooks/${sent.channel}${sent.query ?? ''}`, { method: 'POST', headers: { 'content-type': 'application/json', ...sent.headers }, body: new Uint8Array(sent.body) })
    t.ok(response.ok, sent.channel)
    await running.drained()
    const { auth, ...params } = portal.calls.findLast(({ method }) => method.startsWith('imconnector.update.messages'))?.params ?? {}
    // As text: Bitrix24 takes fields in another order for another profile.
    t.equal(JSON.stringify(answer.edits[0]?.wire), JSON.stringify(params), sent.channel)
  }
})

t.test('clients get their names as from a webhook, and are not remembered', async t => {
  const running = await startMessengers(t, CHANNELS)
  const post = async (sent: Sent) => await running.post(sent.channel, sent.body, sent.headers)
  const headers = { authorization: `Bearer ${TOKEN}` }
  const nameless: Sent = { channel: 'in-house', body: Buffer.from('{"user":"42","id":"m1","text":"Two","chat":"c1"}'), headers }
  t.match((await ask(running, nameless)).answer.edits, [{ outcome: 'refused', reason: 'anonymous-user', wire: null, edit: { user: { id: '42' }, message: { text: 'Two' } } }])

  const data = { user: { id: '42', name: 'Ivan', phone: '+7999' }, chat: { id: 'c1' } }
  const body = Buffer.from(JSON.stringify({ type: 'message.created', timestamp: Date.now(), data }))
  const created: Sent = { channel: 'site', body, headers: signStandardWebhook(KEY, body, Date.now()) }
  t.match((await ask(running, created)).answer, { verified: true, edits: [], ignored: [{}], clients: [{ id: '42', name: 'Ivan' }] })
  t.equal((await ask(running, nameless)).answer.edits[0]?.reason, 'anonymous-user', 'the preview of a client is not stored')
  await post(created)
  t.match((await ask(running, nameless)).answer.edits, [{ outcome: 'accepted', wire: { MESSAGES: [{ user: { id: '42', name: 'Ivan' } }] } }])
})

t.test('a client who is in the same webhook has a name', async t => {
  const batch = {
    forEach: 'items',
    filter: 'edited = true',
    map: '{ "user": { "id": user }, "message": { "id": id, "text": text, "edited_at": $receivedAt }, "chat": { "id": chat } }',
    client: '{ "user": { "id": user, "name": name } }',
  }
  const running = await startMessengers(t, [{ id: 'batch', messenger: 'custom', secrets: [TOKEN], verify: { kind: 'bearer' }, ...batch }])
  const body = Buffer.from(JSON.stringify({ items: [{ user: 'u1' }, { user: 'u1', name: 'Anna' }, { edited: true, user: 'u1', id: 'm1', text: 'Two', chat: 'c1' }, { edited: true, user: 'u2', id: 'm2', text: 'Two', chat: 'c1' }] }))
  const { answer } = await ask(running, { channel: 'batch', body, headers: {} })
  t.match(answer.edits, [{ outcome: 'accepted', edit: { user: { name: 'Anna' } } }, { outcome: 'refused', reason: 'anonymous-user' }])
})

t.test('it says why an edit is refused or cannot be read, by the names of fields', async t => {
  const running = await startMessengers(t, CHANNELS)
  const generic = (data: unknown): Sent => ({ channel: 'site', body: Buffer.from(JSON.stringify({ type: 'message.edited', timestamp: Date.now(), data })), headers: {} })
  const user = { id: '42', name: 'Ivan' }
  const edits = [
    { user, chat: { id: 'c' }, message: { id: '1', text: ' ' } },
    { user, chat: { id: 'c' }, message: { id: '2', text: 'Two', date: Date.now() - 4 * 24 * 3600_000 } },
    { user, chat: { id: 'c' }, message: { id: '3', text: 'Two', direction: 'out' } },
    { user, chat: { id: 'c' }, message: { id: '4'.repeat(200), text: 'Two' } },
  ]
  t.match((await ask(running, generic(edits))).answer.edits.map(({ outcome, reason, wire }) => [outcome, reason, wire]), ['empty-text', 'too-old', 'outgoing', 'id-too-long'].map(reason => ['refused', reason, null]))

  const { status, answer } = await ask(running, generic({ user, chat: { id: 'c' }, message: { id: 'm1', text: 'private words', edited_at: 'private time' } }))
  t.equal(status, 200)
  t.match(answer, { edits: [], ignored: [{ reason: 'unreadable', detail: /\/data\/message\/edited_at/, errors: [{ pointer: '/data/message/edited_at', detail: /^must be/ }] }] })
  t.notMatch(JSON.stringify(answer), /private/)
  t.match((await ask(running, { channel: 'telegram', body: Buffer.from('{"update_id":1,"edited_message":{"edit_date":1,"text":"private words"}}'), headers: {} })).answer, { ignored: [{ reason: 'unreadable', detail: /\/edited_message\/message_id/ }] })
  t.match((await ask(running, { channel: 'telegram', body: Buffer.from('private words'), headers: {} })).answer, { ignored: [{ reason: 'unreadable', detail: 'the body is not JSON' }] })
  t.match((await ask(running, { channel: 'telegram', body: Buffer.alloc(0), headers: {} })).answer, { ignored: [{ reason: 'unreadable' }] })
  t.match((await ask(running, { channel: 'telegram', body: fresh({ update_id: 1, message: { from: anna, chat: { id: 1, type: 'private' } } }), headers: {} })).answer, { edits: [], ignored: [{}], clients: [{ id: '5501' }] })
  t.strictSame(await ledger(running), EMPTY)
})

t.test('of a question it shows the answer', async t => {
  const running = await startMessengers(t, CHANNELS)
  const { answer } = await ask(running, { channel: 'vk', body: Buffer.from('{"type":"confirmation","group_id":220011223}'), headers: {} })
  t.strictSame(answer, { verified: true, reason: null, edits: [], ignored: [], clients: [], reply: { status: 200, body: 'c0ffee42' } })
})

t.test('only an administrator is answered, for a channel that exists, and for a body up to 1 MiB of any type', async t => {
  const { app, store } = await buildRelay(t, { env: { ADMIN_TOKEN } })
  const { payload, headers } = webhook(genericEdit())
  const post = async (changes: { url?: string, authorization?: string, type?: string, body?: Buffer } = {}) => await app.inject({
    method: 'POST',
    url: changes.url ?? '/api/preview/default',
    headers: { ...headers, authorization: changes.authorization ?? `Bearer ${ADMIN_TOKEN}`, 'content-type': changes.type ?? 'application/json' },
    payload: changes.body ?? payload,
  })
  for (const type of ['application/json', 'application/x-www-form-urlencoded', 'text/plain; charset=utf-8', 'application/octet-stream']) t.match((await post({ type })).json(), { verified: true, edits: [{ outcome: 'accepted' }] }, type)
  t.equal((await post()).headers['ratelimit-limit'], '1200')
  t.equal((await post({ body: Buffer.alloc(1024 * 1024, ' ') })).statusCode, 200)
  for (const [changes, status] of [[{ body: Buffer.alloc(1024 * 1024 + 1) }, 413], [{ authorization: 'Bearer wrong' }, 401], [{ authorization: '' }, 401], [{ url: '/api/preview/other' }, 404]] as const) {
    const answer = await post(changes)
    t.equal(answer.statusCode, status)
    t.match(answer.headers['content-type'], /^application\/problem\+json/)
  }
  t.equal((await app.inject({ url: '/api/preview/default', headers: { authorization: `Bearer ${ADMIN_TOKEN}` } })).statusCode, 404)
  t.match(await store.outbox.ledger(), EMPTY)
  const bare = await buildRelay(t)
  t.equal((await bare.app.inject({ method: 'POST', url: '/api/preview/default', payload })).statusCode, 404, 'without an ADMIN_TOKEN there is no such address')
})

t.test('the OpenAPI document describes it', async t => {
  const { app } = await buildRelay(t, { env: { ADMIN_TOKEN } })
  const { post } = (await app.inject({ url: '/openapi.json' })).json().paths['/api/preview/{channel}']
  t.match(post.requestBody.content['*/*'].schema, {})
  t.strictSame(post.parameters.map((parameter: { name: string, in: string }) => [parameter.in, parameter.name]), [['path', 'channel'], ['header', 'x-preview-authorization']])
  t.strictSame(Object.keys(post.responses), ['200', '401', '404', '413', '429', '503'])
  t.strictSame(Object.keys(post.responses['200'].content['application/json'].schema.properties), ['verified', 'reason', 'edits', 'ignored', 'clients', 'reply'])
})
