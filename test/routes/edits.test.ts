import t, { type Test } from 'tap'
import type { ActivityCount } from '../../src/outbox/activity.ts'
import type { EditRow } from '../../src/outbox/outbox.ts'
import { edit as clientEdit, startScraped } from '../operations/metrics/running.ts'
import { eventually, original } from '../portal.ts'
import { buildRelay, NOW, webhook } from '../relay.ts'

const ADMIN_TOKEN = 'an-admin-token-of-the-test'
const headers = { authorization: `Bearer ${ADMIN_TOKEN}` }

async function start (t: Test) {
  const relay = await buildRelay(t, { env: { ADMIN_TOKEN } })
  const { app, store } = relay
  const send = async (message: string, text: string, editedAt = 1_790_000_000) => {
    const data = { user: { id: '42', name: 'Ivan' }, message: { id: message, text, edited_at: editedAt }, chat: { id: 'c1' } }
    const answer = await app.inject(webhook(data))
    return answer.json().edits[0].id as string
  }
  const get = async (url: string) => await app.inject({ url, headers })
  const post = async (url: string, body?: object) => await app.inject({ method: 'POST', url, headers, ...(body === undefined ? {} : { payload: body }) })
  const finish = async (id: string, result: 'delivered' | 'dead') => {
    const row = await store.outbox.find(id) as EditRow
    const { portal } = store
    const lane = { connector: row.connector, line: row.line, channel: row.channel }
    for (const edit of await store.outbox.claim({ portal, epoch: 0, lane, callId: 'call', now: Number.MAX_SAFE_INTEGER, limit: 1, bucket: { level: 0, at: 0 } })) {
      const ending = result === 'dead' ? { result, reason: 'rejected' as const, words: 'Incomplete data', quarantineUntil: null } : { result, flags: [] }
      await store.outbox.record({ portal, epoch: 0, callId: 'call', outcomes: [{ id: edit.id, version: edit.version, ...ending }], attempt: { at: 0, durationMs: 12, code: 'ok', words: null }, now: 1 })
    }
  }
  return { ...relay, send, get, post, finish }
}

t.test('without an ADMIN_TOKEN there is no such address', async t => {
  const { app } = await buildRelay(t)
  for (const url of ['/api/status', '/api/edits', '/api/edits/x']) t.equal((await app.inject({ url, headers })).statusCode, 404)
})

t.test('without the right token nothing is told', async t => {
  const { app } = await start(t)
  for (const authorization of [undefined, 'Bearer', 'Bearer wrong', `Basic ${ADMIN_TOKEN}`, `Bearer ${ADMIN_TOKEN}x`]) {
    const answer = await app.inject({ url: '/api/status', headers: authorization === undefined ? {} : { authorization } })
    t.equal(answer.statusCode, 401)
    t.equal(answer.headers['www-authenticate'], 'Bearer')
    t.match(answer.headers['content-type'], /^application\/problem\+json/)
  }
})

t.test('the status holds the ledger, which balances', async t => {
  const { send, get, finish } = await start(t)
  const delivered = await send('a', 'first')
  await finish(delivered, 'delivered')
  await send('b', 'second', 1_790_000_001)
  await send('b', 'third', 1_790_000_002)
  await send('c', ' ')
  t.match((await get('/api/status')).json(), {
    ledger: { accepted: 4, superseded: 1, delivered: 1, dead: 1, pending: 1 },
    backlog: { pending: 1, oldestPendingAt: /^20/ },
    portal: { host: 'example.bitrix24.ru', condition: 'ready', since: null, authorizeUrl: null },
    lines: [],
  })
})

t.test('the status has each channel with what happened in the last hour, and in the last day', async t => {
  const { store, get } = await start(t)
  const hour = NOW - NOW % 3600_000
  const count = (hoursAgo: number, changes: Partial<ActivityCount> = {}): ActivityCount => ({ channel: 'default', outcome: 'webhooks', hour: hour - hoursAgo * 3600_000, count: 1, lastAt: hour - hoursAgo * 3600_000, detail: null, ...changes })
  await store.activity.add([count(300, { outcome: 'unreadable', detail: 'faulty: /data/chat' }), count(24), count(23), count(2), count(1, { count: 10 }), count(0, { count: 100 }), count(0, { channel: 'former' })])
  await store.activity.add([count(-1, { count: 1000 })])
  t.match((await get('/api/status')).json().channels, [{
    id: 'default',
    messenger: 'generic',
    lastWebhookAt: '2026-11-22T10:00:00.000Z',
    lastUnreadable: { at: '2026-11-09T22:00:00.000Z', detail: 'faulty: /data/chat' },
    hour: { webhooks: 110, unreadable: 0 },
    day: { webhooks: 112, unreadable: 0, accepted: 0 },
  }], 'without a channel that is not configured, and an hour that is ahead by a wrong clock')
})

t.test('edits are found by state, reason, channel, chat and message, page by page', async t => {
  const { send, get } = await start(t)
  for (const message of ['a', 'b', 'c']) await send(message, 'text')
  await send('d', '')
  const messages = async (query: string) => (await get(`/api/edits?${query}`)).json().edits.map((edit: { message: string }) => edit.message)
  t.strictSame(await messages('state=dead&reason=empty-text'), ['d'])
  t.strictSame(await messages('message=b&chat=c1&channel=default'), ['b'])
  t.strictSame(await messages('chat=other'), [])
  const first = (await get('/api/edits?state=pending&limit=2')).json()
  t.match(first, { edits: [{ message: 'c', state: 'pending', revision: { at: 1_790_000_000_000, tie: '0' }, attempts: 0, flags: [] }, { message: 'b' }], next: /^\d+$/ })
  t.match((await get(`/api/edits?state=pending&limit=2&cursor=${first.next}`)).json(), { edits: [{ message: 'a' }], next: null })
  t.notOk(JSON.stringify(first).includes('"text"'), 'what the client wrote is not told')
})

t.test('a filter that is not one names itself', async t => {
  const { get } = await start(t)
  const answer = await get('/api/edits?state=lost&limit=0')
  t.equal(answer.statusCode, 400)
  t.match(answer.json(), { status: 400, errors: [{ pointer: '/state' }, { pointer: '/limit' }] })
})

t.test('a filter that nobody knows names itself, and nothing is delivered again', async t => {
  const { send, get, post, finish } = await start(t)
  await finish(await send('a', 'text'), 'dead')
  for (const answer of [
    await get('/api/edits?state=dead&reasn=rejected'),
    await post('/api/edits/redeliver', { reasn: 'rejected' }),
    await post('/api/edits/redeliver?reasn=rejected'),
    await post('/api/edits/redeliver?state=dead', { reason: 'rejected', reasn: 'rejected' }),
  ]) {
    t.match(answer.headers['content-type'], /^application\/problem\+json/)
    t.match(answer.json(), { status: 400, errors: [{ pointer: '', detail: /"reasn"/ }] })
  }
  t.equal((await post('/api/edits/redeliver', { limit: 1 })).statusCode, 400, 'it delivers all that match, so it takes no page')
  t.match((await get('/api/status')).json(), { ledger: { dead: 1, pending: 0 } })
})

t.test('the OpenAPI document names the filters, and that there are no others', async t => {
  const { get } = await start(t)
  const { paths } = (await get('/openapi.json')).json()
  const filters = ['state', 'reason', 'channel', 'chat', 'message', 'confirmation']
  t.strictSame(paths['/api/edits'].get.parameters.map((parameter: { name: string }) => parameter.name), [...filters, 'limit', 'cursor'])
  t.strictSame(Object.keys(paths['/api/edits'].get.responses), ['200', '400', '401', '429'])
  const { parameters, requestBody } = paths['/api/edits/redeliver'].post
  t.strictSame(parameters.map((parameter: { name: string }) => parameter.name), filters)
  const [body] = requestBody.content['application/json'].schema.anyOf
  t.strictSame(Object.keys(body.properties), filters)
  t.equal(body.additionalProperties, false)
})

t.test('one edit is shown with its calls', async t => {
  const { send, get, finish } = await start(t)
  const id = await send('a', 'text')
  await finish(id, 'dead')
  t.match((await get(`/api/edits/${id}`)).json(), { id, state: 'dead', reason: 'rejected', words: 'Incomplete data', attempts: [{ at: /^19/, durationMs: 12, code: 'rejected', words: 'Incomplete data' }] })
  t.equal((await get('/api/edits/unknown')).statusCode, 404)
})

t.test('a dead edit is delivered again at an operator\'s word, one that waits or was refused is not', async t => {
  const { send, get, post, finish } = await start(t)
  const id = await send('a', 'text')
  t.equal((await post(`/api/edits/${id}/redeliver`)).statusCode, 409)
  await finish(id, 'dead')
  t.match(await post(`/api/edits/${id}/redeliver`), { statusCode: 202 })
  t.match((await get('/api/status')).json(), { ledger: { accepted: 1, dead: 0, pending: 1 } })
  const refused = await send('b', '')
  t.match((await post(`/api/edits/${refused}/redeliver`)).json(), { status: 409, detail: /empty-text/ })
  t.equal((await post('/api/edits/unknown/redeliver')).statusCode, 404)
})

t.test('what matches is delivered again; without a state that means the dead', async t => {
  const { send, post, finish } = await start(t)
  for (const message of ['a', 'b', 'c']) await finish(await send(message, 'text'), message === 'c' ? 'delivered' : 'dead')
  await send('d', '')
  t.match((await post('/api/edits/redeliver', { message: 'a' })).json(), { redelivered: 1, skipped: 0 })
  t.match((await post('/api/edits/redeliver')).json(), { redelivered: 1, skipped: 1 })
  t.match((await post('/api/edits/redeliver?state=delivered')).json(), { redelivered: 1, skipped: 0 })
})

t.test('what is delivered again is shown in the portal, one edit or all that match', async t => {
  const { portal, post, ask } = await startScraped(t)
  const connector = await portal.connector()
  const edits = async (state: string) => (await ask(`/api/edits?state=${state}`)).body.edits as EditRow[]
  // The portal makes no client with such an address, and minds it no more once it knows the client.
  for (const user of ['one', 'two', 'three']) t.equal((await post(clientEdit(user, `${user}, edited`, Date.now(), { id: user, name: 'Anna', email: 'no address' }))).status, 202)
  const dead = await eventually(async () => await edits('dead'), found => found.length === 3)
  t.strictSame(dead.map(({ message, reason }) => [message, reason]), [['three', 'rejected'], ['two', 'rejected'], ['one', 'rejected']])
  await connector.send(['one', 'two', 'three'].map(user => original(user, 'original', { user, chat: 'chat-4711' })))

  t.match(await ask(`/api/edits/${dead[0]?.id}/redeliver`, 'POST'), { status: 202, body: { state: 'pending' } })
  t.equal(await eventually(async () => await portal.text('three'), text => text === 'three, edited'), 'three, edited')
  t.equal(await portal.text('two'), 'original')
  t.strictSame(await ask('/api/edits/redeliver?reason=rejected', 'POST'), { status: 202, body: { redelivered: 2, skipped: 0 } })
  for (const message of ['one', 'two']) t.equal(await eventually(async () => await portal.text(message), text => text === `${message}, edited`), `${message}, edited`)
  t.equal((await eventually(async () => await edits('delivered'), found => found.length === 3)).length, 3)
})
