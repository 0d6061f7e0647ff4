import t from 'tap'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { buildRelay, edit, webhook } from '../relay.ts'

const forged = { key: Buffer.alloc(24, 1) }
const VK = { id: 'vk', messenger: 'vk', secrets: ['a-vk-secret-of-tests'], groupId: 1, confirmation: 'abc' }
const OTHER = `whsec_${Buffer.alloc(32, 2).toString('base64')}`

async function statuses (app: FastifyInstance, count: number, request: ReturnType<typeof webhook>): Promise<number[]> {
  const found = []
  for (let index = 0; index < count; index++) found.push((await app.inject(request)).statusCode)
  return found
}

t.test('a sender that asks too often is told when to come again', async t => {
  const { app, store } = await buildRelay(t, { env: { WEBHOOK_RATE_LIMIT: '2' } })
  const first = await app.inject(webhook(edit('a')))
  t.match(first.headers, { 'ratelimit-limit': 2, 'ratelimit-remaining': 1, 'ratelimit-reset': 60 })
  t.equal((await app.inject(webhook(edit('b')))).statusCode, 202)
  const third = await app.inject(webhook(edit('c', 3)))
  t.equal(third.statusCode, 429)
  t.match(third.headers, { 'ratelimit-limit': 2, 'ratelimit-remaining': 0, 'retry-after': /^\d+$/, 'content-type': /^application\/problem\+json/ })
  t.match(third.json(), { status: 429, title: 'Too Many Requests' })
  t.match(await store.outbox.ledger(), { accepted: 2 }, 'what was not let in is not kept')
})

t.test('each client address and each channel has its own limit', async t => {
  const { app } = await buildRelay(t, { env: { WEBHOOK_RATE_LIMIT: '1' } })
  const from = (remoteAddress: string) => webhook(edit(), { remoteAddress })
  t.strictSame(await statuses(app, 2, from('192.0.2.1')), [202, 429])
  t.strictSame(await statuses(app, 2, from('192.0.2.2')), [202, 429])
  t.strictSame(await statuses(app, 2, from('2001:db8::1')), [202, 429])
  t.strictSame(await statuses(app, 1, from('2001:db8::2')), [429], 'one network of IPv6 is one client')
  t.strictSame(await statuses(app, 1, from('2001:db8:0:1::1')), [202], 'and the next network is another one')
  t.strictSame(await statuses(app, 1, from('::ffff:192.0.2.1')), [429], 'an IPv4 address in the form of IPv6 is the same client')
})

t.test('behind a trusted proxy the client\'s address is the one that the proxy tells', async t => {
  const via = (client: string) => webhook(edit(), { headers: { 'x-forwarded-for': client } })
  const trusting = await buildRelay(t, { env: { WEBHOOK_RATE_LIMIT: '1', TRUST_PROXY: '1' } })
  t.strictSame(await statuses(trusting.app, 2, via('192.0.2.1')), [202, 429])
  t.strictSame(await statuses(trusting.app, 1, via('192.0.2.2')), [202])
  t.strictSame(await statuses(trusting.app, 1, via('203.0.113.9, 192.0.2.2')), [429], 'what the client wrote itself is not believed')
})

t.test('without a trusted proxy nobody chooses an address', async t => {
  const { app } = await buildRelay(t, { env: { WEBHOOK_RATE_LIMIT: '1' } })
  t.strictSame(await statuses(app, 1, webhook(edit(), { headers: { 'x-forwarded-for': '192.0.2.1' } })), [202])
  t.strictSame(await statuses(app, 1, webhook(edit(), { headers: { 'x-forwarded-for': '192.0.2.2' } })), [429])
})

t.test('the limit can be off', async t => {
  const { app } = await buildRelay(t, { env: { WEBHOOK_RATE_LIMIT: '0' } })
  const answers = await statuses(app, 100, webhook(edit()))
  t.equal(answers.every(status => status === 202), true)
  t.equal((await app.inject(webhook(edit()))).headers['ratelimit-limit'], undefined)
})

t.test('whoever guesses is stopped after sixty tries a minute, and the real sender never', async t => {
  const { app } = await buildRelay(t, { env: { WEBHOOK_RATE_LIMIT: '5' } })
  t.strictSame(await statuses(app, 61, webhook(edit(), forged)), [...Array(60).fill(401), 429])
  const refused = await app.inject(webhook(edit(), forged))
  t.match(refused.headers, { 'retry-after': /^\d+$/, 'ratelimit-limit': 60 })
  t.strictSame(await statuses(app, 5, webhook(edit())), Array(5).fill(202), 'failures use up nothing of the sender\'s own limit')
  t.strictSame(await statuses(app, 1, webhook(edit(), { ...forged, remoteAddress: '192.0.2.1' })), [401])
})

t.test('if the secret is in the body, an address with sixty failures is refused before its body is received, and no other address is', async t => {
  const { app } = await buildRelay(t, { channels: [VK], env: { TRUST_PROXY: '1' } })
  const event = (secret: string, from: string) => ({
    method: 'POST' as const, url: '/webhooks/vk', headers: { 'content-type': 'application/json', 'x-forwarded-for': from }, payload: { type: 'message_new', group_id: 1, secret },
  })
  const [right, wrong] = ['a-vk-secret-of-tests', 'another-secret-of-it']
  for (let index = 0; index < 100; index++) t.equal((await app.inject(event(right, '192.0.2.1'))).statusCode, 200)
  for (let index = 0; index < 60; index++) t.equal((await app.inject(event(wrong, '192.0.2.1'))).statusCode, 401)
  const refused = await app.inject(event(right, '192.0.2.1'))
  t.equal(refused.statusCode, 429, 'its secret is not looked for')
  t.match(refused.headers, { 'retry-after': /^\d+$/, 'ratelimit-limit': 60, 'ratelimit-remaining': 0 })
  t.equal((await app.inject(event(right, '192.0.2.2'))).statusCode, 200)

  const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  const socket = connect(Number(port), '127.0.0.1')
  socket.write('POST /webhooks/vk HTTP/1.1\r\nHost: relay\r\nX-Forwarded-For: 192.0.2.1\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n')
  const [answer] = await once(socket, 'data') as [Buffer]
  socket.destroy()
  t.match(answer.toString(), /^HTTP\/1.1 429 /, 'before a byte of the body')
})

t.test('names of no channel share one limit', async t => {
  const { app } = await buildRelay(t, { env: { WEBHOOK_RATE_LIMIT: '2', WEBHOOK_SECRET: OTHER } })
  const to = (url: string) => webhook(edit(), { url })
  t.strictSame([...await statuses(app, 1, to('/webhooks/a')), ...await statuses(app, 1, to('/webhooks/b')), ...await statuses(app, 1, to('/webhooks/c'))], [404, 404, 429])
  t.strictSame(await statuses(app, 1, webhook(edit(), { key: Buffer.alloc(32, 2) })), [202])
})

t.test('health is asked without limit', async t => {
  const { app } = await buildRelay(t, { env: { WEBHOOK_RATE_LIMIT: '1' } })
  for (const url of ['/livez', '/readyz']) {
    for (let index = 0; index < 200; index++) {
      const answer = await app.inject({ url })
      if (answer.statusCode !== 200) t.fail(url)
    }
    t.equal((await app.inject({ url })).headers['ratelimit-limit'], undefined)
  }
})
