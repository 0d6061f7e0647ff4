import t from 'tap'
import { createCalls } from '../../sandbox/calls.ts'
import { build, item, refresh } from './helper.ts'

t.test('a control that makes no sense is told why', async t => {
  const portal = await build(t)
  const complaints = {
    '/sandbox/faults': [[{ method: 'x', fault: 'earthquake' }], /0\.fault: is neither .* nor one of .*503.*applied-late/],
    '/sandbox/clock': [{ advanceMs: -1 }, /advanceMs/],
    '/sandbox/load': [{ msPerMessages: 1 }, /msPerMessages/],
    '/sandbox/install': [{ handler: 'nowhere', application: 'local.nobody' }, /handler.*application: is none of local\.relay, local\.connector/],
  } as const
  for (const [path, [body, reason]] of Object.entries(complaints)) {
    t.match(await portal.post(path, body), { status: 400, json: { message: reason } }, path)
  }
  t.match(await portal.post('/sandbox/clock', '{'), { status: 400, json: { message: /not JSON/ } })
  t.match((await portal.get('/sandbox/faults')).json, { faults: [] })
})

t.test('every call is in the log, those that fail and those without an answer too', async t => {
  const portal = await build(t)
  await portal.send(item('a'), item('b'))
  await portal.call('nope')
  await portal.get('/rest/profile')
  t.match(await portal.calls(), [
    { at: String, application: 'local.connector', method: 'oauth.token', status: 200, error: null, messages: 0, durationMs: Number },
    { application: 'local.connector', method: 'imconnector.send.messages', status: 200, error: null, messages: 2 },
    { application: 'local.connector', method: 'nope', status: 404, error: 'ERROR_METHOD_NOT_FOUND', messages: 0 },
    { application: null, method: 'profile', status: 401, error: 'NO_AUTH_FOUND' },
  ])
})

t.test('the log of calls keeps the newest twenty thousand', t => {
  const calls = createCalls()
  for (let atMs = 0; atMs < 60_001; atMs++) calls.add({ atMs, method: 'x', messages: 0 })
  t.equal(calls.list().length, 20_000)
  t.equal(calls.list().at(-1)?.atMs, 60_000)
  t.equal(calls.list()[0]?.atMs, 40_001)
  t.end()
})

t.test('a reset brings everything back to the start', async t => {
  const portal = await build(t)
  await portal.send(item('x'))
  await portal.fault({ fault: '500' })
  await portal.post('/sandbox/load', { msPerMessage: 60_000, operating: 480 })
  await portal.advance(7_200_000)
  await portal.post('/sandbox/reset', '')
  for (const path of ['/sandbox/messages', '/sandbox/users', '/sandbox/calls']) t.same((await portal.get(path)).json, [], path)
  t.equal((await portal.call('profile')).status, 401, 'tokens of before are gone')
  const { json } = await portal.get('/oauth/token/?grant_type=refresh_token&client_id=local.connector&client_secret=connector-secret&refresh_token=connector-refresh')
  const { access_token: token } = json as { access_token: string }
  const sent = await portal.post('/rest/imconnector.send.messages', { CONNECTOR: 'relay_demo', LINE: 2, MESSAGES: [item('y')], auth: token })
  t.equal(sent.status, 200, 'the load is gone: with it the call would take a minute')
  t.ok(Math.abs(Date.parse((await portal.message('m1')).createdAt) - Date.now()) < 5_000, 'and the clock')
})

t.test('times are those of the sandbox', async t => {
  const portal = await build(t, { now: () => Date.UTC(2026, 0, 1) })
  await portal.send(item('first'))
  await portal.advance(60_000)
  await portal.update(item('second'))
  t.match(await portal.message('m1'), {
    createdAt: '2026-01-01T00:00:00.000Z',
    history: [{ at: '2026-01-01T00:00:00.000Z' }, { at: '2026-01-01T00:01:00.000Z' }],
  })
})

t.test('after a renaming the portal answers only at its new address', async t => {
  const portal = await build(t)
  await portal.send(item('original'))
  const renamed = portal.url.replace('127.0.0.1', 'localhost')
  t.same((await portal.post('/sandbox/rename', { address: `${renamed}/` })).json, { address: renamed })

  const moved = await portal.update(item('at the old address'))
  t.equal(moved.status, 302)
  t.equal(moved.headers.get('location'), `${renamed}/rest/imconnector.update.messages`, 'with the method')
  t.equal((await portal.get('/rest/profile?auth=x')).headers.get('location'), `${renamed}/rest/profile?auth=x`, 'and the query')
  t.equal((await portal.message('m1')).text, 'original')
  const answer = await fetch(moved.headers.get('location') ?? '', {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ CONNECTOR: 'relay_demo', LINE: 1, MESSAGES: [item('at the new one')], auth: portal.token }),
  })
  t.equal(answer.status, 200)
  t.equal((await portal.message('m1')).text, 'at the new one')

  let token = 'relay-refresh'
  for (const url of [portal.url, renamed]) {
    t.equal((await fetch(`${url}/sandbox/messages`)).status, 200, `the controls answer at ${url}`)
    const { headers } = await fetch(`${url}/oauth/authorize/?client_id=local.relay&redirect_uri=http://127.0.0.1:9/`, { redirect: 'manual' })
    t.equal(new URL(headers.get('location') ?? '').searchParams.get('domain'), new URL(renamed).host)
    const { json } = await refresh(url, 'local.relay', 'relay-secret', token)
    t.match(json, { client_endpoint: `${renamed}/rest/`, domain: new URL(url).host })
    token = (json as { refresh_token: string }).refresh_token
  }
})
