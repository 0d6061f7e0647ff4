import t from 'tap'
import { buildRelay } from '../relay.ts'

const ADMIN_TOKEN = 'an-admin-token-of-the-test'
const headers = { authorization: `Bearer ${ADMIN_TOKEN}` }
const dependencies = { scrape: async () => 'up_to_me 1\n' }

t.test('without an ADMIN_TOKEN there is no such address', async t => {
  const { app } = await buildRelay(t, { dependencies })
  t.equal((await app.inject({ url: '/metrics', headers })).statusCode, 404)
})

t.test('without the right token nothing is told', async t => {
  const { app } = await buildRelay(t, { env: { ADMIN_TOKEN }, dependencies })
  for (const authorization of [undefined, 'Bearer', 'Bearer wrong', `Basic ${ADMIN_TOKEN}`, `Bearer ${ADMIN_TOKEN}x`]) {
    const answer = await app.inject({ url: '/metrics', headers: authorization === undefined ? {} : { authorization } })
    t.equal(answer.statusCode, 401)
    t.equal(answer.headers['www-authenticate'], 'Bearer')
    t.notMatch(answer.body, 'up_to_me')
  }
})

t.test('with it, the metrics come in Prometheus\' format', async t => {
  const { app } = await buildRelay(t, { env: { ADMIN_TOKEN }, dependencies })
  const answer = await app.inject({ url: '/metrics', headers })
  t.equal(answer.statusCode, 200)
  t.equal(answer.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
  t.equal(answer.headers['cache-control'], 'no-store')
  t.equal(answer.body, 'up_to_me 1\n')
})
