import { ApiVersion, B24OAuth, RefreshTokenError } from '@bitrix24/b24jssdk'
import t from 'tap'
import { build, item, type Fixture } from './helper.ts'

/**
 * Bitrix24's own JavaScript SDK, so that a client nobody here wrote takes the sandbox for the real thing. It needs no trick:
 * it takes both addresses, portal and OAuth server, from the installation (`clientEndpoint`, `serverEndpoint`), plain http included.
 */
function sdk (portal: Fixture, { refreshToken = 'relay-refresh', secret = 'relay-secret', maxRetries = 1, retryDelay = 20 } = {}): B24OAuth {
  const client = new B24OAuth({
    applicationToken: '1e1a7000000000000000000000000001',
    userId: 1,
    memberId: '5a9db0c0ffee4b24a1e0c0de5a9db0c0',
    accessToken: 'never issued',
    refreshToken,
    expires: Math.floor(Date.now() / 1000) + 3600,
    expiresIn: 3600,
    scope: 'imopenlines',
    domain: portal.url.replace('http://', ''),
    clientEndpoint: `${portal.url}/rest/`,
    serverEndpoint: `${portal.url}/rest/`,
    status: 'L',
    issuer: 'store',
  }, { clientId: 'local.relay', clientSecret: secret }, { restrictionParams: { maxRetries, retryDelay } })
  client.offClientSideWarning()
  return client
}

const call = async (client: B24OAuth, method: string, params = {}) => await client.actions.v2.call.make({ method, params })

t.test('the SDK refreshes a token the portal does not know, then calls', async t => {
  const portal = await build(t)
  const client = sdk(portal)
  const refreshed: string[] = []
  client.setCallbackRefreshAuth(async ({ b24OAuthParams }) => { refreshed.push(b24OAuthParams.refreshToken) })
  const answer = await call(client, 'app.info')
  t.ok(answer.isSuccess)
  t.match(answer.getData(), { result: { CODE: 'local.relay', STATUS: 'L' }, time: { operating: 0 } })
  t.equal(refreshed.length, 1)
  t.match((await portal.calls()).slice(1), [
    { method: 'app.info', status: 401, error: 'invalid_token' },
    { method: 'oauth.token', status: 200, application: 'local.relay' },
    { method: 'app.info', status: 200, application: 'local.relay' },
  ])
})

t.test('the SDK sees who is an administrator', async t => {
  const client = sdk(await build(t))
  await client.initIsAdmin()
  t.equal(client.auth.isAdmin, true)
})

t.test('an hour later the SDK refreshes by itself', async t => {
  const portal = await build(t)
  const client = sdk(portal)
  await call(client, 'server.time')
  await portal.advance(3_600_000)
  t.ok((await call(client, 'server.time')).isSuccess)
  t.match((await portal.calls()).slice(-3).map(({ method, error }) => [method, error]), [
    ['server.time', 'expired_token'], ['oauth.token', null], ['server.time', null],
  ])
})

t.test('an edit made with the SDK is in the portal', async t => {
  const portal = await build(t)
  const client = sdk(portal)
  const onLine = { CONNECTOR: 'relay_demo', LINE: 1 }
  await call(client, 'imconnector.send.messages', { ...onLine, MESSAGES: [item('original')] })
  const answer = await call(client, 'imconnector.update.messages', { ...onLine, MESSAGES: [item("it's <edited>")] })
  t.match(answer.getData(), { result: { SUCCESS: true, DATA: { RESULT: [{ SUCCESS: true, user: '585' }] } } })
  t.match(await portal.message('m1'), { text: "it's <edited>", edited: true })
})

t.test('the portal\'s errors reach the SDK with their codes', async t => {
  const portal = await build(t)
  const client = sdk(portal)
  const parameters = { CONNECTOR: 'relay_demo', LINE: 9, MESSAGES: [] }
  await t.rejects(call(client, 'imconnector.update.messages', parameters), { code: 'NOT_ACTIVE_LINE', status: 400 })
  await t.rejects(call(client, 'imconnector.nonsense'), { code: 'ERROR_METHOD_NOT_FOUND', status: 404 })
})

t.test('a used refresh token is refused, and the SDK says so', async t => {
  const portal = await build(t)
  await call(sdk(portal), 'server.time')
  await t.rejects(sdk(portal).auth.refreshAuth(), { constructor: RefreshTokenError, code: 'invalid_grant', status: 400 })
  await t.rejects(sdk(portal, { secret: 'wrong' }).auth.refreshAuth(), { code: 'invalid_client' })
})

t.test('the SDK takes the portal\'s limiter for the real one and waits', async t => {
  const portal = await build(t, { limits: true })
  const client = sdk(portal, { maxRetries: 5 })
  const own = async () => (await portal.calls()).filter(({ application, method }) => application === 'local.relay' && method === 'server.time')
  const wasRefused = async () => (await own()).some(({ status, error }) => status === 503 && error === 'QUERY_LIMIT_EXCEEDED')
  let answer = await call(client, 'server.time')
  // The bucket leaks while others fill it, so that a call may slip through.
  for (let attempt = 0; attempt < 20 && !await wasRefused(); attempt++) {
    await Promise.all(Array.from({ length: 60 }, async () => await portal.call('server.time')))
    answer = await call(client, 'server.time')
  }
  t.ok(await wasRefused(), 'it was refused at first')
  t.ok(answer.isSuccess)
  t.equal((await own()).at(-1)?.status, 200)
  t.ok(client.getHttpClient(ApiVersion.v2).getStats().retries > 0)
})

t.test('the SDK reads a batch', async t => {
  const portal = await build(t)
  const answer = await sdk(portal).actions.v2.batch.make({
    calls: { me: ['profile', {}], when: ['server.time', {}] },
    options: { isHaltOnError: true },
  })
  t.ok(answer.isSuccess)
  t.match(answer.getData(), { me: { ID: '1', ADMIN: true }, when: /\+00:00$/ })
})
