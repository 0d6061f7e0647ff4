import { join } from 'node:path'
import t, { type Test } from 'tap'
import { sandboxEnv } from '../demo/processes.ts'
import { createLog } from '../src/base/log.ts'
import { loadConfig } from '../src/config/config.ts'
import { startRelay } from '../src/relay.ts'
import { signStandardWebhook } from '../src/signatures/standard-webhooks.ts'
import { KEY, SECRET } from './channel.ts'
import { eventually, original, startPortal } from './portal.ts'

const ADMIN_TOKEN = 'an-admin-token-of-the-test'
const MEMBER_ID = '5a9db0c0ffee4b24a1e0c0de5a9db0c0'

interface StatusAnswer {
  readonly ledger: { readonly pending: number }
  readonly backlog: { readonly pending: number }
  readonly portal: { readonly host: string, readonly condition: string, readonly authorizeUrl: string | null }
}

/** One database and one portal; `run` starts a relay on them, after the one before it has stopped. */
async function build (t: Test) {
  const portal = await startPortal(t)
  await (await portal.connector()).send([original('m1')])
  const renamed = portal.url.replace('127.0.0.1', 'localhost')
  const databaseUrl = `file:${join(t.testdir(), 'relay.db')}`
  let stop = async (): Promise<void> => {}
  t.teardown(() => stop())

  async function run (changes: Record<string, string> = {}) {
    await stop()
    stop = async () => {}
    const lines: Array<{ readonly event: string }> = []
    const env = { ...sandboxEnv(portal.url), WEBHOOK_SECRET: SECRET, DATABASE_URL: databaseUrl, HOST: '127.0.0.1', PORT: '0', SETTLE_MS: '0', ADMIN_TOKEN, ...changes }
    const config = loadConfig(env, () => { throw new Error('no files') })
    const relay = await startRelay({ config, version: '0.0.0', log: createLog('info', { write: line => { lines.push(JSON.parse(line)) } }), onLost: error => { throw error } })
    stop = () => relay.stop()
    const edit = async (text: string, second: number): Promise<unknown> => {
      const user = { id: 'u1', last_name: 'Petrova', name: 'Anna' }
      const body = JSON.stringify({ type: 'message.edited', timestamp: Date.now(), data: { user, message: { id: 'm1', text, edited_at: Math.floor(Date.now() / 1000) - 1000 + second }, chat: { id: 'c1', name: 'Support' } } })
      const headers = { 'content-type': 'application/json', ...signStandardWebhook(KEY, body, Date.now()) }
      return await (await fetch(`${relay.url}/webhooks/default`, { method: 'POST', headers, body })).json()
    }
    const status = async () => await (await fetch(`${relay.url}/api/status`, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } })).json() as StatusAnswer
    return { relay, edit, status, events: () => lines.map(({ event }) => event) }
  }

  const shows = async (text: string) => await eventually(() => portal.text('m1'), found => found === text)
  const condition = async ({ status }: Awaited<ReturnType<typeof run>>, wanted: string) => (await eventually(status, found => found.portal.condition === wanted)).portal.condition
  return { portal, renamed, run, shows, condition, stop: () => stop() }
}

t.test('after a renaming the pending edits arrive at the new address, and no older text comes back', async t => {
  const { portal, renamed, run, shows, condition } = await build(t)
  const before = await run()
  await before.edit('first', 1)
  t.equal(await shows('first'), 'first')
  await portal.rename(renamed)
  await before.edit('newest', 9)
  t.equal(await condition(before, 'PORTAL_MOVED'), 'PORTAL_MOVED')

  const after = await run({ BITRIX24_PORTAL_URL: renamed })
  t.equal(await shows('newest'), 'newest')
  t.match(await after.edit('older', 5), { edits: [{ outcome: 'stale' }] })
  t.match(await after.status(), { ledger: { pending: 0 }, backlog: { pending: 0 }, portal: { host: new URL(renamed).host, condition: 'ready' } })
  t.ok(after.events().includes('portal.moved'))

  const outdated = await run()
  t.ok(outdated.events().includes('portal.outdated-address'), 'the former address is known')
  await outdated.edit('again', 10)
  t.equal(await shows('again'), 'again')
})

t.test('no token goes to an address that the OAuth server does not name', async t => {
  const { portal, renamed, run, shows, condition } = await build(t)
  const before = await run()
  await before.edit('first', 1)
  t.equal(await shows('first'), 'first')
  const calls = (await portal.calls()).length

  const unproven = await run({ BITRIX24_PORTAL_URL: renamed })
  t.equal(await condition(unproven, 'portal-unproven'), 'portal-unproven')
  t.match(await unproven.edit('second', 2), { edits: [{ outcome: 'accepted' }] })
  await portal.fault({ method: 'oauth.token', fault: 'reset', times: 2 })
  const unreachable = await run({ BITRIX24_PORTAL_URL: renamed })
  t.equal(await condition(unreachable, 'portal-unproven'), 'portal-unproven')
  t.equal((await portal.calls()).length, calls)
  t.match(await unreachable.status(), { ledger: { pending: 1 }, backlog: { pending: 1 } })

  await portal.rename(renamed)
  await run({ BITRIX24_PORTAL_URL: renamed })
  t.equal(await shows('second'), 'second')
})

t.test('the settings of another portal are refused at the start, and those of the portal work again', async t => {
  const { portal, run, shows, stop } = await build(t)
  const before = await run()
  await before.edit('first', 1)
  t.equal(await shows('first'), 'first')
  await stop()

  const other = await startPortal(t, { memberId: 'another-member' })
  const settings = { BITRIX24_PORTAL_URL: other.url, BITRIX24_OAUTH_URL: other.url, BITRIX24_REFRESH_TOKEN: 'relay-refresh' }
  const imported = { ...settings, BITRIX24_REFRESH_TOKEN: 'connector-refresh', BITRIX24_CLIENT_ID: 'local.connector', BITRIX24_CLIENT_SECRET: 'connector-secret' }
  const words = new RegExp(`portal another-member at ${new URL(other.url).host}, but this database is of the portal ${MEMBER_ID} at ${portal.url}.*DATABASE_URL`)
  await t.rejects(run(imported), { message: words })
  await t.rejects(run(imported), { message: words }, 'also at a restart')
  t.strictSame((await other.calls('app.info')).length, 0)

  const again = await run()
  await again.edit('second', 2)
  t.equal(await shows('second'), 'second')
})

t.test('a typing error in the first address is simply corrected', async t => {
  const { portal, run, shows } = await build(t)
  await run({ BITRIX24_PORTAL_URL: 'http://localhost:9', BITRIX24_REFRESH_TOKEN: '' })
  const corrected = await run()
  await corrected.edit('first', 1)
  t.equal(await shows('first'), 'first')
  t.equal((await corrected.status()).portal.host, new URL(portal.url).host)
})

t.test('pending edits for a connector and line that no channel feeds any more are named', async t => {
  const { portal, run } = await build(t)
  await portal.fault({ method: 'imconnector.update.messages', fault: { error: 'NOT_ACTIVE_LINE', status: 400 }, times: 1 })
  const before = await run()
  await before.edit('first', 1)
  await eventually(() => portal.calls(), calls => calls.length > 0)
  const after = await run({ BITRIX24_LINE: '2' })
  t.ok(after.events().includes('outbox.unfed-lane'))
})
