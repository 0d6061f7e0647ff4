import t from 'tap'
import { buildRelay } from '../relay.ts'

const ADMIN_TOKEN = 'an-admin-token-of-the-test'
const LIMIT = 1200

const { app } = await buildRelay(t, { env: { ADMIN_TOKEN, TRUST_PROXY: '1' }, dependencies: { scrape: async () => 'up_to_me 1\n' } })
const url = await app.listen({ host: '127.0.0.1', port: 0 })

const api = ['GET /api/status', 'GET /api/edits', 'GET /api/edits/unknown', 'POST /api/edits/redeliver', 'POST /api/edits/unknown/redeliver']

/** `client` is the address that the proxy in front of the relay has seen. */
function request (endpoint: string, client: string, token: string) {
  const [method, path] = endpoint.split(' ') as ['GET' | 'POST', string]
  return { method, path, headers: { authorization: `Bearer ${token}`, 'x-forwarded-for': client } }
}

async function ask (...args: Parameters<typeof request>): Promise<Response> {
  const { path, ...init } = request(...args)
  const response = await fetch(url + path, init)
  await response.arrayBuffer()
  return response
}

for (const [name, endpoints, client, token, statuses] of [
  ['/api with the token', api, '192.0.2.1', ADMIN_TOKEN, [200, 200, 404, 202, 404]],
  ['/api with a wrong token', api, '192.0.2.2', 'wrong', [401, 401, 401, 401, 401]],
  ['/metrics with the token', ['GET /metrics'], '192.0.2.1', ADMIN_TOKEN, [200]],
  ['/metrics with a wrong token', ['GET /metrics'], '192.0.2.2', 'wrong', [401]],
] as const) {
  t.test(`${name} takes ${LIMIT} requests a minute from an address, and then says when to come again`, async t => {
    const first = await ask(endpoints[0], client, token)
    t.equal(first.headers.get('ratelimit-limit'), String(LIMIT))
    t.equal(first.headers.get('ratelimit-remaining'), String(LIMIT - 1))
    const found = [first.status]
    // Without a socket each, which would take most of the time.
    while (found.length < LIMIT) found.push((await app.inject(request(endpoints[found.length % endpoints.length] as string, client, token))).statusCode)
    t.strictSame(found, found.map((_, index) => statuses[index % statuses.length]))

    const refused = await ask(endpoints[0], client, token)
    t.equal(refused.status, 429)
    t.match(refused.headers.get('retry-after'), /^([1-9]|[1-5]\d|60)$/)
    t.match(refused.headers.get('content-type'), /^application\/problem\+json/)
    t.equal((await ask(endpoints[0], client, ADMIN_TOKEN)).status, 429, 'the right token is not heard any more either')
    t.equal((await ask(endpoints[0], '198.51.100.1', ADMIN_TOKEN)).status, 200, 'others are let in')
  })
}

for (const path of ['/api/status', '/metrics']) {
  t.test(`${path} takes the whole token and nothing else`, async t => {
    const answer = async (authorization?: string) => await app.inject({ path, headers: authorization === undefined ? {} : { authorization } })
    const wrong = {
      'no header': undefined,
      'an empty token': 'Bearer ',
      'a prefix of the token': `Bearer ${ADMIN_TOKEN.slice(0, -1)}`,
      'its first letter': `Bearer ${ADMIN_TOKEN.slice(0, 1)}`,
      'the token and a suffix': `Bearer ${ADMIN_TOKEN}x`,
      'the token twice': `Bearer ${ADMIN_TOKEN}${ADMIN_TOKEN}`,
      'the token after a letter': `Bearer x${ADMIN_TOKEN}`,
      'the token after two spaces': `Bearer  ${ADMIN_TOKEN}`,
      'the token in capital letters': `Bearer ${ADMIN_TOKEN.toUpperCase()}`,
      'another token of its length': `Bearer ${'x'.repeat(ADMIN_TOKEN.length)}`,
      'the token alone': ADMIN_TOKEN,
      'another scheme': `Token ${ADMIN_TOKEN}`,
      'a longer scheme': `XBearer ${ADMIN_TOKEN}`,
    }
    for (const [name, authorization] of Object.entries(wrong)) {
      const { statusCode, headers } = await answer(authorization)
      t.match({ statusCode, headers }, { statusCode: 401, headers: { 'www-authenticate': 'Bearer' } }, name)
    }
    t.equal((await answer(`Bearer ${ADMIN_TOKEN}`)).statusCode, 200)
    t.equal((await answer(`bearer ${ADMIN_TOKEN}`)).statusCode, 200, 'the name of the scheme is written in any case')
  })

  t.test(`${path} counts one network of IPv6 as one client, and an IPv4 address in either form`, async t => {
    const remaining = async (client: string) => Number((await app.inject(request(`GET ${path}`, client, ADMIN_TOKEN))).headers['ratelimit-remaining'])
    const clients = ['2001:db8:0:1::1', '2001:db8:0:1:ffff::2', '2001:DB8:0:1::1', '2001:db8:0:2::1', '203.0.113.1', '::ffff:203.0.113.1', '::ffff:203.0.113.2']
    const found = []
    for (const client of clients) found.push(LIMIT - await remaining(client))
    t.strictSame(found, [1, 2, 3, 1, 1, 2, 1])
  })
}
