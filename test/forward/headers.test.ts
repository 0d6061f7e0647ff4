import t from 'tap'
import { hasComeBack, toConnectorHeaders, toMessengerHeaders, type Arrival } from '../../src/forward/request.ts'

const arrival = (rawHeaders: readonly string[], changes: Partial<Arrival> = {}): Arrival =>
  ({ rawHeaders, httpVersion: '1.1', address: '192.0.2.7', host: 'relay.example', protocol: 'https', ...changes })

/** What the relay adds to every request. */
const ADDED = [
  'X-Forwarded-For', '192.0.2.7', 'X-Forwarded-Host', 'relay.example', 'X-Forwarded-Proto', 'https',
  'Forwarded', 'for=192.0.2.7;host="relay.example";proto=https', 'Via', '1.1 us',
]

t.test('fields go on in their order, number and spelling', async t => {
  const own = ['X-Membership', '1', 'X-Email-Address', 'a', 'Forwarded-By-Us', '2', 'Content-Type', 'application/json; charset=UTF-8', 'X-Signature', 'v0=ab', 'x-list', 'a', 'X-List', 'b', 'Accept-Encoding', 'gzip', 'User-Agent', 'caf\u00e9', 'Cookie', 'a=b']
  t.strictSame(toConnectorHeaders(arrival(own), 'us'), [...own, ...ADDED])
})

t.test('what is about one connection ends with it', async t => {
  const fields = [
    'Connection', 'close, X-Hop', 'connection', 'x-other-hop', 'Keep-Alive', 'timeout=5', 'Proxy-Connection', 'keep-alive', 'TE', 'trailers', 'Trailer', 'X-Sum', 'Transfer-Encoding', 'chunked',
    'Upgrade', 'h2c', 'HTTP2-Settings', 'AAMA', 'Proxy-Authorization', 'Basic eA==', 'x-hop', '1', 'X-Other-Hop', '2', 'Host', 'relay.example', 'Content-Length', '7', 'Expect', '100-continue',
  ]
  t.strictSame(toConnectorHeaders(arrival(fields), 'us'), ADDED)
})

t.test('nobody but the relay says who the sender is', async t => {
  const fields = ['X-Forwarded-For', '10.0.0.1', 'x-forwarded-for', '10.0.0.2', 'X-Forwarded-Prefix', '/x', 'X-Real-IP', '10.0.0.3', 'Forwarded', 'for=10.0.0.4']
  t.strictSame(toConnectorHeaders(arrival(fields), 'us'), ADDED)
  const others = [
    'X-Client-IP', 'True-Client-IP', 'CF-Connecting-IP', 'CF-Connecting-IPv6', 'CF-Pseudo-IPv4', 'Client-IP', 'X-Cluster-Client-IP', 'Fastly-Client-IP', 'Fly-Client-IP', 'X-Azure-ClientIP', 'X-Azure-SocketIP', 'Ali-CDN-Real-IP',
    'X-Appengine-User-IP', 'X-Forwarded', 'X-Forward-For', 'Forwarded-For', 'X-Original-Forwarded-For', 'X-Vercel-Forwarded-For', 'X-Originating-IP', 'X-Remote-IP', 'Remote-Addr', 'X-Remote-Addr', 'X-Envoy-External-Address', 'CloudFront-Viewer-Address',
  ]
  const spelt = [...others, ...['X-Forwarded-For', 'X-Real-IP', 'Forwarded', ...others].flatMap(name => [name.replaceAll('-', '_'), name.toLowerCase().replaceAll('-', '.')])]
  t.strictSame(toConnectorHeaders(arrival(spelt.flatMap(name => [name, '10.0.0.5'])), 'us'), ADDED)
  const quoted = toConnectorHeaders(arrival([], { address: '2001:db8::7', host: 'relay"\\.example:3000', protocol: 'http' }), 'us')
  t.strictSame(quoted.slice(0, 8), [
    'X-Forwarded-For', '2001:db8::7', 'X-Forwarded-Host', 'relay"\\.example:3000', 'X-Forwarded-Proto', 'http', 'Forwarded', 'for="[2001:db8::7]";host="relay\\"\\\\.example:3000";proto=http',
  ])
})

t.test('a request that was here before is known by Via, beside those of other proxies', async t => {
  const others = ['Via', '1.1 edge, 1.0 other (Software/1.0)']
  t.notOk(hasComeBack(arrival(others), 'us'))
  t.strictSame(toConnectorHeaders(arrival(others, { httpVersion: '1.0' }), 'us').filter((_, index, all) => all[index - 1] === 'Via'), [others[1], '1.0 us'])
  t.ok(hasComeBack(arrival([...others, 'via', '1.1 edge,1.1\tus (note)']), 'us'))
  t.notOk(hasComeBack(arrival(['Via', '1.1 us-too']), 'us'))
})

t.test('an answer loses what is about its connection, and its length, which is written again', async t => {
  t.strictSame(toMessengerHeaders({
    connection: 'Keep-Alive, x-hop',
    'keep-alive': 'timeout=5',
    'transfer-encoding': 'chunked',
    'x-hop': '1',
    'content-length': '2',
    trailer: 'x-sum',
    upgrade: 'h2c',
    'proxy-authenticate': 'Basic',
    'content-type': 'text/html',
    'set-cookie': ['a=1', 'b=2'],
    location: 'https://elsewhere.example/',
    'retry-after': '5',
    'x-absent': undefined,
  }), { 'content-type': 'text/html', 'set-cookie': ['a=1', 'b=2'], location: 'https://elsewhere.example/', 'retry-after': '5' })
})
