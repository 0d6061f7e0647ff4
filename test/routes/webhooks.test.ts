import t from 'tap'
import type { InjectOptions } from 'fastify'
import { StoreUnavailable } from '../../src/base/errors.ts'
import { buildRelay, edit, NOW, webhook } from '../relay.ts'

const ids = (answer: { json: () => { edits: Array<{ id: string }> } }) => answer.json().edits.map(edit => edit.id)

t.test('an edit is on disk when its sender is told so', async t => {
  const { app, store } = await buildRelay(t)
  const answer = await app.inject(webhook(edit()))
  t.equal(answer.statusCode, 202)
  t.match(answer.headers['content-type'], /^application\/json/)
  t.match(answer.json(), { edits: [{ id: /^[\w-]{24}$/, outcome: 'accepted' }] })
  t.match(await store.outbox.find(ids(answer)[0] ?? ''), {
    channel: 'default', connector: 'relay_demo', line: 1, chat: 'channel-123', message: '1001', state: 'pending', revision: { at: NOW, tie: 0n },
  })
})

t.test('nothing is acknowledged before the commit', async t => {
  const { promise: committed, resolve: commit } = Promise.withResolvers<void>()
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>()
  let isAnswered = false
  const { app } = await buildRelay(t, {
    accept: accept => async edits => {
      reach()
      await committed
      return await accept(edits)
    },
  })
  const answered = app.inject(webhook(edit())).finally(() => { isAnswered = true })
  await reached
  // Ten requests that have nothing to wait for come and go meanwhile.
  for (let index = 0; index < 10; index++) t.equal((await app.inject('/livez')).statusCode, 200)
  t.equal(isAnswered, false)
  commit()
  t.equal((await answered).statusCode, 202)
})

t.test('a replayed webhook is a duplicate, and an older edit is stale', async t => {
  const { app } = await buildRelay(t)
  const request = webhook(edit())
  await app.inject(request)
  const replayed = await app.inject(request)
  t.equal(replayed.statusCode, 202)
  t.match(replayed.json(), { edits: [{ outcome: 'duplicate' }] })
  const older = { ...edit('before'), message: { ...edit('before').message, edited_at: NOW / 1000 - 60 } }
  t.match((await app.inject(webhook(older))).json(), { edits: [{ outcome: 'stale' }] })
})

t.test('each edit of a list has its own outcome, in order', async t => {
  const { app, store } = await buildRelay(t)
  const answer = await app.inject(webhook([edit('a', 1), edit(' ', 2), edit('a', 1), edit('x'.repeat(5), 'i'.repeat(101)), { ...edit('a', 3), user: { id: 'nobody' } }]))
  t.match(answer.json().edits, [
    { outcome: 'accepted' }, { outcome: 'refused', reason: 'empty-text' }, { outcome: 'duplicate' }, { outcome: 'refused', reason: 'id-too-long' }, { outcome: 'refused', reason: 'anonymous-user' },
  ])
  t.match(await store.outbox.ledger(), { accepted: 4, dead: 3, pending: 1 })
})

t.test('an event of another type is acknowledged and ignored', async t => {
  const { app, store } = await buildRelay(t)
  const answer = await app.inject(webhook(JSON.stringify({ type: 'message.created', data: {} })))
  t.equal(answer.statusCode, 202)
  t.strictSame(answer.json(), { edits: [{ outcome: 'ignored' }] })
  t.match(await store.outbox.ledger(), { accepted: 0 })
})

t.test('what is not authentic is refused, and so is what is too old', async t => {
  const { app, store } = await buildRelay(t)
  const signed = webhook(edit())
  const cases: [string, InjectOptions][] = [
    ['unsigned', { ...signed, headers: { 'content-type': 'application/json' } }],
    ['signed with another secret', webhook(edit(), { key: Buffer.alloc(24, 1) })],
    ['expired', webhook(edit(), { sentAt: NOW - 301_000 })],
    ['from the future', webhook(edit(), { sentAt: NOW + 301_000 })],
    ['another body', { ...signed, payload: signed.payload + ' ' }],
    ['not JSON and unsigned', { ...signed, payload: '{' }],
    ['no body', { method: 'POST', url: '/webhooks/default' }],
  ]
  for (const [what, request] of cases) {
    const answer = await app.inject(request)
    t.equal(answer.statusCode, 401, what)
    t.match(answer.headers['content-type'], /^application\/problem\+json/)
    t.match(answer.json(), { status: 401, title: 'Unauthorized', detail: String }, what)
  }
  t.match(await store.outbox.ledger(), { accepted: 0 })
})

t.test('a malformed webhook is refused with every faulty field, and leaves nothing behind', async t => {
  const { app, store } = await buildRelay(t)
  const cases: [string, unknown, string[]?][] = [
    ['not JSON', '{"type":'],
    ['nothing', ''],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
    ['deep nesting', '['.repeat(500_000)],
    ['deep nesting of data', `{"type":"message.edited","data":${'['.repeat(300_000)}${']'.repeat(300_000)}}`],
    ['__proto__', '{"type":"message.edited","__proto__":{"x":1}}'],
    ['U+0000', edit('a\0'), ['/data/message/text']],
    ['half of a surrogate pair', edit('\ud800'), ['/data/message/text']],
    ['no ids', { user: {}, message: { text: 'x' }, chat: {} }, ['/data/user/id', '/data/message/id', '/data/chat/id']],
    ['neither text nor files', edit(null), ['/data/message/text']],
    ['a date out of range', { ...edit(), message: { id: 1, text: 'x', date: 1 } }, ['/data/message/date']],
    ['an edit more than a day ahead', { ...edit(), message: { id: 1, text: 'x', edited_at: NOW / 1000 + 90_000 } }, ['/data/message/edited_at']],
    ['an id of 10,000 characters', edit('x', 'i'.repeat(10_000)), ['/data/message/id']],
    ['101 edits', Array(101).fill(edit()), ['/data']],
    ['one faulty edit among good ones', [edit(), edit('x', '')], ['/data/1/message/id']],
  ]
  for (const [what, data, pointers] of cases) {
    const answer = await app.inject(webhook(data))
    t.equal(answer.statusCode, 400, what)
    t.match(answer.headers['content-type'], /^application\/problem\+json/)
    if (pointers !== undefined) t.strictSame(answer.json().errors.map((error: { pointer: string }) => error.pointer), pointers, what)
  }
  t.match(await store.outbox.ledger(), { accepted: 0 })
})

t.test('an unknown channel is not found, whatever is sent to it', async t => {
  const { app } = await buildRelay(t)
  for (const url of ['/webhooks/other', '/webhooks/__proto__', '/webhooks/%00', `/webhooks/${'x'.repeat(90)}`]) {
    t.equal((await app.inject(webhook(edit(), { url }))).statusCode, 404, url)
  }
})

t.test('a body of more than 1 MiB is refused, one of that size is read', async t => {
  const { app } = await buildRelay(t)
  const event = { type: 'message.edited', timestamp: NOW / 1000, data: edit() }
  const padded = (size: number) => JSON.stringify({ ...event, padding: 'x'.repeat(size - JSON.stringify({ ...event, padding: '' }).length) })
  t.equal((await app.inject(webhook(padded(1024 * 1024)))).statusCode, 202)
  const answer = await app.inject(webhook(padded(1024 * 1024 + 1)))
  t.equal(answer.statusCode, 413)
  t.match(answer.json(), { status: 413, title: 'Payload Too Large' })
})

t.test('an authentic body may be nested, and is refused or ignored if no messenger nests like that', async t => {
  const secret = 'a-secret-of-these-tests'
  const { app, lines } = await buildRelay(t, {
    channels: [
      { id: 'telegram', messenger: 'telegram', secrets: [secret] },
      { id: 'vk', messenger: 'vk', secrets: [secret], groupId: 1, confirmation: 'abc' },
      { id: 'field', messenger: 'custom', secrets: [secret], verify: { kind: 'field', field: '/secret' }, filter: 'false', map: '$' },
    ],
  })
  const json = { 'content-type': 'application/json' }
  const nested = (depth: number) => `${'[{"a":'.repeat(depth / 2)}9007199254740993${'}]'.repeat(depth / 2)}`
  const post = async (channel: string, fields: string, depth: number, headers = {}) =>
    (await app.inject({ method: 'POST', url: `/webhooks/${channel}`, headers: { ...json, ...headers }, payload: `{${fields},"more":${nested(depth)}}` })).statusCode
  const generic = (depth: number) => webhook(`{"type":"message.edited","timestamp":${NOW / 1000},"data":${JSON.stringify(edit())},"more":${nested(depth)}}`)

  t.equal((await app.inject(generic(400))).statusCode, 202)
  t.equal((await app.inject(generic(100_000))).statusCode, 400)
  t.match((await app.inject(generic(600))).json(), { detail: 'the body has lists or objects more than 500 deep' })
  for (const [depth, reason] of [[400, undefined], [600, 'unreadable'], [100_000, 'unreadable']] as const) {
    t.equal(await post('telegram', '"update_id":1', depth, { 'x-telegram-bot-api-secret-token': secret }), 200)
    t.strictSame((lines.at(-1)?.edits as Array<{ reason?: string }>)[0]?.reason, reason)
  }
  for (const [channel, fields] of [['vk', '"type":"message_new","group_id":1,'], ['field', '']] as const) {
    t.equal(await post(channel, `${fields}"secret":"${secret}"`, 400), 200)
    t.equal(await post(channel, `${fields}"secret":"${secret}"`, 600), 401, 'the bytes after so many brackets are not read')
  }
  t.strictSame(lines.filter(({ level }) => Number(level) >= 50), [])
})

t.test('only application/json is taken', async t => {
  const { app } = await buildRelay(t)
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/cloudevents+json', 'multipart/form-data; boundary=x', 'application']) {
    const answer = await app.inject(webhook(edit(), { headers: { 'content-type': type } }))
    t.equal(answer.statusCode, 415, type)
    t.match(answer.json(), { status: 415 })
  }
  t.equal((await app.inject(webhook(edit(), { headers: { 'content-type': 'application/json; charset=utf-8' } }))).statusCode, 202)
})

t.test('when the store cannot write, the sender is asked to repeat', async t => {
  const { app, lines } = await buildRelay(t, { accept: () => async () => { throw new StoreUnavailable('the disk is full') } })
  const answer = await app.inject(webhook(edit()))
  t.equal(answer.statusCode, 503)
  t.equal(answer.headers['retry-after'], '5')
  t.match(answer.json(), { status: 503 })
  t.match(lines, [{ event: 'webhook.rejected', status: 503, err: { message: 'the disk is full' } }])
})

t.test('a fault of ours is logged and tells the sender nothing', async t => {
  const { app, lines } = await buildRelay(t, { accept: () => async () => { throw new TypeError('hidden') } })
  const answer = await app.inject(webhook(edit()))
  t.equal(answer.statusCode, 500)
  t.notMatch(answer.body, 'hidden')
  t.match(lines, [{ level: 50, event: 'webhook.rejected', err: { type: 'TypeError', message: 'hidden' } }])
})

t.test('a stopping relay takes nothing more', async t => {
  const { app, store } = await buildRelay(t, { dependencies: { stopping: () => true } })
  const answer = await app.inject(webhook(edit()))
  t.equal(answer.statusCode, 503)
  t.match(answer.headers, { 'retry-after': '5', connection: 'close' })
  t.match(await store.outbox.ledger(), { accepted: 0 })
})

t.test('a webhook is one line in the log, without text, secret or plain ids', async t => {
  const { app, lines } = await buildRelay(t)
  const request = webhook([edit('my secret words'), edit(' ', 2)])
  const answer = await app.inject(request)
  t.equal(lines.length, 1)
  t.match(lines[0], {
    event: 'webhook.accepted',
    channel: 'default',
    bytes: Buffer.byteLength(request.payload),
    durationMs: Number,
    edits: [{ id: ids(answer)[0], outcome: 'accepted', chat: /^[\w-]{12}$/ }, { outcome: 'refused', reason: 'empty-text' }],
  })
  t.notMatch(JSON.stringify(lines), /secret words|channel-123|Ivan|whsec/)
})

t.test('ids stand in the log when asked for', async t => {
  const { app, lines } = await buildRelay(t, { env: { LOG_IDS: 'true' } })
  await app.inject(webhook(edit()))
  t.match(lines, [{ edits: [{ chat: 'channel-123' }] }])
})

t.test('a refusal is one line in the log that does not quote the body', async t => {
  const { app, lines } = await buildRelay(t)
  await app.inject(webhook('{"words'))
  await app.inject(webhook(edit(), { key: Buffer.alloc(24) }))
  await app.inject(webhook(edit(), { url: '/webhooks/what-a-stranger-writes' }))
  t.match(lines, [
    { event: 'webhook.rejected', channel: 'default', status: 400 }, { event: 'webhook.rejected', status: 401 }, { event: 'webhook.rejected', channel: null, status: 404 },
  ])
  t.notMatch(JSON.stringify(lines), /words|stranger/)
})
