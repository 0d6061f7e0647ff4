import { join } from 'node:path'
import { stringify } from 'qs'
import t, { type Test } from 'tap'
import { freePort, sandboxEnv, startRelayProcess } from '../demo/processes.ts'
import { createLog } from '../src/base/log.ts'
import { loadConfig } from '../src/config/config.ts'
import { startRelay } from '../src/relay.ts'
import { signStandardWebhook } from '../src/signatures/standard-webhooks.ts'
import { KEY, SECRET } from './channel.ts'
import { eventually, original, startPortal } from './portal.ts'
import { receive } from './sandbox/receiver.ts'

const ADMIN_TOKEN = 'an-admin-token-of-the-test'

interface Edit { readonly id: string, readonly message: string, readonly state: string, readonly confirmation: string | null, readonly confirmedAt: string | null, readonly flags: readonly string[] }

interface Confirmed {
  readonly confirmations: { readonly boundAt: string | null, readonly lastEventAt: string | null, readonly confirmed: number, readonly unknown: number }
  readonly channels: ReadonlyArray<{ readonly day: { readonly confirmed: number } }>
}

function client (url: string) {
  const authorization = `Bearer ${ADMIN_TOKEN}`
  const get = async <Body> (path: string): Promise<Body> => await (await fetch(`${url}${path}`, { headers: { authorization } })).json() as Body
  const edits = async (query = '') => (await get<{ edits: Edit[] }>(`/api/edits${query}`)).edits
  return {
    edit: async (message: string, text: string, at = Date.now()) => {
      const user = { id: 'u1', last_name: 'Petrova', name: 'Anna' }
      const body = JSON.stringify({ type: 'message.edited', timestamp: Date.now(), data: { user, message: { id: message, text, edited_at: at }, chat: { id: 'c1', name: 'Support' } } })
      return (await fetch(`${url}/webhooks/default`, { method: 'POST', headers: { 'content-type': 'application/json', ...signStandardWebhook(KEY, body, Date.now()) }, body })).status
    },
    edits,
    one: async (id: string) => await get<Edit & { cause: string | null }>(`/api/edits/${id}`),
    of: async (message: string) => (await edits(`?message=${message}`))[0],
    status: async () => await get<Confirmed>('/api/status'),
    scrape: async () => await (await fetch(`${url}/metrics`, { headers: { authorization } })).text(),
    post: async (path: string, form: object | string) => (await fetch(`${url}${path}`, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: typeof form === 'string' ? form : stringify(form) })).status,
  }
}

/** A relay that listens to a sandbox with the originals of some messages. */
async function build (t: Test, env: Record<string, string> = {}) {
  const portal = await startPortal(t)
  await (await portal.connector()).send(['m1', 'm2', 'm3'].map(id => original(id)))
  const port = await freePort()
  const publicUrl = `http://127.0.0.1:${port}`
  const lines: Array<{ readonly event: string }> = []
  const config = loadConfig({
    ...sandboxEnv(portal.url), WEBHOOK_SECRET: SECRET, DATABASE_URL: `file:${join(t.testdir(), 'relay.db')}`, HOST: '127.0.0.1', PORT: String(port), SETTLE_MS: '0', ADMIN_TOKEN, PUBLIC_URL: publicUrl, ...env,
  }, () => { throw new Error('no files') })
  const relay = await startRelay({ config, version: '0.0.0', log: createLog('debug', { write: line => { lines.push(JSON.parse(line)) } }), onLost: error => { throw error } })
  t.teardown(() => relay.stop())
  const api = client(publicUrl)
  const bound = async () => await eventually(() => api.status(), ({ confirmations }) => confirmations.boundAt !== null)
  const outcomes = async () => lines.filter(({ event }) => event === 'events.received').map(line => (line as { outcome?: string }).outcome)
  const confirmed = async (message: string) => await eventually(() => api.of(message), edit => edit?.confirmation === 'confirmed')
  return { portal, publicUrl, lines, bound, outcomes, confirmed, ...api }
}

t.test('a delivered edit that the portal found is confirmed, and counted', async t => {
  const { portal, publicUrl, bound, edit, edits, confirmed, status, scrape, lines } = await build(t)
  await bound()
  t.match(await portal.bindings(), [{ event: /^OnOpenLineMessageUpdate$/i, handler: new RegExp(`^${publicUrl}/bitrix24/events\\?key=[\\w-]{32}$`) }])
  await edit('m1', 'edited')
  t.match(await confirmed('m1'), { state: 'delivered', confirmation: 'confirmed', confirmedAt: /^20/, flags: [] })
  t.match(await eventually(status, ({ confirmations }) => confirmations.confirmed > 0), { confirmations: { enabled: true, confirmed: 1, unconfirmed: 0, unknown: 0, lastEventAt: /^20/ } })
  t.match((await edits('?confirmation=confirmed')).map(({ message }) => message), ['m1'])
  t.strictSame(await edits('?confirmation=unknown'), [])
  const metrics = await scrape()
  for (const sample of ['relay_portal_events_total{outcome="confirmed"} 1', 'relay_delivered_edits{confirmation="confirmed"} 1', 'relay_delivered_edits{confirmation="unknown"} 0', 'relay_events_bound 1']) t.ok(metrics.includes(`\n${sample}\n`), sample)
  t.match((await eventually(status, ({ channels: [only] }) => only?.day.confirmed === 1)).channels, [{ day: { accepted: 1, delivered: 1, confirmed: 1 } }])
  const [{ handler } = { handler: '' }] = await portal.bindings()
  t.notMatch(JSON.stringify(lines), new URL(handler).searchParams.get('key') as string, 'the key is not logged')
})

t.test('an edit whose ids match nothing is never confirmed, and the reason is told', async t => {
  const { bound, edit, of, one, confirmed } = await build(t)
  await bound()
  await edit('nobody', 'edited')
  await edit('m1', 'edited')
  await confirmed('m1')
  const { id } = await eventually(() => of('nobody'), found => found?.state === 'delivered') as Edit
  t.match(await one(id), { confirmation: 'unknown', cause: /ten minutes/ })
})

t.test('what befalls an event leaves the right state', async t => {
  const { portal, bound, edit, of, confirmed, outcomes } = await build(t)
  await bound()
  const delivered = async (message: string) => await eventually(() => of(message), edit => edit?.state === 'delivered')
  const told = async (outcome: string) => await eventually(outcomes, all => all.includes(outcome))

  await portal.eventFaults([{ event: 'OnOpenLineMessageUpdate', fault: 'lost', times: 1 }])
  await edit('m1', 'lost')
  await delivered('m1')
  await portal.eventFaults([{ event: 'OnOpenLineMessageUpdate', fault: 'foreign', times: 1 }])
  await edit('m2', 'foreign')
  await told('foreign')
  await portal.eventFaults([{ event: 'OnOpenLineMessageUpdate', fault: 'wrong-key', times: 1 }])
  await edit('m3', 'wrong key')
  await eventually(() => portal.sentEvents(), sent => sent.some(({ status }) => status === 401))
  for (const message of ['m1', 'm2', 'm3']) t.match(await delivered(message), { confirmation: 'unknown', confirmedAt: null }, message)

  await portal.eventFaults([{ event: 'OnOpenLineMessageUpdate', fault: 'late', times: 1, afterMs: 200 }])
  await edit('m1', 'late')
  t.match(await confirmed('m1'), { flags: [] })
  await portal.eventFaults([{ event: 'OnOpenLineMessageUpdate', fault: 'twice', times: 1 }])
  await edit('m2', 'twice')
  await told('repeated')
  t.match(await confirmed('m2'), { flags: [] })
  await portal.eventFaults([{ event: 'OnOpenLineMessageUpdate', fault: 'older-version', times: 1 }])
  await edit('m2', 'newest')
  await told('older')
  t.match(await delivered('m2'), { confirmation: 'unknown' }, 'the text of an older version does not confirm the newer one')

  await portal.operatorEdit({ message: 'm3', text: 'by the operator' })
  await told('operator')
  t.match(await of('m3'), { confirmation: 'unknown' })
})

t.test('a forged event confirms nothing', async t => {
  const { portal, bound, edit, of, post, confirmed } = await build(t)
  await bound()
  await portal.eventFaults([{ event: 'OnOpenLineMessageUpdate', fault: 'lost', times: 1 }])
  await edit('m1', 'edited')
  await eventually(() => of('m1'), edit => edit?.state === 'delivered')
  const [{ handler } = { handler: '' }] = await portal.bindings()
  const { pathname, search, searchParams } = new URL(handler)
  const form = (auth: object) => ({ event: 'ONOPENLINEMESSAGEUPDATE', data: { DATA: { connector: { connector_id: 'relay_demo', line_id: '1', chat_id: 'c1', user_id: '1' }, message: { id: 'm1', text: 'edited' } } }, auth })
  const known = { member_id: '5a9db0c0ffee4b24a1e0c0de5a9db0c0' }
  const key = searchParams.get('key') as string
  t.equal(await post(pathname, form(known)), 401, 'no key')
  t.equal(await post(`${pathname}?key=${key.slice(0, -1)}`, form(known)), 401)
  t.equal(await post(`${pathname}?key=${key}&key=${key}`, form(known)), 401)
  t.equal(await post(pathname + search, form({ member_id: 'another' })), 401, 'another portal')
  t.match(await of('m1'), { confirmation: 'unknown' })

  await edit('m2', 'edited')
  await confirmed('m2')
  t.equal(await post(pathname + search, form({ ...known, application_token: 'forged' })), 401, 'the first event has taught the token')
  t.match(await of('m1'), { confirmation: 'unknown' })
  t.equal(await post(pathname + search, form({ ...known, application_token: '1e1a7000000000000000000000000001' })), 200)
  t.match(await of('m1'), { confirmation: 'confirmed' })
})

t.test('an event of a form that is new is named by its fields, without values, and a large one is whole', async t => {
  const { portal, bound, post, lines, edit, confirmed, outcomes } = await build(t)
  await bound()
  const [{ handler } = { handler: '' }] = await portal.bindings()
  const { pathname, search } = new URL(handler)
  const auth = { member_id: '5a9db0c0ffee4b24a1e0c0de5a9db0c0', application_token: '1e1a7000000000000000000000000001' }
  t.equal(await post(pathname + search, { event: 'ONOPENLINEMESSAGEUPDATE', data: { DATA: { surprise: ['private words'] } }, auth }), 200)
  t.match(lines.find(({ event }) => event === 'events.unknown'), { fields: ['/event', '/data/DATA/surprise/0', '/auth/member_id', '/auth/application_token'] })
  t.notMatch(JSON.stringify(lines), /private words|1e1a70000/)
  await edit('m1', 'ы'.repeat(20_000))
  t.match(await confirmed('m1'), { flags: [] })
  const extra = Object.fromEntries(Array.from({ length: 1500 }, (_, index) => [`x${index}`, '1']))
  const reported = { event: 'ONOPENLINEMESSAGEUPDATE', extra, data: { DATA: { connector: { connector_id: 'RELAY_DEMO', line_id: '1', chat_id: 'c1' }, message: { id: 'm1', text: 'x' } } }, auth }
  t.equal(await post(pathname + search, reported), 200)
  t.equal((await outcomes()).at(-1), 'repeated', 'no field is cut off')
  t.equal(await post(pathname + search, 'x'.repeat(600_000)), 413)
})

t.test('a relay that was installed binds again, and one without PUBLIC_URL unbinds its own handler only', async t => {
  const portal = await startPortal(t)
  const databaseUrl = `file:${join(t.testdir(), 'relay.db')}`
  const port = await freePort()
  // Another relay of the same application, for staging.
  const install = async (handler: string): Promise<void> => { await fetch(`${portal.url}/sandbox/install`, { method: 'POST', body: JSON.stringify({ handler }) }) }
  const staging = await receive(t)
  const bindStaging = async (): Promise<void> => {
    const auth = staging.received.at(-1)?.form.get('auth[access_token]')
    await fetch(`${portal.url}/rest/event.bind`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ event: 'OnOpenLineMessageUpdate', handler: staging.url, auth }) })
  }
  const env = { ...sandboxEnv(portal.url), WEBHOOK_SECRET: SECRET, DATABASE_URL: databaseUrl, HOST: '127.0.0.1', PORT: String(port), ADMIN_TOKEN }
  const start = async (more: Record<string, string>) => await startRelay({ config: loadConfig({ ...env, ...more }, () => ''), version: '0.0.0', log: createLog('silent'), onLost: error => { throw error } })
  const relay = await start({ PUBLIC_URL: `http://127.0.0.1:${port}` })
  const [first] = await eventually(() => portal.bindings(), bindings => bindings.length > 0)
  await install(`${relay.url}/bitrix24/install`)
  const [second] = await eventually(() => portal.bindings(), bindings => bindings.length > 0)
  t.equal(second?.handler, first?.handler, 'an install forgets the binding; the key stays')
  await install(staging.url)
  await install(`${relay.url}/bitrix24/install`)
  await eventually(() => portal.bindings(), bindings => bindings.length > 0)
  await relay.stop()
  await bindStaging()
  const quiet = await start({})
  t.match(await eventually(() => portal.bindings(), bindings => bindings.length === 1), [{ handler: staging.url }])
  await quiet.stop()
})

t.test('a relay with another database takes the place of the former handler', async t => {
  const portal = await startPortal(t)
  const port = await freePort()
  const folder = t.testdir()
  const start = async (name: string) => await startRelay({
    config: loadConfig({ ...sandboxEnv(portal.url), WEBHOOK_SECRET: SECRET, DATABASE_URL: `file:${join(folder, name)}`, HOST: '127.0.0.1', PORT: String(port), PUBLIC_URL: `http://127.0.0.1:${port}` }, () => ''),
    version: '0.0.0',
    log: createLog('silent'),
    onLost: error => { throw error },
  })
  const before = await start('before.db')
  await fetch(`${portal.url}/sandbox/install`, { method: 'POST', body: JSON.stringify({ handler: `${before.url}/bitrix24/install` }) })
  const [former] = await eventually(() => portal.bindings(), bindings => bindings.length > 0)
  await before.stop()
  const after = await start('after.db')
  // An administrator authorizes the relay. Unlike an install, this keeps the handlers.
  const { status } = await fetch(`${portal.url}/oauth/authorize/?client_id=local.relay`)
  t.equal(status, 200)
  const bindings = await eventually(() => portal.bindings(), bindings => bindings.length === 1 && bindings[0]?.handler !== former?.handler)
  t.equal(bindings.length, 1)
  t.not(bindings[0]?.handler, former?.handler)
  await after.stop()
})

t.test('a confirmation that was answered survives kill -9', async t => {
  const portal = await startPortal(t)
  const messages = Array.from({ length: 40 }, (_, index) => `k${index}`)
  await (await portal.connector()).send(messages.map(id => original(id)))
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const env = { ...sandboxEnv(portal.url), WEBHOOK_SECRET: SECRET, DATABASE_URL: `file:${join(t.testdir(), 'relay.db')}`, SETTLE_MS: '0', ADMIN_TOKEN, PUBLIC_URL: url, LOG_LEVEL: 'warn' }
  const relay = await startRelayProcess(env, port)
  const api = client(url)
  await eventually(() => api.status(), ({ confirmations }) => confirmations.boundAt !== null)
  for (const message of messages) await api.edit(message, `edited ${message}`)
  await eventually(() => portal.sentEvents(), sent => sent.filter(({ status }) => status === 200).length > 10)
  await relay.stop('SIGKILL')
  const answered = (await portal.sentEvents()).filter(({ status }) => status === 200).length
  const again = await startRelayProcess(env, port)
  t.teardown(() => again.stop())
  const { confirmations } = await api.status()
  t.ok(confirmations.confirmed >= answered, `${confirmations.confirmed} confirmed, ${answered} answered`)
})
