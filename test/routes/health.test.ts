import t from 'tap'
import { StoreUnavailable } from '../../src/base/errors.ts'
import { buildRelay, NOW } from '../relay.ts'

t.test('a relay that can write is alive and ready', async t => {
  const { app, lines } = await buildRelay(t)
  t.match(await app.inject({ url: '/livez' }), { statusCode: 200, body: '{"status":"live"}' })
  const answer = await app.inject({ url: '/readyz' })
  t.equal(answer.statusCode, 200)
  t.equal(answer.headers['cache-control'], 'no-store')
  t.strictSame(answer.json(), { status: 'ready', portal: 'ready', lines: [] })
  t.strictSame(lines, [], 'probes are not logged')
})

t.test('a relay that cannot write is not ready', async t => {
  const { app } = await buildRelay(t, { dependencies: { probe: async () => { throw new StoreUnavailable('hidden') } } })
  const answer = await app.inject({ url: '/readyz' })
  t.equal(answer.statusCode, 503)
  t.strictSame(answer.json(), { status: 'store-unavailable', portal: 'ready', lines: [] })
  t.equal((await app.inject({ url: '/livez' })).statusCode, 200)
})

t.test('a relay whose store does not answer is not ready', async t => {
  const { app } = await buildRelay(t, { dependencies: { probe: () => new Promise(() => {}) } })
  t.equal((await app.inject({ url: '/readyz' })).statusCode, 503)
})

t.test('a stopping relay is alive and not ready', async t => {
  const { app } = await buildRelay(t, { dependencies: { stopping: () => true } })
  const answer = await app.inject({ url: '/readyz' })
  t.equal(answer.statusCode, 503)
  t.match(answer.json(), { status: 'stopping' })
  t.equal((await app.inject({ url: '/livez' })).statusCode, 200)
})

t.test('a portal in trouble is shown by code and without names, and does not make the relay unready', async t => {
  const lines = [{ code: 'NOT_ACTIVE_LINE', connector: 'relay_demo', line: 1, since: NOW }]
  const { app } = await buildRelay(t, { dependencies: { condition: async () => ({ portal: 'invalid_grant', since: NOW, lines }) } })
  const answer = await app.inject({ url: '/readyz' })
  t.equal(answer.statusCode, 200)
  t.strictSame(answer.json(), { status: 'ready', portal: 'invalid_grant', lines: ['NOT_ACTIVE_LINE'] })
})

t.test('the store is asked at most once a second, and once for all who ask at the same time', async t => {
  let probes = 0
  let time = NOW
  const { app } = await buildRelay(t, { dependencies: { now: () => time, probe: async () => { probes++ } } })
  await Promise.all(Array.from({ length: 5 }, () => app.inject({ url: '/readyz' })))
  t.equal(probes, 1)
  time += 999
  await app.inject({ url: '/readyz' })
  t.equal(probes, 1)
  time += 1
  await app.inject({ url: '/readyz' })
  t.equal(probes, 2)
})
