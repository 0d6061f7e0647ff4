import fastify from 'fastify'
import type { FastifyError } from 'fastify'
import { stringify } from 'qs'
import t from 'tap'
import type { Test } from 'tap'
import { createInstall } from '../../src/bitrix24/install.ts'
import { BadRequest, Forbidden, TooManyRequests } from '../../src/base/errors.ts'
import type { PortalConfig } from '../../src/bitrix24/hosts.ts'
import type { PortalRecord } from '../../src/outbox/portals.ts'
import { createEvents } from '../../src/bitrix24/events.ts'
import { bitrix24Routes } from '../../routes/bitrix24.ts'
import { registerRateLimit } from '../../routes/rate-limits.ts'
import { startSandbox } from '../../sandbox/sandbox.ts'
import { openSession } from '../bitrix24/scripted-portal.ts'

const MEMBER_ID = '5a9db0c0ffee4b24a1e0c0de5a9db0c0'

/** The install URL on a port of its own, so that the sandbox can post to it as a portal does. */
async function listen (t: Test, { config, record }: { config?: Partial<PortalConfig>, record?: Partial<PortalRecord> } = {}) {
  const sandbox = await startSandbox({ limits: false })
  t.teardown(() => sandbox.close())
  const opened = openSession(t, sandbox.url, { config, record: { tokens: null, parked: { code: 'not-installed', since: 1 }, ...record } })
  let installed = 0
  let calls = 0
  const waits: number[] = []
  const install = createInstall({ ...opened, onInstalled: () => { installed++ }, onCall: () => { calls++ }, wait: async ms => { waits.push(ms) } })

  const app = fastify()
  app.setErrorHandler<FastifyError>((error, _request, reply) => {
    const status = error instanceof Forbidden ? 403 : error instanceof TooManyRequests ? 429 : error instanceof BadRequest ? 400 : error.statusCode ?? 500
    return reply.code(status).send({ detail: error.message })
  })
  registerRateLimit(app)
  const events = createEvents({ portalId: 'portal', portals: opened.portals, outbox: { confirm: async () => [] }, connectors: new Set(), onEvent: () => {}, now: Date.now, log: opened.log })
  await app.register(bitrix24Routes, { install, events, log: opened.log })
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  const handler = `${app.listeningOrigin}/bitrix24/install`

  const control = async <T = unknown>(path: string, body: unknown): Promise<T> => {
    const response = await fetch(`${sandbox.url}/sandbox/${path}`, { method: 'POST', body: JSON.stringify(body) })
    return await response.json() as T
  }
  const installBy = (how: object) => control<{ status: number, body: string }>('install', { handler, ...how })
  const nothingStored = (words: string) => {
    t.equal(opened.memory.writes.length, 0, `${words}: nothing is stored`)
    t.equal(installed, 0)
  }
  return { ...opened, sandbox, app, handler, control, installBy, waits, installed: () => installed, calls: () => calls, nothingStored }
}

t.test('an install event brings tokens that work, and ends the park', async t => {
  const { installBy, memory, session, sandbox, installed } = await listen(t)
  t.match(await installBy({}), { status: 200 })
  t.match(memory.record(), {
    tokens: { accessToken: /./, refreshToken: /./, accessExpiresAt: Number },
    memberId: MEMBER_ID,
    applicationToken: /./,
    address: sandbox.url,
    clientId: 'local.relay',
    oauthUrl: sandbox.url,
    parked: null,
    refreshStartedAt: null,
    refreshTries: 0,
  })
  t.equal(memory.writes.length, 1)
  t.equal(installed(), 1)
  t.match(await session.call('app.info', {}), { kind: 'answered', result: { CODE: 'local.relay' } })
})

t.test('the page of an application with a user interface is framed by the portal and finishes the installation', async t => {
  const { handler, installBy, memory, sandbox, session, app, portal } = await listen(t)
  const answer = await installBy({ form: 'page' })
  t.equal(answer.status, 200)
  t.match(answer.body, /<script src="https:\/\/api\.bitrix24\.com\/api\/v1\/"><\/script>/)
  t.match(answer.body, /BX24\.installFinish\(\)/)
  t.match(memory.record(), { memberId: MEMBER_ID, parked: null, oauthUrl: sandbox.url })
  t.match(await session.call('profile', {}), { kind: 'answered' })

  const { tokens } = memory.record()
  const response = await app.inject({
    method: 'POST',
    url: `${new URL(handler).pathname}?DOMAIN=${new URL(portal.url).host}&PROTOCOL=0`,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: stringify({ AUTH_ID: tokens?.accessToken, REFRESH_ID: tokens?.refreshToken, AUTH_EXPIRES: '3600', member_id: MEMBER_ID }),
  })
  t.equal(response.statusCode, 200)
  const policy = String(response.headers['content-security-policy'])
  t.match(policy, `frame-ancestors ${portal.url};`)
  t.match(policy, /script-src https:\/\/api\.bitrix24\.com\/api\/v1\/ 'sha256-/)
  t.equal(response.headers['x-frame-options'], undefined)
  t.match(response.headers, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' })
  t.match(memory.record().applicationToken, /./, 'the known application token stays')
})

t.test('an installation of another portal is refused', async t => {
  for (const how of [{ domain: 'other.bitrix24.ru' }, { domain: 'other.bitrix24.ru', form: 'page' }]) {
    const { installBy, nothingStored, lines } = await listen(t)
    t.match(await installBy(how), { status: 403, body: /another portal/ })
    nothingStored('another domain')
    t.match(lines, [{ event: 'install.refused', level: 40 }], 'it is logged once')
  }
  for (const memberId of ['known', `${MEMBER_ID}0`, MEMBER_ID.slice(0, -1)]) {
    const { installBy, nothingStored } = await listen(t, { record: { memberId } })
    t.match(await installBy({}), { status: 403, body: /another portal/ })
    nothingStored('another member_id')
  }
})

t.test('an installation of another application is refused', async t => {
  const { installBy, nothingStored } = await listen(t)
  t.match(await installBy({ application: 'connector' }), { status: 403, body: /another application/ })
  nothingStored('another application')
  for (const clientId of ['local.rela', 'local.relay2']) {
    const { installBy, nothingStored } = await listen(t, { config: { clientId } })
    t.match(await installBy({}), { status: 403, body: /another application/ })
    nothingStored(clientId)
  }
})

t.test('an installation by a person who is no administrator is refused', async t => {
  for (const form of ['event', 'page']) {
    const { installBy, nothingStored } = await listen(t)
    t.match(await installBy({ form, admin: false }), { status: 403, body: /administrator/ })
    nothingStored(form)
  }
})

t.test('an installation with a forged token is refused', async t => {
  for (const form of ['event', 'page']) {
    const { installBy, nothingStored } = await listen(t, { record: { memberId: MEMBER_ID } })
    t.match(await installBy({ form, forge: true }), { status: 403, body: /does not accept the token/ })
    nothingStored(form)
  }
})

t.test('a server_endpoint that is not Bitrix24\'s is refused', async t => {
  const { app, portal, nothingStored } = await listen(t)
  const response = await app.inject({
    method: 'POST',
    url: '/bitrix24/install',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: stringify({ event: 'ONAPPINSTALL', auth: { access_token: 'a', refresh_token: 'r', domain: new URL(portal.url).host, member_id: 'm', server_endpoint: 'https://evil.example/rest/' } }),
  })
  t.equal(response.statusCode, 403)
  t.match(response.json(), { detail: /server_endpoint/ })
  nothingStored('evil server_endpoint')
})

t.test('a portal that cannot be asked is asked again, because the event comes only once', async t => {
  const { installBy, control, memory, waits, sandbox } = await listen(t)
  await control('faults', [{ method: 'app.info', fault: 'html-502', times: 2 }])
  t.match(await installBy({}), { status: 200 })
  t.same(waits, [1000, 3000])
  t.equal(memory.record().address, sandbox.url)

  const fresh = await listen(t)
  await fresh.control('faults', [{ method: 'app.info', fault: { error: 'expired_token', status: 401 }, times: 1 }])
  t.match(await fresh.installBy({}), { status: 200 }, 'a new token that the portal does not know yet')
  t.same(fresh.waits, [1000])

  const down = await listen(t)
  await down.control('faults', [{ method: 'app.info', fault: 'reset', times: 5 }])
  t.match(await down.installBy({}), { status: 403, body: /could not be asked/ })
  down.nothingStored('a portal that is down')
  const slow = await listen(t)
  await slow.control('faults', [{ method: 'profile', fault: 'redirect', times: 1 }])
  t.match(await slow.installBy({}), { status: 403, body: /redirects/ })
  slow.nothingStored('a redirect')
})

t.test('before the client id is configured any application is taken, and the log says which', async t => {
  const { installBy, memory, lines, session } = await listen(t, { config: { clientId: null, clientSecret: null } })
  t.match(await installBy({}), { status: 200 })
  t.match(lines.find(line => line.event === 'install.unconfigured'), { clientId: 'local.relay', msg: /BITRIX24_CLIENT_ID/ })
  t.equal(memory.record().parked, null)
  t.match(await session.call('app.info', {}), { kind: 'answered' }, 'the token works until it expires')
  t.notMatch(JSON.stringify(lines), memory.record().tokens?.refreshToken ?? '?')
})

t.test('tokens that came before client id and secret can be renewed once both are set', async t => {
  const { sandbox, installBy, memory, control } = await listen(t, { config: { clientId: null, clientSecret: null } })
  await installBy({})
  await control('clock', { advanceMs: 3_700_000 })
  const later = openSession(t, sandbox.url, { record: memory.record() })
  await later.session.open()
  t.match(await later.session.call('app.info', {}), { kind: 'answered' })
  t.match(later.memory.record(), { memberId: MEMBER_ID, tokens: { accessToken: /./ } })
})

t.test('an install of another application before the client id is configured locks nobody out, and pins nothing', async t => {
  const early = await listen(t, { config: { clientId: null, clientSecret: null } })
  t.match(await early.installBy({ application: 'connector', memberId: 'forged' }), { status: 200 })
  t.match(early.memory.record(), { memberId: null, clientId: 'local.connector' })
  t.match(await early.installBy({}), { status: 200 }, 'the real application replaces it')
  await early.installBy({ application: 'connector', memberId: 'forged' })
  const { applicationToken } = early.memory.record()
  const uninstall = { method: 'POST' as const, url: '/bitrix24/install', headers: { 'content-type': 'application/x-www-form-urlencoded' }, payload: stringify({ event: 'ONAPPUNINSTALL', auth: { application_token: applicationToken } }) }
  t.equal((await early.app.inject(uninstall)).statusCode, 403, 'its application token removes nothing')

  const later = await listen(t, { record: early.memory.record() })
  await later.session.open()
  t.match(later.memory.record(), { tokens: null, applicationToken: null, parked: { code: 'not-installed' } }, 'tokens of another application are deleted')
  t.match(later.lines.map(({ event }) => event), ['install.discarded'])
  await later.memory.portals.write('portal', { address: later.portal.url })
  t.match(await later.installBy({}), { status: 200 })
  t.match(later.memory.record(), { memberId: MEMBER_ID, clientId: 'local.relay', parked: null })
  t.equal((await later.app.inject(uninstall)).statusCode, 403, 'nor does it remove the real one')
})

t.test('once the portal has proven its application, no other one replaces it, also without a client id', async t => {
  const { installBy, nothingStored } = await listen(t, { config: { clientId: null, clientSecret: null }, record: { memberId: MEMBER_ID, clientId: 'local.relay' } })
  t.match(await installBy({ application: 'connector' }), { status: 403, body: /BITRIX24_CLIENT_ID/ })
  nothingStored('another application')
})

t.test('installs from all addresses together ask the portal only so often, and each request is counted', async t => {
  const { app, portal, calls, sandbox } = await listen(t)
  const forged = (n: number) => app.inject({
    method: 'POST',
    url: '/bitrix24/install',
    remoteAddress: `2001:db8:0:${n}::1`,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: stringify({ event: 'ONAPPINSTALL', auth: { access_token: 'a', refresh_token: 'r', domain: new URL(portal.url).host, member_id: 'm' } }),
  })
  const statuses = []
  for (let n = 0; n < 60; n++) statuses.push((await forged(n)).statusCode)
  t.strictSame(statuses, [...Array(10).fill(403), ...Array(50).fill(429)])
  t.equal(sandbox.state.calls.list().length, 10)
  t.equal(calls(), 10)
})

t.test('a code that an administrator brings back is exchanged', async t => {
  const { handler, installBy, memory, sandbox, session, installed } = await listen(t)
  await installBy({})
  await memory.portals.write('portal', { parked: { code: 'invalid_grant', since: 1 }, tokens: { accessToken: 'gone', refreshToken: 'gone', accessExpiresAt: null } })
  const authorize = new URL(session.authorizeUrl() ?? '')
  t.equal(authorize.host, new URL(sandbox.url).host)

  const redirected = await fetch(authorize, { redirect: 'manual' })
  const back = redirected.headers.get('location') ?? ''
  t.match(back, `${handler}?`)
  const response = await fetch(back)
  t.equal(response.status, 200)
  t.match(await response.text(), /connected/)
  t.equal(response.headers.get('referrer-policy'), 'no-referrer')
  t.match(memory.record(), { parked: null, memberId: MEMBER_ID, applicationToken: /./ })
  t.equal(installed(), 2)
  t.match(await session.call('app.info', {}), { kind: 'answered' })

  const again = await fetch(back)
  t.equal(again.status, 403, 'a code is good once')
  t.match(await again.json(), { detail: /invalid_grant/ })
})

t.test('a code is refused where it cannot be proven', async t => {
  const unconfigured = await listen(t, { config: { clientSecret: null } })
  t.match((await unconfigured.app.inject('/bitrix24/install?code=x')).json(), { detail: /BITRIX24_CLIENT_ID/ })
  const elsewhere = await listen(t, { config: { oauthUrl: 'https://oauth.example.com' } })
  t.match((await elsewhere.app.inject('/bitrix24/install?code=x')).json(), { detail: /BITRIX24_OAUTH_URL/ })
  const lost = await listen(t)
  await lost.control('faults', [{ method: 'oauth.token', fault: 'reset' }])
  t.match((await lost.app.inject('/bitrix24/install?code=x')).json(), { detail: /no answer/ })
  lost.nothingStored('a lost exchange')
  t.equal((await lost.app.inject('/bitrix24/install?code=x&code=y')).statusCode, 400)
  t.equal((await lost.app.inject(`/bitrix24/install?code=${'x'.repeat(600)}`)).statusCode, 400)
})

t.test('a code of another portal, of an unknown member or of an employee is refused', async t => {
  const grant = { accessToken: 'a', refreshToken: 'r', accessExpiresAt: null, clientEndpoint: null as string | null, memberId: 'm' as string | null }
  const cases: [Partial<typeof grant>, object, RegExp][] = [
    [{ clientEndpoint: 'https://other.bitrix24.ru/rest/' }, {}, /other\.bitrix24\.ru; BITRIX24_PORTAL_URL/],
    [{}, { memberId: 'known' }, /this database is of the portal known/],
    [{}, {}, /does not accept the token/],
  ]
  for (const [change, record, detail] of cases) {
    const opened = await listen(t, { record })
    const install = createInstall({
      ...opened,
      oauth: { ...opened.oauth, exchange: async () => ({ kind: 'granted', grant: { ...grant, ...change } }) },
      onInstalled: () => t.fail('installed'),
      onCall: () => {},
      wait: async () => {},
    })
    await t.rejects(install.code('x'), { name: 'Forbidden', message: detail })
    opened.nothingStored(String(detail))
  }
})

t.test('an uninstall with the known application token drops the tokens and parks the portal', async t => {
  const { installBy, app, memory, session } = await listen(t)
  const post = (applicationToken: string, event = 'ONAPPUNINSTALL') => app.inject({
    method: 'POST',
    url: '/bitrix24/install',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: stringify({ event, data: { LANGUAGE_ID: 'en', CLEAN: '1' }, auth: { application_token: applicationToken } }),
  })
  t.equal((await post('forged')).statusCode, 403, 'no token is known yet')
  await installBy({})
  const known = memory.record().applicationToken ?? ''
  for (const forged of ['forged', known.slice(0, -1), `${known}x`, known.toUpperCase(), known.replace(/./g, '0')]) t.equal((await post(forged)).statusCode, 403, forged)
  t.match(memory.record().tokens, { accessToken: /./ })
  t.equal((await post(known, 'ONAPPUPDATE')).statusCode, 200)
  t.match(memory.record().tokens, { accessToken: /./ })
  t.equal((await post(known)).statusCode, 200)
  t.match(memory.record(), { tokens: null, parked: { code: 'not-installed' } })
  t.match(await session.call('app.info', {}), { kind: 'refused', code: 'not-installed' })
  t.match(await installBy({}), { status: 200 })
  t.match(memory.record(), { parked: null })
})

t.test('what is no installation is answered 400 and names the fields', async t => {
  const { app, nothingStored } = await listen(t)
  const bodies = ['', 'a=b', 'event=ONAPPINSTALL', 'event=ONAPPINSTALL&auth[access_token]=x', 'event=ONAPPUNINSTALL', 'AUTH_ID=a&REFRESH_ID=b&member_id=c', '__proto__[event]=ONAPPINSTALL', `event=${'x'.repeat(3000)}`]
  for (const payload of bodies) {
    const response = await app.inject({ method: 'POST', url: '/bitrix24/install', headers: { 'content-type': 'application/x-www-form-urlencoded' }, payload })
    t.equal(response.statusCode, 400, payload.slice(0, 40))
  }
  nothingStored('no installation')
  const large = await app.inject({ method: 'POST', url: '/bitrix24/install', headers: { 'content-type': 'application/x-www-form-urlencoded' }, payload: 'x'.repeat(70_000) })
  t.equal(large.statusCode, 413)
})

t.test('the address says what it is for when it is opened without a code', async t => {
  const { app } = await listen(t)
  const response = await app.inject('/bitrix24/install')
  t.equal(response.statusCode, 200)
  t.match(response.body, /initial installation/)
  t.match(response.headers['content-security-policy'], /frame-ancestors 'none'/)
})
