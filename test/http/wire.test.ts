import t, { type Test } from 'tap'
import { connect } from 'node:net'
import { buildRelay, edit, webhook, type RelayChanges } from '../relay.ts'

/** A relay that listens, and a client that writes raw bytes and gives all that came back once the relay has closed the connection. */
async function listen (t: Test, changes: RelayChanges = {}) {
  const relay = await buildRelay(t, changes)
  const port = Number(new URL(await relay.app.listen({ host: '127.0.0.1', port: 0 })).port)

  async function talk (...parts: Array<string | Buffer>): Promise<string> {
    const socket = connect(port, '127.0.0.1')
    const received: Buffer[] = []
    socket.on('data', (data: Buffer) => received.push(data))
    const closed = new Promise(resolve => socket.once('close', resolve))
    socket.on('error', () => {})
    for (const part of parts) socket.write(part)
    await closed
    return Buffer.concat(received).toString()
  }
  return { ...relay, talk }
}

/** The bytes of a webhook. */
function raw (request: ReturnType<typeof webhook>, changes: { headers?: Record<string, string>, length?: number } = {}): string {
  const headers = { host: 'relay', 'content-length': String(changes.length ?? Buffer.byteLength(request.payload)), ...request.headers, ...changes.headers }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return `${request.method} ${request.url} HTTP/1.1\r\n${lines}\r\n${request.payload}`
}

const LAST = { headers: { connection: 'close' } }
const statuses = (received: string) => [...received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(match => Number(match[1]))

t.test('pipelined good and bad webhooks each get their own answer, in order', async t => {
  const { talk, store } = await listen(t)
  const received = await talk([
    raw(webhook(edit('a', 1))),
    raw(webhook(edit('b', 2), { key: Buffer.alloc(24) })),
    raw(webhook('{"type":')),
    raw(webhook(edit('c', 3), { url: '/webhooks/nobody' })),
    raw(webhook(edit('d', 4), { headers: { 'content-type': 'text/plain' } })),
    raw(webhook(edit('e', 5)), LAST),
  ].join(''))
  t.strictSame(statuses(received), [202, 401, 400, 404, 415, 202])
  t.match(await store.outbox.ledger(), { accepted: 2 })
})

t.test('bytes that are not HTTP are answered after the good webhook before them', async t => {
  const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>()
  const { talk, store, app } = await listen(t, {
    accept: accept => async edits => {
      await arrived
      return await accept(edits)
    },
  })
  app.server.once('clientError', () => arrive())
  const received = await talk(raw(webhook(edit('a', 1))) + raw(webhook(edit('b', 2))) + 'what is this?\r\n\r\n')
  t.strictSame(statuses(received), [202, 202, 400])
  t.match(received, /application\/problem\+json/)
  t.match(await store.outbox.ledger(), { accepted: 2 })
})

t.test('bytes that are not HTTP are answered and the connection ends', async t => {
  const { talk } = await listen(t)
  for (const bytes of ['nonsense\r\n\r\n', '\0\0\0\0', 'POST /webhooks/default HTTP/1.1\r\nhost: x\r\ncontent-length: x\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n']) {
    const received = await talk(bytes)
    t.strictSame(statuses(received), [400], JSON.stringify(bytes))
    t.match(received, /"status":400/)
  }
})

t.test('two ways of telling a body\'s length are refused, so that no second request hides in it', async t => {
  const { talk, store } = await listen(t)
  const smuggled = raw(webhook(edit('x', 9)))
  const received = await talk(`POST /webhooks/default HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`)
  t.equal(statuses(received).includes(202), false)
  t.match(await store.outbox.ledger(), { accepted: 0 })
})

t.test('headers that are too long are refused', async t => {
  const { talk } = await listen(t)
  const received = await talk(raw(webhook(edit(), { headers: { 'x-long': 'x'.repeat(20_000) } })))
  t.strictSame(statuses(received), [431])
  t.match(received, /"status":431/)
})

t.test('a body that does not come to its end in time is given up', async t => {
  const { talk, store } = await listen(t, { patience: { requestTimeoutMs: 200, checkEveryMs: 50 } })
  const request = webhook(edit())
  const received = await talk(raw(request, { length: Buffer.byteLength(request.payload) + 10 }))
  t.strictSame(statuses(received), [408])
  t.match(await store.outbox.ledger(), { accepted: 0 })
})

t.test('a body that announces too much is refused before it comes', async t => {
  const { talk } = await listen(t)
  const received = await talk(raw(webhook(edit()), { length: 2 * 1024 * 1024, headers: { connection: 'close' } }))
  t.strictSame(statuses(received), [413])
})

t.test('a chunked body that grows too large is refused', async t => {
  const { talk } = await listen(t)
  const { payload, headers, url } = webhook('x'.repeat(1024 * 1024 + 1))
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')
  const received = await talk(`POST ${url} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n${lines}\r\n`, `${payload.length.toString(16)}\r\n`, payload, '\r\n0\r\n\r\n')
  t.strictSame(statuses(received), [413])
})

t.test('a connection cut in the middle of a webhook leaves nothing behind', async t => {
  const { app, store } = await listen(t)
  const { port } = app.server.address() as { port: number }
  const request = webhook(edit())
  await new Promise<void>(resolve => {
    const socket = connect(port, '127.0.0.1', () => socket.end(raw(request).slice(0, -5)))
    socket.on('data', () => {})
    socket.once('close', () => resolve())
  })
  t.match(await store.outbox.ledger(), { accepted: 0 })
  t.equal((await app.inject(request)).statusCode, 202)
})
