import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import t, { type Test } from 'tap'
import { type ConnectorConfig, createConnector, type ConnectorOptions } from '../../src/forward/connector.ts'
import type { IncomingWebhook } from '../../src/forward/request.ts'
import { answer, startRawServer } from '../bitrix24/raw-server.ts'
import { eventually } from '../portal.ts'
import { CERTIFICATE, KEY } from './certificate.ts'
import { startConnector } from './connector.ts'

const LOOPBACK = ['127.0.0.1', '::1']

/** An upstream that ends with the test. */
function build (t: Test, url: string, config: Partial<ConnectorConfig> = {}, options: Partial<ConnectorOptions> = {}) {
  const upstream = createConnector({
    config: { url, edits: false, handshakes: false, privateRanges: LOOPBACK, timeoutMs: 30_000, ...config }, pseudonym: 'us', now: Date.now, ...options,
  })
  t.teardown(() => upstream.stop(0))
  return upstream
}

function incoming (body: string | Buffer = '{}', rawHeaders: readonly string[] = ['Content-Type', 'application/json'], changes: Partial<IncomingWebhook> = {}): IncomingWebhook {
  return {
    method: 'POST', query: '', headers: {}, body: Buffer.from(body), arrival: { rawHeaders, httpVersion: '1.1', address: '192.0.2.7', host: 'relay.example', protocol: 'https' }, ...changes,
  }
}

t.test('a request goes on byte for byte, and the answer comes back so', async t => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index))
  const connector = await startConnector(t, response => {
    response.writeHead(418, 'Anything', ['Content-Type', 'text/html; charset=windows-1251', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'X-Name', 'caf\u00e9', 'Connection', 'close, X-Hop', 'X-Hop', '1'])
    response.end(bytes)
  })
  const upstream = build(t, `${connector.url}/hook?token=a%20b`)
  const passage = await upstream.pass(incoming(bytes, ['X-Signature', 'v0=ab', 'Content-Encoding', 'br', 'x-name', 'caf\u00e9', 'Content-Length', '256'], { query: 'x=1' }))
  t.match(connector.received, [{ method: 'POST', url: '/hook?token=a%20b' }])
  const [received] = connector.received
  t.strictSame(received?.body, bytes)
  t.strictSame(received?.rawHeaders.filter(text => /^(x-signature|content-encoding|x-name|content-length)$/i.test(text)), ['X-Signature', 'Content-Encoding', 'x-name', 'content-length'])
  t.match(received?.headers, { host: `127.0.0.1:${connector.port}`, 'x-name': 'caf\u00e9', 'content-length': '256', via: '1.1 us', 'x-forwarded-for': '192.0.2.7' })
  t.strictSame({ ...passage, durationMs: 0, headers: passage.outcome === 'answered' && { ...passage.headers, date: '' } }, {
    outcome: 'answered',
    status: 418,
    headers: { 'content-type': 'text/html; charset=windows-1251', 'set-cookie': ['a=1', 'b=2'], 'x-name': 'caf\u00e9', date: '' },
    body: bytes,
    durationMs: 0,
  })
})

t.test('a GET goes on with its query and without a body', async t => {
  const connector = await startConnector(t, (response, { url }) => response.end(new URL(url, 'http://x').searchParams.get('hub.challenge')))
  const upstream = build(t, connector.url)
  t.match(await upstream.pass(incoming('', [], { method: 'GET', query: 'hub.challenge=115' })), { outcome: 'answered', body: Buffer.from('115') })
  t.match(connector.received, [{ method: 'GET', url: '/?hub.challenge=115' }])
})

t.test('a redirect is the messenger\'s to follow, and so is an error', async t => {
  const connector = await startConnector(t, response => response.writeHead(307, { location: '/elsewhere' }).end())
  const upstream = build(t, connector.url)
  t.match(await upstream.pass(incoming()), { outcome: 'answered', status: 307, headers: { location: '/elsewhere' } })
  connector.respondWith(response => response.writeHead(503, { 'retry-after': '7' }).end('later'))
  t.match(await upstream.pass(incoming()), { outcome: 'answered', status: 503, headers: { 'retry-after': '7' }, body: Buffer.from('later') })
  connector.respondWith(response => response.writeHead(204).end())
  t.match(await upstream.pass(incoming()), { outcome: 'answered', status: 204, body: Buffer.alloc(0) })
  t.equal(connector.received.length, 3)
})

t.test('what a connector may do instead of answering is told apart', async t => {
  const cases: [what: string, bytes: (string | null)[], outcome: string, cause: string][] = [
    ['closes the connection', [null], 'broken', 'UND_ERR_SOCKET'],
    ['dies in the middle of its answer', ['HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf', null], 'broken', 'UND_ERR_SOCKET'],
    ['dies in the middle of a chunk', ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhalf', null], 'broken', 'UND_ERR_SOCKET'],
    ['speaks no HTTP', ['SSH-2.0-OpenSSH_9.6\r\n'], 'broken', 'H(TTPParserError|PE_)'],
    ['switches protocols', ['HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n'], 'broken', 'UND_ERR_SOCKET'],
    ['has a status that is none', ['HTTP/1.1 799 Odd\r\nContent-Length: 0\r\n\r\n'], 'broken', 'HTTP_799'],
    ['sends too much', ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', ...Array<string>(17).fill(`10000\r\n${'x'.repeat(65_536)}\r\n`)], 'broken', 'UND_ERR_RES_EXCEEDED_MAX_SIZE'],
    ['has headers without end', ['HTTP/1.1 200 OK\r\n', ...Array<string>(200).fill(`x: ${'y'.repeat(1000)}\r\n`)], 'broken', 'UND_ERR_HEADERS_OVERFLOW'],
    ['is silent', [], 'timeout', 'RESPONSE_TIMEOUT'],
    ['stops in the middle of its answer', ['HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf'], 'timeout', 'RESPONSE_TIMEOUT'],
    ['says only that it will answer', Array<string>(20).fill('HTTP/1.1 102 Processing\r\n\r\n'), 'timeout', 'RESPONSE_TIMEOUT'],
  ]
  for (const [what, bytes, outcome, cause] of cases) {
    const server = await startRawServer(t, socket => {
      for (const part of bytes) {
        if (part === null) socket.end()
        else socket.write(part)
      }
    })
    const upstream = build(t, server.url, { timeoutMs: outcome === 'timeout' ? 200 : 30_000 })
    const passage = await upstream.pass(incoming())
    t.match(passage, { outcome, cause: new RegExp(`^${cause}`) }, what)
    t.equal(server.requests.length, 1, 'and it is asked once')
  }
})

t.test('an answer of a whole MiB is taken', async t => {
  const body = Buffer.alloc(1024 * 1024, 'x')
  const connector = await startConnector(t, response => response.end(body))
  t.match(await build(t, connector.url).pass(incoming(body)), { outcome: 'answered', body })
})

t.test('nothing is sent where nobody is, or where the connector must not be', async t => {
  const connector = await startConnector(t)
  const named = (port: number) => `http://localhost:${port}/`
  t.match(await build(t, named(connector.port), { privateRanges: ['10.0.0.0/8'] }).pass(incoming()), { outcome: 'unreachable', cause: 'ADDRESS_NOT_ALLOWED' })
  t.match(await build(t, named(connector.port)).pass(incoming()), { outcome: 'answered' })
  await connector.close()
  t.match(await build(t, named(connector.port)).pass(incoming()), { outcome: 'unreachable', cause: 'ECONNREFUSED' })
  t.match(await build(t, 'http://connector.invalid/').pass(incoming()), { outcome: 'unreachable', cause: /^(ENOTFOUND|EAI_AGAIN)$/ })
  t.equal(connector.received.length, 1)
})

t.test('a name that comes to mean another machine leads there for no request', async t => {
  const connector = await startConnector(t, response => response.setHeader('connection', 'close').end())
  const answers = [['127.0.0.1'], ['169.254.169.254', '127.0.0.2'], ['127.0.0.1']]
  const upstream = build(t, `http://connector.example:${connector.port}/`, { privateRanges: ['127.0.0.1'] }, {
    resolve: (_name, _options, done) => done(null, (answers.shift() ?? []).map(address => ({ address, family: 4 }))),
  })
  t.match([await upstream.pass(incoming()), await upstream.pass(incoming()), await upstream.pass(incoming())], [{ outcome: 'answered' }, { cause: 'ADDRESS_NOT_ALLOWED' }, { outcome: 'answered' }])
  t.strictSame(answers, [], 'asked anew for each connection')
})

t.test('a connector proves by its certificate that it is the one', async t => {
  const server = createServer({ cert: CERTIFICATE, key: KEY }, (_request, response) => { response.end('ok') })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const asked = process.env.NODE_TLS_REJECT_UNAUTHORIZED
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
  t.match(await build(t, `https://localhost:${port}/`).pass(incoming()), { outcome: 'unreachable', cause: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
  if (asked === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
  const trusted = getCACertificates('default')
  setDefaultCACertificates([...trusted, CERTIFICATE])
  t.teardown(() => setDefaultCACertificates(trusted))
  t.match(await build(t, `https://localhost:${port}/`).pass(incoming()), { outcome: 'answered', body: Buffer.from('ok') })
  t.match(await build(t, `https://127.0.0.1:${port}/`).pass(incoming()), { outcome: 'unreachable', cause: 'ERR_TLS_CERT_ALTNAME_INVALID' })
})

t.test('a request that has been here before does not go round again', async t => {
  const connector = await startConnector(t)
  t.match(await build(t, connector.url).pass(incoming('{}', ['Via', '1.1 edge, 1.1 us'])), { outcome: 'loop' })
  t.equal(connector.received.length, 0)
})

t.test('beyond a hundred under way none waits, and a place that gets free is taken again', async t => {
  const open: Array<() => void> = []
  const connector = await startConnector(t, response => { open.push(() => response.end()) })
  const upstream = build(t, connector.url)
  const first = Array.from({ length: 100 }, () => upstream.pass(incoming()))
  t.match(await upstream.pass(incoming()), { outcome: 'busy' })
  await eventually(async () => open.length, count => count === 100)
  t.match(await upstream.pass(incoming()), { outcome: 'busy' })
  for (const end of open.splice(0)) end()
  t.ok((await Promise.all(first)).every(({ outcome }) => outcome === 'answered'))
  const next = upstream.pass(incoming())
  await eventually(async () => open.length, count => count === 1)
  for (const end of open) end()
  t.match(await next, { outcome: 'answered' })
})

t.test('a connection is used again', async t => {
  const ports = new Set<number | undefined>()
  const server = await startRawServer(t, socket => {
    ports.add(socket.remotePort)
    socket.write(answer(200, 'ok'))
  })
  const upstream = build(t, server.url)
  for (let request = 0; request < 10; request++) t.match(await upstream.pass(incoming()), { outcome: 'answered' })
  t.ok(ports.size <= 2, `${ports.size} connections for ten requests in turn`)
})

t.test('when the relay stops, what is under way ends by itself or is cut off, and nothing begins', async t => {
  const open: Array<() => void> = []
  const connector = await startConnector(t, response => { open.push(() => response.end()) })
  const patient = build(t, connector.url)
  const ending = patient.pass(incoming())
  await eventually(async () => open.length, count => count === 1)
  const stopped = patient.stop(60_000)
  open[0]?.()
  t.match(await ending, { outcome: 'answered' })
  await stopped
  t.match(await patient.pass(incoming()), { outcome: 'stopped' })

  const impatient = build(t, connector.url)
  const hanging = impatient.pass(incoming())
  await eventually(async () => open.length, count => count === 2)
  await impatient.stop(10)
  t.match(await hanging, { outcome: 'stopped' })
})
