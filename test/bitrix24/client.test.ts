import { once } from 'node:events'
import { createServer as createHttpsServer } from 'node:https'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import t from 'tap'
import type { Test } from 'tap'
import { createClient, type CallResult } from '../../src/bitrix24/client.ts'
import { CERTIFICATE, KEY } from '../forward/certificate.ts'
import { answer, startRawServer, testDispatcher } from './raw-server.ts'

const token = 'secret-access-token'

interface Timeouts { readonly connectTimeoutMs?: number, readonly responseTimeoutMs?: number, readonly maxResponseBytes?: number }

function testClient (t: Test, timeouts: Timeouts = {}) {
  const client = createClient({
    dispatcher: testDispatcher(t, timeouts),
    now: Date.now,
    userAgent: 'imconnector-relay/0.0.0',
    responseTimeoutMs: timeouts.responseTimeoutMs,
  })
  return (endpoint: string, params: Record<string, unknown> = {}, signal?: AbortSignal) =>
    client.call({ endpoint, method: 'imconnector.update.messages', params, accessToken: token, signal })
}

/** Answers every call with the same bytes and closes the connection when `end` is set. */
function saying (bytes: string, end = false) {
  return (socket: Socket) => {
    if (end) socket.end(bytes)
    else socket.write(bytes)
  }
}

/** No outcome may tell an address or the token, whatever it is. */
function discloses (result: CallResult): boolean {
  return /127\.0\.0\.1|secret-access-token/.test(JSON.stringify(result))
}

t.test('a call is one JSON POST with the token in its body and nowhere else', async t => {
  const server = await startRawServer(t, saying(answer(200, '{"result":true,"time":{"duration":0.25,"operating":1.5,"operating_reset_at":1773266050}}')))
  const result = await testClient(t)(server.url, { CONNECTOR: 'relay_demo', LINE: 1 })

  t.match(result, { kind: 'answered', result: true, status: 200, time: { durationS: 0.25, operatingS: 1.5, operatingResetAtS: 1773266050 } })
  t.ok(result.durationMs >= 0)
  const [request = ''] = server.requests
  const [head = '', body = ''] = request.split('\r\n\r\n')
  t.match(head, /^POST \/rest\/imconnector\.update\.messages HTTP\/1\.1\r\n/)
  t.match(head, /\r\ncontent-type: application\/json(\r\n|$)/)
  t.match(head, /\r\naccept: application\/json(\r\n|$)/)
  t.match(head, /\r\nuser-agent: imconnector-relay\/0\.0\.0(\r\n|$)/)
  t.notMatch(head, token)
  t.same(JSON.parse(body), { CONNECTOR: 'relay_demo', LINE: 1, auth: token })
})

t.test('the portal\'s time is told on, if the answer has one', async t => {
  const times: number[] = []
  const bodies = ['{"result":true,"time":{"duration":0.25,"date_start":"2026-11-22T13:00:00+03:00"}}', '{"result":true,"time":{"duration":1,"date_start":"yesterday"}}', '{"result":true}', '{"error":"X"}']
  for (const body of bodies) {
    const server = await startRawServer(t, saying(answer(200, body)))
    const client = createClient({ dispatcher: testDispatcher(t), now: Date.now, userAgent: 'x', onTime: time => { times.push(time) } })
    await client.call({ endpoint: server.url, method: 'app.info', params: {}, accessToken: token })
  }
  t.strictSame(times, [Date.UTC(2026, 10, 22, 10)])
})

t.test('an answer without a time block, or with a strange one, is still an answer', async t => {
  for (const body of ['{"result":{"a":1}}', '{"result":{"a":1},"time":"soon"}', '\uFEFF{"result":{"a":1},"time":[]}']) {
    const server = await startRawServer(t, saying(answer(200, body)))
    t.match(await testClient(t)(server.url), { kind: 'answered', result: { a: 1 }, time: null })
  }
})

t.test('an error in JSON is a refusal at every HTTP status', async t => {
  for (const status of [200, 302, 400, 401, 403, 404, 429, 500, 503]) {
    const server = await startRawServer(t, saying(answer(status, '{"error":"NOT_ACTIVE_LINE","error_description":"Line\\nis off"}')))
    t.match(await testClient(t)(server.url), { kind: 'refused', code: 'NOT_ACTIVE_LINE', words: 'Line is off', status, retryAfterMs: null }, `at ${status}`)
  }
})

t.test('the older forms of an error are read as well', async t => {
  const forms: [string, string][] = [
    ['{"result":false,"error":"NAME_REQUIRED","error_description":"no"}', 'NAME_REQUIRED'],
    ['{"result":{"result":false,"error":"ICON_REQUIRED","error_description":"no"}}', 'ICON_REQUIRED'],
    ['{"error":"EXPIRED_TOKEN"}', 'EXPIRED_TOKEN'],
    ['{"error":17,"error_description":{"odd":true}}', '17'],
    [`{"error":"${'X'.repeat(500)}"}`, 'X'.repeat(64)],
  ]
  for (const [body, code] of forms) {
    const server = await startRawServer(t, saying(answer(400, body)))
    t.match(await testClient(t)(server.url), { kind: 'refused', code })
  }
})

t.test('an empty error beside a result is no error', async t => {
  const server = await startRawServer(t, saying(answer(200, '{"result":[],"error":""}')))
  t.match(await testClient(t)(server.url), { kind: 'answered', result: [] })
})

t.test('the portal\'s words are bounded and never repeat the token', async t => {
  const words = `bad token ${token} ${'w'.repeat(2000)}`
  const server = await startRawServer(t, saying(answer(401, JSON.stringify({ error: 'invalid_token', error_description: words }))))
  const result = await testClient(t)(server.url)
  t.match(result, { kind: 'refused', words: /^bad token … w+$/ })
  t.ok(result.kind === 'refused' && result.words.length === 300)
})

t.test('Retry-After is read in seconds and as a date', async t => {
  // The portal's clock, of which ours may know nothing.
  const date = Date.UTC(2020, 0, 1)
  const at = (ms: number) => new Date(date + ms).toUTCString()
  const cases: Array<[value: string, headers: Record<string, string>, expected: number | null]> = [
    ['7', {}, 7000],
    [at(60_000), { date: at(0) }, 60_000],
    [at(-60_000), { date: at(0) }, 0],
    [at(60_000), {}, null],
    [at(60_000), { date: 'today' }, null],
    ['99999999999', {}, 86_400_000],
    ['soon', { date: at(0) }, null],
  ]
  for (const [value, headers, expected] of cases) {
    const server = await startRawServer(t, saying(answer(503, '{"error":"QUERY_LIMIT_EXCEEDED"}', { ...headers, 'retry-after': value })))
    t.match(await testClient(t)(server.url), { kind: 'refused', retryAfterMs: expected }, value)
  }
})

t.test('a redirect is told and not followed', async t => {
  const other = await startRawServer(t, saying(answer(200, '{"result":true}')))
  const server = await startRawServer(t, saying(answer(302, '', { location: `${other.url}/rest/imconnector.update.messages?x=1` })))
  t.match(await testClient(t)(server.url), { kind: 'moved', location: other.url })
  t.equal(other.requests.length, 0)
})

t.test('a redirect to nowhere leaves the outcome unknown', async t => {
  for (const headers of [{}, { location: 'http://[' }, { location: 'data:text/plain,x' }] as Record<string, string>[]) {
    const server = await startRawServer(t, saying(answer(302, '<html>', headers)))
    t.match(await testClient(t)(server.url), { kind: 'unknown', cause: 'HTTP_302' })
  }
})

t.test('what a front answers in HTML has ended at 4xx and may go on at 5xx', async t => {
  for (const status of [403, 404, 413]) {
    const server = await startRawServer(t, saying(answer(status, '<html>no</html>', { 'content-type': 'text/html' })))
    t.match(await testClient(t)(server.url), { kind: 'refused', code: `HTTP_${status}`, status })
  }
  for (const status of [500, 502, 503, 504]) {
    const server = await startRawServer(t, saying(answer(status, '<html>no</html>', { 'content-type': 'text/html' })))
    const before = Date.now()
    const result = await testClient(t)(server.url)
    t.match(result, { kind: 'unknown', cause: `HTTP_${status}` })
    t.ok(result.kind === 'unknown' && result.lastByteAt >= before && result.lastByteAt <= Date.now())
  }
})

t.test('an answer that is not what it should be leaves the outcome unknown', async t => {
  const whole = '{"result":{"SUCCESS":true}}'
  const half = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${whole.length}\r\n\r\n${whole.slice(0, 10)}`
  const cases: [string, string][] = [
    ['half an answer', half],
    ['half a JSON in a complete answer', answer(200, whole.slice(0, 10))],
    ['an empty body', answer(200, '')],
    ['HTML at 200', answer(200, '<html></html>')],
    ['a list', answer(200, '[]')],
    ['a text', answer(200, '"ok"')],
    ['neither result nor error', answer(200, '{"time":{}}')],
    ['a result at 500', answer(500, '{"result":true}')],
    ['nothing', ''],
    ['no HTTP', 'hello\r\n\r\n'],
  ]
  for (const [name, bytes] of cases) {
    const server = await startRawServer(t, saying(bytes, true))
    const result = await testClient(t)(server.url)
    t.match(result, { kind: 'unknown', cause: /^[A-Z]\w+$/ }, name)
    t.notOk(discloses(result), `${name}: discreet`)
  }
})

t.test('an answer beyond the bound is given up', async t => {
  const server = await startRawServer(t, saying(answer(200, JSON.stringify({ result: 'x'.repeat(20_000) }))))
  t.match(await testClient(t, { maxResponseBytes: 10_000 })(server.url), { kind: 'unknown', cause: 'UND_ERR_RES_EXCEEDED_MAX_SIZE' })
})

t.test('a reset after sending leaves the outcome unknown', async t => {
  const server = await startRawServer(t, socket => socket.resetAndDestroy())
  const result = await testClient(t)(server.url)
  t.match(result, { kind: 'unknown', cause: /^(ECONNRESET|UND_ERR_SOCKET)$/ })
  t.notOk(discloses(result))
})

t.test('a portal that never answers is given up, and the last byte is dated by the end of the call, because the network may have lost it until then', async t => {
  const server = await startRawServer(t, () => {})
  const startedAt = Date.now()
  const result = await testClient(t, { responseTimeoutMs: 300 })(server.url)
  t.match(result, { kind: 'unknown' })
  t.ok(result.durationMs >= 290)
  t.ok(result.kind === 'unknown' && result.lastByteAt >= startedAt + 290)
})

t.test('a portal that answers drop by drop is given up as well', async t => {
  const server = await startRawServer(t, socket => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{')
    const drops = setInterval(() => socket.write(' '), 20)
    socket.on('close', () => clearInterval(drops))
  })
  t.match(await testClient(t, { responseTimeoutMs: 300 })(server.url), { kind: 'unknown', cause: 'RESPONSE_TIMEOUT' })
})

t.test('a call that could not start is unreachable: nothing was sent', async t => {
  const free = createServer().listen(0, '127.0.0.1')
  await once(free, 'listening')
  const { port } = free.address() as AddressInfo
  await new Promise(resolve => free.close(resolve))
  const refused = await testClient(t)(`http://127.0.0.1:${port}`)
  t.match(refused, { kind: 'unreachable', cause: 'ECONNREFUSED' })
  t.notOk(discloses(refused))

  const unnamed = await testClient(t)('http://portal.invalid')
  t.match(unnamed, { kind: 'unreachable', cause: /^(ENOTFOUND|EAI_AGAIN)$/ })

  const plain = await startRawServer(t, () => {})
  const noTls = await testClient(t, { connectTimeoutMs: 500 })(`https://127.0.0.1:${plain.port}`)
  t.match(noTls, { kind: 'unreachable', cause: 'UND_ERR_CONNECT_TIMEOUT' })
  t.equal(plain.requests.length, 0)
})

t.test('a call that is aborted after sending has an unknown outcome', async t => {
  const abort = new AbortController()
  const server = await startRawServer(t, () => abort.abort())
  t.match(await testClient(t)(server.url, {}, abort.signal), { kind: 'unknown', cause: 'ABORTED' })
})

t.test('a call that is aborted before it began sends nothing', async t => {
  const server = await startRawServer(t, saying(answer(200, '{"result":true}')))
  t.match(await testClient(t)(server.url, {}, AbortSignal.abort()), { kind: 'unreachable', cause: 'ABORTED' })

  const abort = new AbortController()
  const early = testClient(t)(server.url, {}, abort.signal)
  abort.abort()
  t.match(await early, { kind: 'unreachable', cause: 'ABORTED' })
  await testClient(t)(server.url)
  t.equal(server.requests.length, 1)
})

t.test('a portal that does not prove by its certificate who it is gets no token, whatever the environment says', async t => {
  let requests = 0
  const names: unknown[] = []
  const server = createHttpsServer({ cert: CERTIFICATE, key: KEY, ALPNProtocols: ['h2', 'http/1.1'] }, (_request, response) => {
    requests++
    response.end('{"result":true}')
  })
  server.on('secureConnection', ({ servername, alpnProtocol }) => { names.push({ servername, alpnProtocol }) })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const url = `https://localhost:${(server.address() as AddressInfo).port}`
  const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED
  t.teardown(() => {
    if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
    else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before
  })
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
  t.match(await testClient(t)(url), { kind: 'unreachable', cause: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
  t.equal(requests, 0)

  const trusted = getCACertificates('default')
  t.teardown(() => setDefaultCACertificates(trusted))
  setDefaultCACertificates([...trusted, CERTIFICATE])
  t.match(await testClient(t)(url), { kind: 'answered', result: true })
  t.same(names.at(-1), { servername: 'localhost', alpnProtocol: 'http/1.1' })
  t.match(await testClient(t)(url.replace('localhost', '127.0.0.1')), { kind: 'unreachable', cause: 'ERR_TLS_CERT_ALTNAME_INVALID' }, 'a certificate for another name')
  t.equal(requests, 1)
})
