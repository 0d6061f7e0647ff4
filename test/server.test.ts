import t from 'tap'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { sandboxEnv, startRelayProcess, type Running } from '../demo/processes.ts'
import { generateSecret, readSecret, signStandardWebhook } from '../src/signatures/standard-webhooks.ts'
import { eventually, original, startPortal } from './portal.ts'

const secret = generateSecret()
const root = join(import.meta.dirname, '..')

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

t.test('a relay and the one that follows it on the same database', async t => {
  const portal = await startPortal(t)
  const connector = await portal.connector()
  await connector.send(['m1', 'm2', 'm3', 'm4'].map(message => original(message)))
  const settings = { ...sandboxEnv(portal.url), BITRIX24_REFRESH_TOKEN: '', WEBHOOK_SECRET: secret, SETTLE_MS: '0', DATABASE_URL: `file:${t.testdir()}/relay.db` }
  const start = async (): Promise<Running> => {
    const relay = await startRelayProcess(settings)
    t.teardown(() => relay.stop('SIGKILL'))
    return relay
  }
  const shows = async (message: string, wanted: string): Promise<string | undefined> => await eventually(async () => await portal.text(message), text => text === wanted)
  const relay = await start()

  await t.test('before it is installed it keeps what it is given, and the install event wakes it', async t => {
    t.match(await (await fetch(`${relay.url}/readyz`)).json(), { status: 'ready', portal: 'not-installed' })
    t.match(await sendEdit(relay, 'm1', 'Two tickets'), { status: 202, body: { edits: [{ outcome: 'accepted' }] } })
    const install = await fetch(`${portal.url}/sandbox/install`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ handler: `${relay.url}/bitrix24/install`, application: 'local.relay' }),
    })
    t.match(await install.json(), { status: 200 })
    t.equal(await shows('m1', 'Two tickets'), 'Two tickets')
    t.match(await (await fetch(`${relay.url}/readyz`)).json(), { status: 'ready', portal: 'ready' })
  })

  await t.test('the signed webhook has become an edited message in the open line, and the log tells of it without a secret, a name or a text', async t => {
    t.match(await portal.messages('?message=m1'), [{ text: 'Two tickets', edited: true, history: [{ text: 'original' }, { text: 'Two tickets' }] }])
    const delivered = (line: Record<string, unknown>): boolean => line.event === 'delivery.attempted' && line.code === 'ok'
    const events = await eventually(async () => logLines(relay), lines => lines.some(delivered))
    t.match(events.find(line => line.event === 'webhook.accepted'), { channel: 'default', edits: [{ outcome: 'accepted' }] })
    t.match(events.find(delivered), { connector: 'relay_demo', line: 1, messages: 1, delivered: 1 })
    for (const unwanted of ['Two tickets', 'Anna', 'Petrova', 'relay-secret', secret]) t.notOk(relay.output().includes(unwanted), `the log does not hold ${unwanted === secret ? 'the secret' : unwanted}`)
  })

  await t.test('a client of whom a webhook has told keeps his name when an edit comes without one', async t => {
    const nameless = { id: 'u2' }
    await connector.send([original('n1', 'original', { user: 'u2' }), original('n2', 'original', { user: 'u2' })])
    t.match(await sendEdit(relay, 'n1', 'edited', nameless), { body: { edits: [{ outcome: 'refused', reason: 'anonymous-user' }] } })
    t.match(await sendEvent(relay, { type: 'message.created', timestamp: Date.now(), data: { user: { ...client, id: 'u2' }, message: { id: 'n9' }, chat } }), { status: 202, body: { edits: [{ outcome: 'ignored' }] } })
    t.match(await sendEdit(relay, 'n1', 'edited once', nameless), { body: { edits: [{ outcome: 'accepted' }] } })
    await shows('n1', 'edited once')
    const before = await portal.users()
    t.match(before.find(user => user.externalId === 'u2'), { name: 'Anna', lastName: 'Petrova' })
    await sendEdit(relay, 'n2', 'edited too', nameless)
    await shows('n2', 'edited too')
    t.strictSame(await portal.users(), before, 'the block is the same to the byte, so the profile is not written again')
  })

  const second = start()
  await t.test('SIGTERM lets the call under way finish, refuses webhooks meanwhile, and exits 0', async t => {
    const callsBefore = (await portal.calls()).length
    await portal.load({ msPerMessage: 1500 })
    await sendEdit(relay, 'm2', 'edited')
    await eventually(async () => await portal.calls(), calls => calls.length > callsBefore)
    const exited = once(relay.child, 'exit')
    relay.child.kill('SIGTERM')
    await eventually(async () => (await fetch(`${relay.url}/readyz`)).status, status => status === 503)
    t.match(await sendEdit(relay, 'm2', 'too late'), { status: 503 })
    t.equal((await fetch(`${relay.url}/livez`)).status, 200)
    t.strictSame(await exited, [0, null])
    t.equal(await portal.text('m2'), 'edited')
    t.match(logLines(relay).at(-1), { event: 'process.stopped' })
    await portal.load({ msPerMessage: 0 })
  })

  const successor = await second
  await t.test('a second process on the same database waits for the first, and takes over', async t => {
    t.match(await sendEdit(successor, 'm3', 'edited'), { status: 202 })
    t.equal(await shows('m3', 'edited'), 'edited')
  })

  await t.test('a second signal exits at once', async t => {
    await portal.fault({ method: 'imconnector.update.messages', fault: 'timeout', times: 1 })
    const callsBefore = (await portal.calls()).length
    await sendEdit(successor, 'm4', 'edited')
    await eventually(async () => await portal.calls(), calls => calls.length > callsBefore)
    const exited = once(successor.child, 'exit')
    successor.child.kill('SIGTERM')
    await eventually(async () => (await fetch(`${successor.url}/readyz`)).status, status => status === 503)
    successor.child.kill('SIGTERM')
    t.strictSame(await exited, [1, null], 'it did not wait for the call')
  })
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
  t.match(output, /m-2 +ten edits in a burst +Two tickets +Two tickets to Kazan, please!{9} +10 +1 +confirmed +ok/)
  t.match(output, /m-7 +unknown client: rejected +(.+) {2,}\1 +1 +1 +dead +ok/)
  t.match(output, /m-8 +never sent to the portal .* 1 +1 +unknown +ok/)
  t.match(output, /19 webhooks, \d calls/)
})
