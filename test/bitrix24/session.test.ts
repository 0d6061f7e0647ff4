import { createHash } from 'node:crypto'
import t from 'tap'
import { MockAgent } from 'undici'
import { createClient } from '../../src/bitrix24/client.ts'
import { createSession } from '../../src/bitrix24/session.ts'
import { StoreUnavailable } from '../../src/base/errors.ts'
import { HELD } from '../courier/lease.ts'
import type { Portals } from '../../src/outbox/portals.ts'
import { createMemoryPortals } from './memory-portals.ts'
import { expired, grantOf, openSession, portalConfig, recordingLog, startScriptedPortal, type Reply } from './scripted-portal.ts'

const ok: Reply = { json: { result: 'ok' } }

/** Takes one access token and refuses all others; the grants are numbered on. */
function rotating (granted = 1) {
  let n = granted
  return ({ method, params }: { method: string, params: Readonly<Record<string, unknown>> }): Reply => {
    if (method !== 'oauth.token') return params.auth === `access-${n}` ? ok : expired
    if (params.refresh_token !== `refresh-${n}`) return { status: 400, json: { error: 'invalid_grant' } }
    n++
    return grantOf(n)
  }
}

t.test('a call goes out with the stored token and costs one request', async t => {
  const portal = await startScriptedPortal(t, rotating())
  const { session } = openSession(t, portal.url)
  t.match(await session.call('app.info', { a: 1 }), { kind: 'answered', result: 'ok', requests: 1 })
  t.same(portal.calls.map(({ method, params }) => ({ method, params })), [{ method: 'app.info', params: { a: 1, auth: 'access-1' } }])
})

t.test('without tokens nothing is sent', async t => {
  const portal = await startScriptedPortal(t, rotating())
  const { session } = openSession(t, portal.url, { record: { tokens: null } })
  t.match(await session.call('app.info', {}), { kind: 'refused', code: 'not-installed', requests: 0 })
  t.equal(portal.calls.length, 0)
})

t.test('an expired token is renewed, the new pair is stored before it is used, and the call is repeated', async t => {
  let storedAtUse: unknown
  const rotate = rotating(2)
  const portal = await startScriptedPortal(t, request => {
    if (request.params.auth === 'access-3') storedAtUse = memory.record().tokens
    return rotate(request)
  })
  const { session, memory } = openSession(t, portal.url, { record: { tokens: { accessToken: 'access-1', refreshToken: 'refresh-2', accessExpiresAt: null } } })

  t.match(await session.call('x', {}), { kind: 'answered', requests: 2 })
  t.same(portal.calls.map(call => [call.method, call.used]), [['x', 'access-1'], ['oauth.token', 'refresh-2'], ['x', 'access-3']])
  t.match(storedAtUse, { accessToken: 'access-3', refreshToken: 'refresh-3' })
  t.match(memory.record(), { refreshStartedAt: null, refreshTries: 0, memberId: 'member' })
  t.match(memory.writes[0], { refreshStartedAt: Number, refreshTries: 1 }, 'the mark was committed first')
})

t.test('twenty calls at the moment of expiry make one refresh', async t => {
  const rotate = rotating(2)
  const portal = await startScriptedPortal(t, request => ({ ...rotate(request), afterMs: request.method === 'oauth.token' ? 100 : Math.floor(Math.random() * 30) }))
  const { session } = openSession(t, portal.url, { record: { tokens: { accessToken: 'access-1', refreshToken: 'refresh-2', accessExpiresAt: null } } })

  const results = await Promise.all(Array.from({ length: 20 }, () => session.call('x', {})))
  t.ok(results.every(result => result.kind === 'answered'))
  t.same(portal.used('oauth.token'), ['refresh-2'])
})

t.test('a refused token that is no longer the current one only repeats the call', async t => {
  const portal = await startScriptedPortal(t, ({ method, params }) => {
    if (method === 'oauth.token') return grantOf(9)
    if (params.auth === 'access-2') return ok
    // While this call is under way, an install brings a new pair.
    memory.portals.write(portal.host, { tokens: { accessToken: 'access-2', refreshToken: 'refresh-2', accessExpiresAt: null } }).catch(t.threw)
    return { ...expired, afterMs: 50 }
  })
  const { session, memory } = openSession(t, portal.url)
  t.match(await session.call('x', {}), { kind: 'answered', requests: 2 })
  t.same(portal.used('oauth.token'), [])
})

t.test('an install during a refresh is not overwritten by what the refresh brings', async t => {
  const portal = await startScriptedPortal(t, ({ method, params }) => {
    if (method !== 'oauth.token') return params.auth === 'installed' ? ok : expired
    memory.portals.write(portal.host, { tokens: { accessToken: 'installed', refreshToken: 'installed-refresh', accessExpiresAt: null } }).catch(t.threw)
    return { ...grantOf(2), afterMs: 50 }
  })
  const { session, memory } = openSession(t, portal.url)
  t.match(await session.call('x', {}), { kind: 'answered' })
  t.match(memory.record().tokens, { accessToken: 'installed', refreshToken: 'installed-refresh' })
})

t.test('a token that the portal refuses right after its renewal is not renewed again', async t => {
  const portal = await startScriptedPortal(t, ({ method }) => method === 'oauth.token' ? grantOf(2) : { status: 401, json: { error: 'invalid_token', error_description: 'no' } })
  const { session } = openSession(t, portal.url)
  t.match(await session.call('x', {}), { kind: 'refused', code: 'TOKEN_REFUSED', words: 'invalid_token: no', requests: 3 })
  t.equal(portal.used('oauth.token').length, 1)
})

t.test('a new token that the portal does not know for a moment costs one repeat', async t => {
  const portal = await startScriptedPortal(t, ({ method }) => method === 'oauth.token' ? grantOf(2) : portal.used('x').length < 3 ? expired : ok)
  const { session } = openSession(t, portal.url)
  t.match(await session.call('x', {}), { kind: 'answered', requests: 3 })
  t.same(portal.calls.map(call => call.used), ['access-1', 'refresh-1', 'access-2', 'access-2'])
})

t.test('a refusal of the OAuth server is the outcome of the call, for those who share it too', async t => {
  const portal = await startScriptedPortal(t, ({ method }) => method === 'oauth.token' ? { status: 400, json: { error: 'invalid_grant' }, afterMs: 100 } : expired)
  const { session, memory } = openSession(t, portal.url, { record: { tokensVersion: 7 } })
  const first = session.call('x', {})
  while (portal.used('oauth.token').length === 0) await new Promise(resolve => setTimeout(resolve, 5))
  const results = await Promise.all([first, session.call('x', {})])
  t.match(results, [{ kind: 'refused', code: 'invalid_grant', requests: 1, tokensVersion: 7 }, { kind: 'refused', code: 'invalid_grant', requests: 0, tokensVersion: 7 }])
  t.equal(portal.used('oauth.token').length, 1)
  t.match(memory.record(), { refreshStartedAt: null, refreshTries: 0 })
})

t.test('a refresh whose answer was lost is tried once more with the same token', async t => {
  let asked = 0
  const portal = await startScriptedPortal(t, ({ method, params, response }) => {
    if (method !== 'oauth.token') return params.auth === 'access-2' ? ok : expired
    if (++asked > 1) return grantOf(2)
    response.destroy()
    return null
  })
  const { session } = openSession(t, portal.url)
  t.match(await session.call('x', {}), { kind: 'answered' })
  t.same(portal.used('oauth.token'), ['refresh-1', 'refresh-1'])
})

t.test('a refresh that is lost twice is given up, and tried once for each later call, which parking makes rare', async t => {
  let recovers = false
  const portal = await startScriptedPortal(t, ({ method, params }) => {
    if (method !== 'oauth.token') return params.auth === 'access-2' ? ok : expired
    return recovers ? grantOf(2) : { status: 502, text: '<html>' }
  })
  const { session, memory } = openSession(t, portal.url)
  t.match(await session.call('x', {}), { kind: 'refused', code: 'refresh-lost' })
  t.equal(portal.used('oauth.token').length, 2)
  t.match(memory.record(), { refreshStartedAt: Number, refreshTries: 2, tokens: { refreshToken: 'refresh-1' } })

  t.match(await session.call('app.info', {}), { kind: 'refused', code: 'refresh-lost' })
  t.equal(portal.used('oauth.token').length, 3)
  recovers = true
  t.match(await session.call('app.info', {}), { kind: 'answered' })
  t.match(memory.record(), { refreshStartedAt: null, refreshTries: 0 })
})

t.test('a mark that an earlier life left behind counts as its one lost try', async t => {
  const portal = await startScriptedPortal(t, ({ method }) => method === 'oauth.token' ? { status: 200, text: '{"access_tok' } : expired)
  const { session } = openSession(t, portal.url, { record: { refreshStartedAt: 1, refreshTries: 1 } })
  t.match(await session.call('x', {}), { kind: 'refused', code: 'refresh-lost' })
  t.same(portal.used('oauth.token'), ['refresh-1'])
})

t.test('an OAuth server that cannot be reached uses up no try', async t => {
  const portal = await startScriptedPortal(t, () => expired)
  const { session, memory } = openSession(t, portal.url, { config: { oauthUrl: 'http://127.0.0.1:1' } })
  t.match(await session.call('x', {}), { kind: 'unreachable', cause: 'OAUTH_ECONNREFUSED', requests: 1 })
  t.match(memory.record(), { refreshStartedAt: null, refreshTries: 0 })
})

t.test('a pair that cannot be stored is kept, and the next call stores it instead of asking for another', async t => {
  const portal = await startScriptedPortal(t, ({ method, params }) => {
    if (method !== 'oauth.token') return params.auth === 'access-2' ? ok : expired
    memory.failing = true
    return grantOf(2)
  })
  const { session, memory } = openSession(t, portal.url)
  await t.rejects(session.call('x', {}), StoreUnavailable)
  t.match(memory.record().tokens, { accessToken: 'access-1' })

  memory.failing = false
  t.match(await session.call('x', {}), { kind: 'answered' })
  t.match(memory.record().tokens, { accessToken: 'access-2', refreshToken: 'refresh-2' })
  t.equal(portal.used('oauth.token').length, 1)
})

t.test('without client id and secret the token works until it expires, and then the words say what to set', async t => {
  const portal = await startScriptedPortal(t, ({ params }) => params.auth === 'access-1' ? ok : expired)
  const { session, memory } = openSession(t, portal.url, { config: { clientSecret: null } })
  t.match(await session.call('x', {}), { kind: 'answered' })
  await memory.portals.write(portal.host, { tokens: { accessToken: 'old', refreshToken: 'refresh-1', accessExpiresAt: null } })
  t.match(await session.call('x', {}), { kind: 'refused', code: 'not-installed', words: /BITRIX24_CLIENT_ID/ })
  t.equal(portal.used('oauth.token').length, 0)
  t.equal(memory.record().refreshTries, 0)
})

t.test('the park for want of id and secret ends when both are set', async t => {
  const portal = await startScriptedPortal(t, rotating())
  const parked = { code: 'not-installed', since: 1 }
  const missing = openSession(t, portal.url, { config: { clientId: null }, record: { parked } })
  await missing.session.open()
  t.same(missing.memory.record().parked, parked)
  const empty = openSession(t, portal.url, { record: { parked, tokens: null } })
  await empty.session.open()
  t.same(empty.memory.record().parked, parked)
  const set = openSession(t, portal.url, { record: { parked } })
  await set.session.open()
  t.equal(set.memory.record().parked, null)
  const other = openSession(t, portal.url, { record: { parked: { code: 'invalid_grant', since: 1 } } })
  await other.session.open()
  t.match(other.memory.record().parked, { code: 'invalid_grant' })
})

t.test('BITRIX24_REFRESH_TOKEN is taken over once for each of its values', async t => {
  const portal = await startScriptedPortal(t, rotating(7))
  const parked = { code: 'invalid_grant', since: 1 }
  const first = openSession(t, portal.url, { config: { refreshToken: 'refresh-7' }, record: { tokens: null, parked } })
  await first.session.open()
  t.equal(first.memory.record().parked, null)
  t.match(await first.session.call('x', {}), { kind: 'answered', requests: 1 }, 'the first call has no token to try')
  t.match(first.memory.record(), { tokens: { refreshToken: 'refresh-8' }, importedToken: createHash('sha256').update('refresh-7').digest('base64url') })

  await first.session.open()
  t.match(first.memory.record().tokens, { refreshToken: 'refresh-8' }, 'a rotated token is not used again')
  const later = openSession(t, portal.url, { config: { refreshToken: 'refresh-new' }, record: first.memory.record() })
  await later.session.open()
  t.same(later.memory.record().tokens, { accessToken: '', refreshToken: 'refresh-new', accessExpiresAt: null })
})

t.test('the OAuth server that the install named is asked, and no server that is not Bitrix24\'s', async t => {
  const portal = await startScriptedPortal(t, () => expired)
  const oauth = await startScriptedPortal(t, () => ({ status: 400, json: { error: 'invalid_grant' } }))
  const named = openSession(t, portal.url, { record: { oauthUrl: oauth.url } })
  t.match(await named.session.call('x', {}), { code: 'invalid_grant' })
  t.equal(oauth.used('oauth.token').length, 1)

  const foreign = openSession(t, portal.url, { config: { oauthUrl: 'https://oauth.example.com' } })
  t.match(await foreign.session.call('x', {}), { kind: 'refused', code: 'OAUTH_HOST_REFUSED' })
})

t.test('a token of a portal that the OAuth server names outside the domain is not used, and not stored', async t => {
  const portal = await startScriptedPortal(t, ({ method }) => method === 'oauth.token' ? grantOf(2, { client_endpoint: 'https://elsewhere.example/rest/' }) : expired)
  const { session, memory } = openSession(t, portal.url)
  t.match(await session.call('x', {}), { kind: 'refused', code: 'portal-unproven', words: /elsewhere\.example.*BITRIX24_PORTAL_URL/ })
  t.same(portal.used('x'), ['access-1'], 'the new token went nowhere')
  t.match(memory.record(), { address: null, memberId: null, tokens: { accessToken: '', refreshToken: 'refresh-2' } })
})

t.test('a redirect to another host is not followed', async t => {
  const other = await startScriptedPortal(t, () => ok)
  const portal = await startScriptedPortal(t, () => ({ status: 302, headers: { location: `${other.url}/rest/x` }, text: '' }))
  const { session, memory } = openSession(t, portal.url)
  t.match(await session.call('x', {}), { kind: 'refused', code: 'PORTAL_MOVED', requests: 1 })
  t.equal(other.calls.length, 0)
  t.equal(memory.record().address, null)
})

t.test('a portal that moved inside its domain is followed once the OAuth server confirms it', async t => {
  const agent = new MockAgent()
  agent.disableNetConnect()
  t.teardown(() => agent.close())
  agent.get('https://old.bitrix24.ru').intercept({ path: '/rest/x', method: 'POST' }).reply(302, '', { headers: { location: 'https://new.bitrix24.ru/rest/x' } }).times(2)
  agent.get('https://new.bitrix24.ru').intercept({ path: '/rest/x', method: 'POST' }).reply(200, { result: 'ok' }).times(2)
  const memory = createMemoryPortals({ tokens: { accessToken: 'a', refreshToken: 'r', accessExpiresAt: null }, memberId: 'member', address: 'https://old.bitrix24.ru' })
  const { log } = recordingLog()
  const client = createClient({ dispatcher: agent, now: Date.now, userAgent: 'x' })
  let clientEndpoint = 'https://old.bitrix24.ru/rest/'
  const oauth = { refresh: async () => ({ kind: 'granted', grant: { accessToken: 'b', refreshToken: 'r', accessExpiresAt: null, clientEndpoint, memberId: 'member' } }) } as never
  const session = createSession({ portalId: 'portal', portal: portalConfig('https://old.bitrix24.ru'), portals: memory.portals, client, oauth, lease: HELD, now: Date.now, log })

  t.match(await session.call('x', {}), { kind: 'refused', code: 'portal-unproven', requests: 1 }, 'a redirect alone proves nothing')
  clientEndpoint = 'https://new.bitrix24.ru/rest/'
  t.match(await session.call('x', {}), { kind: 'answered', result: 'ok', requests: 2 })
  t.match(memory.record(), { address: 'https://new.bitrix24.ru', formerAddresses: ['https://old.bitrix24.ru'] })
  t.match(await session.call('x', {}), { kind: 'answered', requests: 1 })
})

t.test('two hosts that redirect to each other are given up', async t => {
  const agent = new MockAgent()
  agent.disableNetConnect()
  t.teardown(() => agent.close())
  agent.get('https://old.bitrix24.ru').intercept({ path: '/rest/x', method: 'POST' }).reply(302, '', { headers: { location: 'https://new.bitrix24.ru/rest/x' } }).persist()
  agent.get('https://new.bitrix24.ru').intercept({ path: '/rest/x', method: 'POST' }).reply(302, '', { headers: { location: 'https://old.bitrix24.ru/rest/x' } }).persist()
  const memory = createMemoryPortals({ tokens: { accessToken: 'a', refreshToken: 'r', accessExpiresAt: null }, memberId: 'member', address: 'https://old.bitrix24.ru' })
  const { log } = recordingLog()
  const client = createClient({ dispatcher: agent, now: Date.now, userAgent: 'x' })
  const oauth = { refresh: async () => ({ kind: 'granted', grant: { accessToken: 'b', refreshToken: 'r', accessExpiresAt: null, clientEndpoint: 'https://new.bitrix24.ru/rest/', memberId: 'member' } }) } as never
  const session = createSession({ portalId: 'portal', portal: portalConfig('https://old.bitrix24.ru'), portals: memory.portals, client, oauth, lease: HELD, now: Date.now, log })
  t.match(await session.call('x', {}), { kind: 'refused', code: 'PORTAL_MOVED', requests: 2 })
})

t.test('a caller that gives up leaves the refresh to finish', async t => {
  const portal = await startScriptedPortal(t, ({ method }) => method === 'oauth.token' ? { ...grantOf(2), afterMs: 150 } : expired)
  const { session, memory } = openSession(t, portal.url)
  const abort = new AbortController()
  const call = session.call('x', {}, { signal: abort.signal })
  while (portal.used('oauth.token').length === 0) await new Promise(resolve => setTimeout(resolve, 5))
  abort.abort()
  t.match(await call, { kind: 'unreachable', cause: 'ABORTED' })
  t.match(memory.record().tokens, { accessToken: 'access-1' })
  await session.idle()
  t.match(memory.record().tokens, { accessToken: 'access-2' })
})

t.test('what the network does passes through', async t => {
  const portal = await startScriptedPortal(t, () => ({ status: 502, text: '<html>' }))
  const { session } = openSession(t, portal.url)
  t.match(await session.call('x', {}), { kind: 'unknown', cause: 'HTTP_502', requests: 1 })
})

t.test('the authorize link is known with the client id', async t => {
  t.equal(openSession(t, 'https://example.bitrix24.ru').session.authorizeUrl(), 'https://example.bitrix24.ru/oauth/authorize/?client_id=local.relay')
  t.equal(openSession(t, 'https://example.bitrix24.ru', { config: { clientId: null } }).session.authorizeUrl(), null)
})

t.test('nothing that is logged carries a token or the secret', async t => {
  const portal = await startScriptedPortal(t, rotating())
  const { session, lines } = openSession(t, portal.url, { record: { tokens: { accessToken: 'gone', refreshToken: 'refresh-1', accessExpiresAt: null } } })
  await session.call('x', {})
  t.ok(lines.length > 0)
  t.notMatch(JSON.stringify(lines), /refresh-\d|access-\d|relay-secret|gone/)
})

t.test('a process that lost the portal sends nothing', async t => {
  const portal = await startScriptedPortal(t, rotating())
  const { portal: config, memory, client, oauth, log } = openSession(t, portal.url)
  const session = createSession({ portalId: 'portal', portal: config, portals: memory.portals, client, oauth, lease: { ...HELD, isHeld: () => false }, now: Date.now, log })
  t.match(await session.call('x', {}), { kind: 'unreachable', cause: 'LEASE_LOST', requests: 0 })
  t.equal(portal.calls.length, 0)
})

t.test('a refresh that a former holder may have under way is waited for, and one of a holder that let go is not', async t => {
  const portal = await startScriptedPortal(t, rotating(1))
  const record = { tokens: { accessToken: 'old', refreshToken: 'refresh-1', accessExpiresAt: null }, refreshStartedAt: 1, refreshTries: 1 }
  const { portal: config, memory, client, oauth, log } = openSession(t, portal.url, { record })
  const orphaned = createSession({ portalId: 'portal', portal: config, portals: memory.portals, client, oauth, lease: { ...HELD, isOrphaned: true }, now: Date.now, log })
  t.match(await orphaned.call('x', {}), { kind: 'unreachable', cause: 'REFRESH_UNDER_WAY' })
  t.same(portal.used('oauth.token'), [])
  const clean = createSession({ portalId: 'portal', portal: config, portals: memory.portals, client, oauth, lease: HELD, now: Date.now, log })
  t.match(await clean.call('x', {}), { kind: 'answered' })
  t.same(portal.used('oauth.token'), ['refresh-1'])
})

t.test('a refresh begins only under the present epoch, and a pair that comes after the lease was lost is stored all the same', async t => {
  let isHeld = true
  const portal = await startScriptedPortal(t, ({ method, params }) => {
    if (method !== 'oauth.token') return params.auth === 'access-2' ? ok : expired
    isHeld = false
    return { ...grantOf(2), afterMs: 20 }
  })
  const { portal: config, memory, client, oauth, log } = openSession(t, portal.url, { record: { parked: { code: 'invalid_grant', since: 1 } } })
  const former = createSession({ portalId: 'portal', portal: config, portals: memory.portals, client, oauth, lease: { ...HELD, epoch: 7 }, now: Date.now, log })
  await former.call('x', {})
  t.same(portal.used('oauth.token'), [], 'its epoch is gone')

  const loser = createSession({ portalId: 'portal', portal: config, portals: memory.portals, client, oauth, lease: { ...HELD, isHeld: () => isHeld }, now: Date.now, log })
  t.match(await loser.call('x', {}), { kind: 'unreachable', cause: 'LEASE_LOST' })
  await loser.idle()
  t.match(memory.record(), { tokens: { accessToken: 'access-2', refreshToken: 'refresh-2' }, parked: null }, 'the next holder may have been refused for want of it')
})

t.test('a holder whose lease runs out while it marks a refresh does not send it', async t => {
  let isHeld = true
  const portal = await startScriptedPortal(t, rotating(1))
  const { portal: config, memory, client, oauth, log } = openSession(t, portal.url, { record: { tokens: { accessToken: 'old', refreshToken: 'refresh-1', accessExpiresAt: null } } })
  const portals: Portals = {
    ...memory.portals,
    async write (...request) {
      isHeld = false
      return await memory.portals.write(...request)
    },
  }
  const session = createSession({ portalId: 'portal', portal: config, portals, client, oauth, lease: { ...HELD, isHeld: () => isHeld }, now: Date.now, log })
  t.match(await session.call('x', {}), { kind: 'unreachable', cause: 'LEASE_LOST' })
  t.same(portal.used('oauth.token'), [], 'another holder may be refreshing')
})

t.test('a refresh of the holder ends no park', async t => {
  const parked = { code: 'PAYMENT_REQUIRED', since: 1 }
  const portal = await startScriptedPortal(t, rotating(1))
  const { session, memory } = openSession(t, portal.url, { record: { tokens: { accessToken: 'old', refreshToken: 'refresh-1', accessExpiresAt: null }, parked } })
  t.match(await session.call('x', {}), { kind: 'answered' })
  t.match(memory.record(), { tokens: { accessToken: 'access-2' }, parked })
})

t.test('a pair that the store would not take is stored before the process may end', async t => {
  const portal = await startScriptedPortal(t, ({ method }) => {
    if (method !== 'oauth.token') return expired
    memory.failing = true
    return grantOf(2)
  })
  const { session, memory } = openSession(t, portal.url)
  await t.rejects(session.call('x', {}), StoreUnavailable)
  setImmediate(() => { memory.failing = false })
  await session.idle()
  t.match(memory.record().tokens, { accessToken: 'access-2', refreshToken: 'refresh-2' })
})
