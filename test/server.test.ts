import t, { type Test } from 'tap'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { sandboxEnv, startRelayProcess, type Running } from '../demo/processes.ts'
import { generateSecret, readSecret, signStandardWebhook } from '../src/signatures/standard-webhooks.ts'
import { eventually, original, startPortal } from './portal.ts'

const secret = generateSecret()
const root = join(import.meta.dirname, '..')

async function startRelay (t: Test, portalUrl: string, env: Record<string, string> = {}) {
  const folder = t.testdir()
  const settings = { ...sandboxEnv(portalUrl), WEBHOOK_SECRET: secret, SETTLE_MS: '0', DATABASE_URL: `file:${folder}/relay.db`, ...env }
  const relay = await startRelayProcess(settings)
  t.teardown(() => relay.stop('SIGKILL'))
  return { relay, settings }
}

const client = { id: 'u1', last_name: 'Petrova', name: 'Anna' }
const chat = { id: 'c1', name: 'Support' }

async function sendEdit (relay: Running, message: string, text: string, user: object = client) {
  return await sendEvent(relay, { type: 'message.edited', data: { user, message: { id: message, edited_at: Date.now(), text }, chat } })
}

async function sendEvent (relay: Running, event: object) {
  const body = JSON.stringify(event)
  const key = readSecret(secret) as Buffer
  const response = await fetch(`${relay.url}/webhooks/default`, {
    method: 'POST', headers: { 'content-type': 'application/json', ...signStandardWebhook(key, body, Date.now()) }, body,
  })
  return { status: response.status, body: await response.json() as { edits?: Array<{ outcome: string }> } }
}

function logLines (relay: Running): Array<Record<string, unknown>> {
  return relay.output().split('\n').filter(line => line.startsWith('{')).map(line => JSON.parse(line) as Record<string, unknown>)
}

t.test('a signed webhook becomes an edited message in the open line', async t => {
  const portal = await startPortal(t)
  await (await portal.connector()).send([original('m1')])
  const { relay } = await startRelay(t, portal.url)
  t.match(await sendEdit(relay, 'm1', 'edited'), { status: 202, body: { edits: [{ outcome: 'accepted' }] } })
  await eventually(async () => await portal.text('m1'), text => text === 'edited')
  t.match(await portal.messages(), [{ message: 'm1', text: 'edited', edited: true, history: [{ text: 'original' }, { text: 'edited' }] }])
  const events = (await eventually(async () => logLines(relay), lines => lines.some(line => line.event === 'delivery.attempted')))
  t.match(events.find(line => line.event === 'webhook.accepted'), { channel: 'default', edits: [{ outcome: 'accepted' }] })
  t.match(events.find(line => line.event === 'delivery.attempted'), { connector: 'relay_demo', line: 1, messages: 1, delivered: 1, code: 'ok' })
  for (const unwanted of ['edited text', 'Anna', 'Petrova', 'relay-secret', 'relay-refresh', secret]) t.notOk(relay.output().includes(unwanted), `the log does not hold ${unwanted === secret ? 'the secret' : unwanted}`)
})

t.test('a relay that is started before it is installed keeps what it is given, and the install event wakes it', async t => {
  const portal = await startPortal(t)
  await (await portal.connector()).send([original('m1')])
  const { relay } = await startRelay(t, portal.url, { BITRIX24_REFRESH_TOKEN: '' })
  t.match(await (await fetch(`${relay.url}/readyz`)).json(), { status: 'ready', portal: 'not-installed' })
  t.match(await sendEdit(relay, 'm1', 'edited'), { status: 202 })
  const install = await fetch(`${portal.url}/sandbox/install`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ handler: `${relay.url}/bitrix24/install`, application: 'local.relay' }),
  })
  t.match(await install.json(), { status: 200 })
  t.equal(await eventually(async () => await portal.text('m1'), text => text === 'edited'), 'edited')
  t.match(await (await fetch(`${relay.url}/readyz`)).json(), { status: 'ready', portal: 'ready' })
})

t.test('a client of whom a webhook has told keeps his name when an edit comes without one', async t => {
  const portal = await startPortal(t)
  await (await portal.connector()).send([original('m1'), original('m2')])
  const { relay } = await startRelay(t, portal.url)
  t.match(await sendEdit(relay, 'm1', 'edited', { id: 'u1' }), { body: { edits: [{ outcome: 'refused', reason: 'anonymous-user' }] } })
  t.match(await sendEvent(relay, { type: 'message.created', timestamp: Date.now(), data: { user: client, message: { id: 'm9' }, chat } }), { status: 202, body: { edits: [{ outcome: 'ignored' }] } })
  t.match(await sendEdit(relay, 'm1', 'edited once', { id: 'u1' }), { body: { edits: [{ outcome: 'accepted' }] } })
  await eventually(async () => await portal.text('m1'), text => text === 'edited once')
  const [before] = await portal.users()
  t.match(before, { externalId: 'u1', name: 'Anna', lastName: 'Petrova' })
  await sendEdit(relay, 'm2', 'edited too', { id: 'u1' })
  await eventually(async () => await portal.text('m2'), text => text === 'edited too')
  t.strictSame(await portal.users(), [before], 'the block is the same to the byte, so the profile is not written again')
})

t.test('what was acknowledged before kill -9 is delivered by the next life', async t => {
  const portal = await startPortal(t)
  await (await portal.connector()).send(['a', 'b', 'c'].map(message => original(message)))
  const { relay, settings } = await startRelay(t, portal.url, { SETTLE_MS: '3000' })
  for (const message of ['a', 'b', 'c']) t.match(await sendEdit(relay, message, `${message} edited`), { status: 202 })
  await relay.stop('SIGKILL')
  t.strictSame(await portal.calls(), [], 'nothing had been sent')
  const second = await startRelayProcess({ ...settings, SETTLE_MS: '0' })
  t.teardown(() => second.stop('SIGKILL'))
  for (const message of ['a', 'b', 'c']) t.equal(await eventually(async () => await portal.text(message), text => text === `${message} edited`), `${message} edited`)
})

t.test('SIGTERM lets the call under way finish, refuses webhooks meanwhile, and exits 0', async t => {
  const portal = await startPortal(t)
  await (await portal.connector()).send([original('m1')])
  const { relay } = await startRelay(t, portal.url)
  await portal.load({ msPerMessage: 1500 })
  await sendEdit(relay, 'm1', 'edited')
  await eventually(async () => await portal.calls(), calls => calls.length === 1)
  const exited = once(relay.child, 'exit')
  relay.child.kill('SIGTERM')
  await eventually(async () => (await fetch(`${relay.url}/readyz`)).status, status => status === 503)
  t.match(await sendEdit(relay, 'm1', 'too late'), { status: 503 })
  t.equal((await fetch(`${relay.url}/livez`)).status, 200)
  t.strictSame(await exited, [0, null])
  t.equal(await portal.text('m1'), 'edited')
  t.match(logLines(relay).at(-1), { event: 'process.stopped' })
})

t.test('a second signal exits at once', async t => {
  const portal = await startPortal(t)
  const { relay } = await startRelay(t, portal.url)
  await portal.fault({ method: 'imconnector.update.messages', fault: 'timeout', times: 1 })
  await sendEdit(relay, 'm1', 'edited')
  await eventually(async () => await portal.calls(), calls => calls.length === 1)
  const exited = once(relay.child, 'exit')
  const started = performance.now()
  relay.child.kill('SIGTERM')
  await eventually(async () => (await fetch(`${relay.url}/readyz`)).status, status => status === 503)
  relay.child.kill('SIGTERM')
  t.strictSame(await exited, [1, null])
  t.ok(performance.now() - started < 8000, 'it did not wait for the call')
})

t.test('a second process on the same database waits for the first, and takes over', async t => {
  const portal = await startPortal(t)
  await (await portal.connector()).send([original('m1')])
  const { relay, settings } = await startRelay(t, portal.url)
  const second = startRelayProcess(settings)
  await relay.stop()
  const successor = await second
  t.teardown(() => successor.stop('SIGKILL'))
  t.match(await sendEdit(successor, 'm1', 'edited'), { status: 202 })
  t.equal(await eventually(async () => await portal.text('m1'), text => text === 'edited'), 'edited')
})

t.test('a faulty configuration is told in one list, with exit code 1', async t => {
  const child = spawn(process.execPath, [join(root, 'src/server.ts')], {
    env: { PATH: process.env.PATH, BITRIX24_PORTAL_URL: 'http://example.bitrix24.ru', BITRIX24_CONECTOR: 'x', WEBHOOK_SECRET: 'short', PORT: 'high' }, stdio: ['ignore', 'pipe', 'pipe'],
  })
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => { errors += chunk.toString() })
  t.strictSame(await once(child, 'exit'), [1, null])
  for (const name of ['BITRIX24_PORTAL_URL', 'BITRIX24_CONECTOR', 'WEBHOOK_SECRET', 'PORT']) t.match(errors, new RegExp(`- ${name}`))
})

t.test('the demo shows what it promises', async t => {
  const child = spawn(process.execPath, [join(root, 'demo/demo.ts'), '--once'], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => { output += chunk.toString() })
  t.strictSame(await once(child, 'exit'), [0, null], output)
  t.match(output, /m-2 +ten edits in a burst +Two tickets +Two tickets to Kazan, please!{9} +10 +1 +ok/)
  t.match(output, /17 webhooks, \d calls/)
})
