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
