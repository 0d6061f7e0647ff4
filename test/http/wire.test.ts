import t, { type Test } from 'tap'
import { once } from 'node:events'
import { connect } from 'node:net'
import { buildRelay, edit, webhook, type RelayChanges } from '../relay.ts'

/** A relay that listens, and clients that write raw bytes. `talk` gives all that came back once the relay has closed the connection. */
async function listen (t: Test, changes: RelayChanges = {}) {
  const relay = await buildRelay(t, changes)
  const port = Number(new URL(await relay.app.listen({ host: '127.0.0.1', port: 0 })).port)

  function open () {
    const socket = connect(port, '127.0.0.1')
    const chunks: Buffer[] = []
    socket.on('data', (data: Buffer) => chunks.push(data))
    socket.on('error', () => {})
    return { socket, received: () => Buffer.concat(chunks).toString(), closed: new Promise(resolve => socket.once('close', resolve)) }
  }

  async function talk (...parts: Array<string | Buffer>): Promise<string> {
    const { socket, received, closed } = open()
    for (const part of parts) socket.write(part)
    await closed
    return received()
  }
  return { ...relay, open, talk }
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

t.test('three pipelined webhooks are answered in order before the bytes behind them, however they end', async t => {
  const held = new Map<string, PromiseWithResolvers<void>>(['1', '2', '3'].map(id => [id, Promise.withResolvers()]))
  const { store, app, open } = await listen(t, {
    accept: accept => async edits => {
      await held.get(edits[0]?.edit.message.id ?? '')?.promise
      return await accept(edits)
    },
  })
  const { socket, received, closed } = open()
  const refused = once(app.server, 'clientError')
  socket.write(['1', '2', '3'].map(id => raw(webhook(edit('x', id)))).join('') + 'what is this?\r\n\r\n')
  await refused
  held.get('3')?.resolve()
  held.get('1')?.resolve()
  while (statuses(received()).length < 1) await once(socket, 'data')
  held.get('2')?.resolve()
  await closed
  t.strictSame(statuses(received()), [202, 202, 202, 400])
  t.match(await store.outbox.ledger(), { accepted: 3 })
})

t.test('a sender that goes on with such bytes gets one answer and piles up nothing', async t => {
  const { promise: held, resolve: release } = Promise.withResolvers<void>()
  const warnings: string[] = []
  const onWarning = ({ name }: Error) => { warnings.push(name) }
  process.on('warning', onWarning)
  t.teardown(() => process.off('warning', onWarning))
  const { app, open } = await listen(t, {
    accept: accept => async edits => {
      await held
      return await accept(edits)
    },
  })
  const { socket, received, closed } = open()
  socket.write(raw(webhook(edit())))
  for (let count = 0; count < 12; count++) {
    const refused = once(app.server, 'clientError')
    socket.write('what is this?\r\n\r\n')
    await refused
  }
  release()
  await closed
  t.strictSame(statuses(received()), [202, 400])
  t.strictSame(warnings, [], 'more than ten listeners would be one')
})

t.test('an answered webhook does not hold up the answer to what comes after it', async t => {
  const { open } = await listen(t)
  const { socket, received, closed } = open()
  socket.write(raw(webhook(edit())))
  while (statuses(received()).length < 1) await once(socket, 'data')
  socket.write('what is this?\r\n\r\n')
  await closed
  t.strictSame(statuses(received()), [202, 400])
})

t.test('a webhook whose body turns out to be faulty is answered at once, but behind the good one before it', async t => {
  const { promise: held, resolve: release } = Promise.withResolvers<void>()
  const { store, app, talk } = await listen(t, {
    accept: accept => async edits => {
      await held
      return await accept(edits)
    },
  })
  const chunked = 'POST /webhooks/default HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nno length\r\n'
  t.strictSame(statuses(await talk(chunked)), [400])
  app.server.once('clientError', () => release())
  t.strictSame(statuses(await talk(raw(webhook(edit())) + chunked)), [202, 400])
  t.match(await store.outbox.ledger(), { accepted: 1 })
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
