import t from 'tap'
import { build, item, refresh } from './helper.ts'

t.test('fifty requests at once, then two a second, for both applications together', async t => {
  const portal = await build(t, { limits: true, now: () => 1_800_000_000_000 })
  const relay = (await refresh(portal.url, 'local.relay', 'relay-secret', 'relay-refresh')).json as { access_token: string }
  const asRelay = async () => await portal.get(`/rest/server.time?auth=${relay.access_token}`)
  const statuses: number[] = []
  for (let count = 0; count < 52; count++) {
    statuses.push((count % 2 === 0 ? await portal.call('server.time') : await asRelay()).status)
  }
  t.same(statuses, [...Array(50).fill(200), 503, 503])
  t.match(await portal.call('nope'), { status: 503, json: { error: 'QUERY_LIMIT_EXCEEDED', error_description: 'Too many requests' } }, 'the limiter stands in front')
  t.match(await refresh(portal.url, 'local.relay', 'relay-secret', 'relay-refresh'), { status: 400 }, 'the OAuth server is another server')
  await portal.advance(1_000)
  t.same([(await asRelay()).status, (await portal.call('server.time')).status, (await asRelay()).status], [200, 200, 503])
  await portal.advance(60_000)
  t.equal((await portal.call('server.time')).status, 200)
})

t.test('a method that spent its 480 seconds is blocked until they leave the window, and only it', async t => {
  const portal = await build(t, { limits: true })
  await portal.post('/sandbox/load', { operating: 479 })
  const answer = (await portal.update()).json as { time: { operating: number, operating_reset_at: number } }
  t.equal(answer.time.operating, 479)
  const ahead = answer.time.operating_reset_at - Date.now() / 1000
  t.ok(ahead > 530 && ahead <= 600)
  await portal.post('/sandbox/load', { operating: 480 })
  t.match(await portal.update(), { status: 429, json: { error: 'OPERATION_TIME_LIMIT', error_description: 'Method is blocked due to operation time limit.' } })
  t.equal((await portal.send(item('x'))).status, 200)
  t.match((await portal.call('batch', { cmd: ['imconnector.update.messages?CONNECTOR=relay_demo&LINE=1&MESSAGES[0]='] })).json, {
    result: { result_error: [{ error: 'OPERATION_TIME_LIMIT' }] },
  }, 'a batch is no way around')
  await portal.advance(600_000)
  t.equal((await portal.update()).status, 200)
})

t.test('only calls of more than a tenth of a second count', async t => {
  const portal = await build(t, { limits: true })
  const operating = async (...items: unknown[]): Promise<number> =>
    ((await portal.send(...items)).json as { time: { operating: number } }).time.operating
  t.equal(await operating(item('quick')), 0)
  await portal.post('/sandbox/load', { msPerMessage: 130 })
  const spent = await operating(item('slow'))
  t.ok(spent >= 0.12 && spent < 5)
})

t.test('without the bucket no number of requests is too many', async t => {
  const portal = await build(t)
  const statuses = await Promise.all(Array.from({ length: 80 }, async () => (await portal.update()).status))
  t.same(new Set(statuses), new Set([200]))
})
