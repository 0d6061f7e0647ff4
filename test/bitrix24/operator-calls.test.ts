import t, { type Test } from 'tap'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient, createDispatcher } from '../../src/bitrix24/client.ts'
import { createOperatorCalls } from '../../src/bitrix24/operator-calls.ts'
import { ShuttingDown, TooManyRequests } from '../../src/base/errors.ts'
import type { PortalRecord } from '../../src/outbox/portals.ts'
import { edit, startScraped } from '../operations/metrics/running.ts'
import { eventually, original, startPortal } from '../portal.ts'
import { createMemoryPortals } from './memory-portals.ts'
import { portalConfig } from './scripted-portal.ts'

/** Each question takes a second, so the tests wait side by side. */
t.jobs = 4

/** Calls to a sandbox with a token that it has granted. */
async function build (t: Test, changes: { record?: Partial<PortalRecord>, onAsked?: () => void } = {}) {
  const portal = await startPortal(t)
  const { token } = await portal.connector()
  const dispatcher = createDispatcher()
  t.teardown(() => dispatcher.close())
  const tokens = { accessToken: token, refreshToken: 'refresh', accessExpiresAt: null }
  const memory = createMemoryPortals({ address: portal.url, memberId: 'member', tokens, ...changes.record })
  const now = () => performance.now()
  const client = createClient({ dispatcher, now: Date.now, userAgent: 'test', responseTimeoutMs: 300 })
  let asked = 0
  const askLeader = () => {
    asked++
    changes.onAsked?.()
  }
  const calls = createOperatorCalls({ portalId: 'portal', portal: portalConfig(portal.url), portals: memory.portals, client, askLeader, now })
  return { portal, memory, token, ...calls, asked: () => asked, received: async () => (await portal.calls('app.info')).length }
}

t.test('calls take turns, one a second, and with too many that wait a further one is refused', async t => {
  const { call, received } = await build(t)
  const startedAt = performance.now()
  const asked = Array.from({ length: 6 }, () => call('app.info', {}).then(answer => ({ answer, afterMs: performance.now() - startedAt })))
  await eventually(received, count => count === 1)
  await t.rejects(call('app.info', {}), TooManyRequests)
  const answers = await Promise.all(asked)
  for (const [index, { answer, afterMs }] of answers.entries()) {
    t.match(answer, { kind: 'answered', result: { INSTALLED: true } })
    t.ok(afterMs >= index * 1000 - 20, `the call ${index} ended after ${afterMs} ms`)
  }
})

t.test('no token goes to an address that is not proven, nor anywhere without an install', async t => {
  const moved = await build(t, { record: { address: 'https://example.bitrix24.ru' } })
  t.match(await moved.call('app.info', {}), { kind: 'refused', code: 'portal-unproven', words: /no token is sent there: correct BITRIX24_PORTAL_URL/ })
  t.equal(await moved.received(), 0)
  const empty = await build(t, { record: { tokens: null, memberId: null } })
  t.match(await empty.call('app.info', {}), { kind: 'refused', code: 'not-installed' })
  t.equal(await empty.received(), 0)
  t.strictSame([moved.asked(), moved.memory.writes, empty.asked()], [0, [], 0])
})

t.test('after a refused token the leader is asked, and the call is made once more with the token that it has stored', async t => {
  const { call, asked, received, memory, token, portal } = await build(t, {
    record: { tokens: { accessToken: 'forgotten', refreshToken: 'refresh', accessExpiresAt: null } },
    onAsked: () => { setTimeout(() => memory.portals.write('portal', { tokens: { accessToken: token, refreshToken: 'new', accessExpiresAt: null } }), 300) },
  })
  t.match(await call('app.info', {}), { kind: 'answered' })
  t.strictSame([asked(), await received()], [1, 2])
  t.strictSame((await portal.calls('oauth.token')).length, 1, 'only the connector has ever asked for a token')
})

t.test('a token that nobody renews is an answer for the operator', async t => {
  const { call, asked, received, memory } = await build(t, { record: { tokens: { accessToken: 'forgotten', refreshToken: 'refresh', accessExpiresAt: null } } })
  t.match(await call('app.info', {}), { kind: 'refused', code: 'invalid_token', words: /relay -- status` shows/ })
  t.strictSame([asked(), await received(), memory.writes], [1, 2, []])
  const empty = await build(t, { record: { tokens: { accessToken: '', refreshToken: 'refresh', accessExpiresAt: null } } })
  t.match(await empty.call('app.info', {}), { kind: 'refused', code: 'no-token' })
  t.strictSame([empty.asked(), await empty.received()], [1, 0])
})

t.test('whatever the portal answers is told with a remedy, and changes nothing', async t => {
  const { call, portal, memory } = await build(t)
  for (const [fault, code, words] of [
    [{ error: 'insufficient_scope', status: 403 }, 'insufficient_scope', /permission imopenlines: add it/],
    [{ error: 'PAYMENT_REQUIRED', status: 401 }, 'PAYMENT_REQUIRED', /refuses to answer \(PAYMENT_REQUIRED: .*doctor` says more/],
    ['redirect', 'PORTAL_MOVED', /redirects to https:\/\/moved\.bitrix24\.example: set BITRIX24_PORTAL_URL/],
    ['timeout', 'RESPONSE_TIMEOUT', /does not answer \(RESPONSE_TIMEOUT\): check/],
  ] as const) {
    await portal.fault({ method: 'app.info', fault, times: 1 })
    t.match(await call('app.info', {}), { kind: 'refused', code, words })
  }
  t.strictSame(memory.writes, [])
})

t.test('a relay that stops ends the calls that wait, and those that run', async t => {
  const { call, stop, portal } = await build(t)
  await portal.fault({ method: 'app.info', fault: 'timeout', times: 1 })
  const running = call('app.info', {})
  const waiting = call('app.info', {})
  const ended = Promise.all([t.rejects(running, ShuttingDown), t.rejects(waiting, ShuttingDown)])
  await sleep(50)
  stop()
  await ended
})

t.test('the leader of a real relay renews an expired token for a question, once', async t => {
  const { portal, post, ask } = await startScraped(t)
  await (await portal.connector()).send([original('m1', 'original', { user: '79161234567', chat: 'chat-4711' })])
  const { body: { edits: [accepted] } } = await post(edit('m1', 'edited'))
  await eventually(() => portal.text('m1'), text => text === 'edited')
  await eventually(() => ask(`/api/edits/${accepted?.id}`), ({ body }) => body.state === 'delivered')
  const renewals = async () => (await portal.calls('oauth.token')).filter(({ application }) => application === 'local.relay').length
  const before = await renewals()
  await portal.fault({ method: 'imopenlines.dialog.get', fault: 'expired-token', times: 1 })
  t.match(await ask(`/api/edits/${accepted?.id}/verify`, 'POST'), { status: 200, body: { found: true, text: 'edited', matches: true } })
  t.equal(await renewals(), before + 1)
})
