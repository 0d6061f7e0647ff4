import t from 'tap'
import { freePort, sandboxEnv, startRelayProcess, type Running } from '../demo/processes.ts'
import { loadConfig } from '../src/config/config.ts'
import { createLog } from '../src/base/log.ts'
import { startRelay, type Relay } from '../src/relay.ts'
import { signStandardWebhook } from '../src/signatures/standard-webhooks.ts'
import { KEY, SECRET } from './channel.ts'
import { readSamples } from './operations/metrics/running.ts'
import { eventually, original, startPortal } from './portal.ts'
import { startPostgres } from './postgres.ts'

const ADMIN_TOKEN = 'an-admin-token-of-the-test'

const postgres = await startPostgres()
t.teardown(() => postgres.stop())

const client = { id: 'u1', last_name: 'Petrova', name: 'Anna' }

type Served = Pick<Running, 'url'>

interface Status { readonly ledger: { readonly pending: number }, readonly channels: ReadonlyArray<{ readonly day: { readonly accepted: number, readonly delivered: number } }> }

async function send (relay: Served, message: string, text: string): Promise<number> {
  const body = JSON.stringify({ type: 'message.edited', timestamp: Date.now(), data: { user: client, message: { id: message, text }, chat: { id: 'c1', name: 'Support' } } })
  const headers = { 'content-type': 'application/json', ...signStandardWebhook(KEY, body, Date.now()) }
  return (await fetch(`${relay.url}/webhooks/default`, { method: 'POST', headers, body })).status
}

async function ask (relay: Served, path: string): Promise<Response> {
  return await fetch(`${relay.url}${path}`, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } })
}

async function scrape (relay: Served) {
  return readSamples(await (await ask(relay, '/metrics')).text())
}

async function isHolder (relay: Served): Promise<boolean> {
  return (await scrape(relay)).get('relay_lease_held') === 1
}

/** So rarely does a relay look at the database by itself, three times in this, that within a test nothing but a signal can make it do so. */
const LONG_LEASE_MS = 30 * 60_000

async function settingsFor (portalUrl: string): Promise<Record<string, string>> {
  return { ...sandboxEnv(portalUrl), BITRIX24_REFRESH_TOKEN: '', WEBHOOK_SECRET: SECRET, SETTLE_MS: '0', ADMIN_TOKEN, DATABASE_URL: await postgres.schema() }
}

async function install (portalUrl: string, relay: Served): Promise<unknown> {
  const response = await fetch(`${portalUrl}/sandbox/install`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ handler: `${relay.url}/bitrix24/install`, application: 'local.relay' }),
  })
  return await response.json()
}

t.test('a signal is enough for an install, a webhook and a hand-over: nobody waits until the others look', async t => {
  const portal = await startPortal(t)
  await (await portal.connector()).send([original('m1')])
  const settings = await settingsFor(portal.url)
  const running = new Set<Relay>()
  t.teardown(() => Promise.all([...running].map(relay => relay.stop())))
  const start = async (): Promise<Relay> => {
    const config = loadConfig({ ...settings, HOST: '127.0.0.1', PORT: String(await freePort()) }, () => { throw new Error('no files') })
    const relay = await startRelay({ config, version: '0.0.0', log: createLog('silent'), onLost: error => { throw error }, leaseMs: LONG_LEASE_MS })
    running.add(relay)
    return relay
  }
  const holder = await start()
  const other = await start()
  t.strictSame([await isHolder(holder), await isHolder(other)], [true, false])
  const shows = async (text: string): Promise<void> => { t.equal(await eventually(async () => await portal.text('m1'), shown => shown === text), text) }

  t.equal(await send(other, 'm1', 'before the install'), 202)
  t.match(await install(portal.url, other), { status: 200 })
  await shows('before the install')
  t.equal(await send(other, 'm1', 'by another relay'), 202)
  await shows('by another relay')
  running.delete(holder)
  await holder.stop()
  t.equal(await eventually(() => isHolder(other), held => held), true)
  t.equal(await send(other, 'm1', 'after the hand-over'), 202)
  await shows('after the hand-over')
})

t.test('a relay that does not lead has the leader renew the token with which it reads a message back', async t => {
  const portal = await startPortal(t)
  await (await portal.connector()).send([original('m1')])
  const settings = await settingsFor(portal.url)
  const start = async (): Promise<Relay> => {
    const config = loadConfig({ ...settings, HOST: '127.0.0.1', PORT: String(await freePort()) }, () => { throw new Error('no files') })
    const relay = await startRelay({ config, version: '0.0.0', log: createLog('silent'), onLost: error => { throw error }, leaseMs: LONG_LEASE_MS })
    t.teardown(() => relay.stop())
    return relay
  }
  await start()
  const other = await start()
  t.match(await install(portal.url, other), { status: 200 })
  t.equal(await send(other, 'm1', 'edited'), 202)
  const edit = async () => (await (await ask(other, '/api/edits')).json() as { edits: Array<{ id: string, state: string }> }).edits[0]
  const delivered = await eventually(edit, edit => edit?.state === 'delivered')
  await portal.fault({ method: 'imopenlines.dialog.get', fault: 'expired-token', times: 1 })
  const answer = await fetch(`${other.url}/api/edits/${delivered?.id}/verify`, { method: 'POST', headers: { authorization: `Bearer ${ADMIN_TOKEN}` } })
  t.strictSame(await answer.json(), { found: true, text: 'edited', expected: 'edited', matches: true, note: null })
  t.equal((await portal.calls('oauth.token')).filter(({ application }) => application === 'local.relay').length, 1)
})

t.test('three relays on one database are one relay to messengers, the portal and operators', async t => {
  const portal = await startPortal(t)
  await (await portal.connector()).send(['m1', 'm2', 'm3', 'm4'].map(message => original(message)))
  const settings = await settingsFor(portal.url)
  const relays = await Promise.all([1, 2, 3].map(() => startRelayProcess(settings)))
  t.teardown(() => Promise.all(relays.map(relay => relay.stop('SIGKILL'))))

  const sortOut = async (among: readonly Running[]) => {
    const held = await Promise.all(among.map(isHolder))
    return { holders: among.filter((_, index) => held[index]), others: among.filter((_, index) => !held[index]) }
  }
  const { holders: [holder], others: [other, third] } = await sortOut(relays) as { holders: [Running], others: [Running, Running] }
  t.equal((await sortOut(relays)).holders.length, 1, 'one of them holds the lease')

  await t.test('an install that another one takes wakes the holder', async t => {
    t.equal(await send(other, 'm1', 'before the install'), 202)
    for (const relay of relays) t.match(await (await fetch(`${relay.url}/readyz`)).json(), { status: 'ready', portal: 'not-installed' })
    t.match(await install(portal.url, other), { status: 200 })
    t.equal(await eventually(async () => await portal.text('m1'), text => text === 'before the install'), 'before the install')
  })

  await t.test('what any of them takes is delivered, and each answers the same', async t => {
    for (const [index, relay] of relays.entries()) t.equal(await send(relay, `m${index + 1}`, `text ${index}`), 202)
    for (const index of relays.keys()) t.equal(await eventually(async () => await portal.text(`m${index + 1}`), text => text === `text ${index}`), `text ${index}`)
    // Each adds what it has counted a few seconds later.
    await eventually(async () => await (await ask(holder, '/api/status')).json() as Status, ({ ledger, channels: [only] }) => ledger.pending === 0 && only?.day.accepted === 4 && only.day.delivered === 4)
    const answers = await Promise.all(relays.flatMap(relay => ['/api/status', '/api/edits'].map(async path => await (await ask(relay, path)).json())))
    t.strictSame(answers[2], answers[0])
    t.strictSame(answers[4], answers[0])
    t.strictSame(answers[3], answers[1])
    t.match(answers[0], { ledger: { accepted: 4, superseded: 0, delivered: 4, dead: 0, pending: 0 }, portal: { condition: 'ready' }, channels: [{ id: 'default', lastWebhookAt: /^20/, day: { webhooks: 4, accepted: 4, delivered: 4, duplicate: 0 } }] })
  })

  await t.test('a line that is parked is seen by all', async t => {
    await portal.fault({ method: 'imconnector.update.messages', fault: { error: 'NOT_ACTIVE_LINE', status: 400 }, times: 1 })
    t.equal(await send(third, 'm4', 'parked'), 202)
    for (const relay of relays) {
      const status = await eventually(async () => await (await ask(relay, '/api/status')).json() as { lines: object[] }, ({ lines }) => lines.length > 0)
      t.match(status.lines, [{ connector: 'relay_demo', line: 1, code: 'NOT_ACTIVE_LINE' }])
    }
  })

  await t.test('metrics add up', async t => {
    const sumOf = (samples: ReadonlyArray<Awaited<ReturnType<typeof scrape>>>, name: string) => samples.reduce((total, each) => total + (each.get(name) ?? 0), 0)
    // What the store says is good for five seconds.
    const samples = await eventually(async () => await Promise.all(relays.map(scrape)), each => sumOf(each, 'relay_ledger_edits{state="accepted"}') === 5)
    const sum = (name: string) => sumOf(samples, name)
    t.equal(sum('relay_ledger_edits{state="accepted"}'), 5)
    t.equal(sum('relay_lease_held'), 1)
    t.equal(sum('relay_webhook_edits_total{channel="default",outcome="accepted"}'), 5)
    t.equal(sum('relay_edits_finished_total{state="delivered",reason=""}'), 4)
    t.equal(sum('relay_bucket_burst_requests'), 25)
  })

  await t.test('a holder that stops hands the lease over, with the parks, and one that is killed is followed', async t => {
    t.equal(await holder.stop('SIGTERM'), 0)
    const { holders } = await eventually(async () => await sortOut([other, third]), ({ holders }) => holders.length === 1)
    const [second] = holders as [Running]
    t.match(second.output(), /"lease.taken".*"orphaned":false/)
    const last = second === other ? third : other
    t.equal(await eventually(async () => await portal.text('m4'), text => text === 'parked'), 'parked', 'the next holder asks about a park at once')
    await second.stop('SIGKILL')
    t.equal(await send(last, 'm1', 'after both'), 202)
    for (let patience = 0; patience < 3 && !await isHolder(last); patience++) await eventually(() => isHolder(last), held => held)
    t.match(last.output(), /"lease.taken".*"orphaned":true/)
    t.equal(await eventually(async () => await portal.text('m1'), text => text === 'after both'), 'after both')
    t.strictSame((await portal.calls('oauth.token')).filter(call => call.application === 'local.relay'), [], 'nobody renewed what the install had brought')
  })
})
