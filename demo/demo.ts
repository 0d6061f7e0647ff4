import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { setTimeout as sleep } from 'node:timers/promises'
import { generateSecret, readSecret, signStandardWebhook } from '../src/signatures/standard-webhooks.ts'
import { createConnector } from './connector.ts'
import { endProcesses, freePort, sandboxEnv, startRelayProcess, startSandboxProcess, type Running } from './processes.ts'
import { lost, scenes, toOriginal, toWebhookData, unreadable } from './story.ts'

/** Short, for a quick demo; the default is 2 s. */
const SETTLE_MS = 500
const TIMEOUT_MS = 30_000

const { values: { once } } = parseArgs({ options: { once: { type: 'boolean', default: false } } })

interface PortalMessage {
  readonly message: string
  readonly text: string
  readonly deleted: boolean
  readonly history: readonly unknown[]
}

interface Status {
  readonly ledger: { readonly pending: number }
  readonly confirmations: { readonly boundAt: string | null }
}

interface Edits {
  readonly edits: ReadonlyArray<{ readonly message: string, readonly state: string, readonly attempts: number, readonly confirmation: string | null }>
}

const folder = await mkdtemp(join(tmpdir(), 'imconnector-relay-'))
const secret = generateSecret()
const adminToken = randomBytes(24).toString('base64url')
let interrupted = false
// Handled again on a second Ctrl-C: it does not reach the servers, and they must not stay behind.
process.on('SIGINT', () => end(0))
process.on('SIGTERM', () => end(0))

try {
  const isRight = await play()
  if (once || !isRight) await end(isRight ? 0 : 1)
} catch (error) {
  if (!interrupted) {
    console.error(error instanceof Error ? error.message : error)
    await end(1)
  }
}

async function play (): Promise<boolean> {
  const sandbox = await startSandboxProcess()
  const port = await freePort()
  const relay = await startRelayProcess({
    ...sandboxEnv(sandbox.url),
    WEBHOOK_SECRET: secret,
    ADMIN_TOKEN: adminToken,
    DATABASE_URL: `file:${folder}/relay.db`,
    SETTLE_MS: String(SETTLE_MS),
    PUBLIC_URL: `http://127.0.0.1:${port}`,
  }, port)
  await until(async () => (await ask<Status>(relay, 'status')).confirmations.boundAt !== null)

  const connector = await createConnector({ portalUrl: sandbox.url })
  await connector.send(scenes.map(toOriginal))
  const callsBefore = await countCalls(sandbox)
  await sendEdits(relay)
  await until(async () => (await ask<Status>(relay, 'status')).ledger.pending === 0)
  // The portal reports an edit after its call.
  await until(async () => (await ask<Edits>(relay, 'edits')).edits.every(({ message, confirmation }) => message === lost.message || confirmation !== 'unknown'))
  const { edits } = await ask<Edits>(relay, 'edits')
  const messages = await read<PortalMessage[]>(sandbox, 'messages')

  const played = [...scenes, lost]
  const rows = played.map(scene => {
    const message = messages.find(found => found.message === scene.message)
    const after = message === undefined ? '(missing)' : message.deleted ? '(deleted)' : message.text
    const edit = edits.find(found => found.message === scene.message)
    // The portal knows the calls that have changed the message, also those with an older text; the relay knows those that changed nothing.
    const calls = Math.max((message?.history.length ?? 1) - 1, edit?.attempts ?? 0)
    return { scene, after, calls, outcome: edit?.confirmation ?? edit?.state ?? '(missing)', isRight: after === scene.after }
  })
  printTable(rows.map(({ scene, after, calls, outcome, isRight }) => [
    scene.message, scene.title, shown(scene.before), shown(after), String(scene.edits.length), String(calls), outcome, isRight ? 'ok' : `WRONG: ${shown(scene.after)} was expected`,
  ]))
  const webhooks = played.reduce((sum, scene) => sum + scene.edits.length, 0)
  console.log(`\n${webhooks} webhooks, ${await countCalls(sandbox) - callsBefore} calls of imconnector.update.messages in all.`)
  if (!once) printInvitation(sandbox, relay)
  return rows.every(row => row.isRight)
}

async function sendEdits (relay: Running): Promise<void> {
  const key = readSecret(secret)
  if (key === null) throw new Error('the secret that was just made cannot be read')
  const startS = Math.floor(Date.now() / 1000) - 120
  const send = async (data: object, expected: number): Promise<void> => {
    const body = JSON.stringify({ type: 'message.edited', timestamp: new Date().toISOString(), data })
    const headers = { 'content-type': 'application/json', ...signStandardWebhook(key, body, Date.now()) }
    const response = await fetch(`${relay.url}/webhooks/default`, { method: 'POST', headers, body })
    if (response.status !== expected) throw new Error(`the relay answered ${response.status}: ${await response.text()}`)
  }
  for (const scene of [...scenes, lost]) {
    for (const edit of scene.edits) await send(toWebhookData(scene, edit, startS), 202)
  }
  await send(unreadable, 400)
}

/** Waits until something holds, or until the time-out. */
async function until (holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + TIMEOUT_MS
  while (performance.now() < deadline && !await holds()) await sleep(100)
}

async function ask<Body> (relay: Running, what: 'status' | 'edits'): Promise<Body> {
  return await (await fetch(`${relay.url}/api/${what}`, { headers: { authorization: `Bearer ${adminToken}` } })).json() as Body
}

async function countCalls (sandbox: Running): Promise<number> {
  const calls = await read<Array<{ method: string }>>(sandbox, 'calls')
  return calls.filter(call => call.method === 'imconnector.update.messages').length
}

async function read<Body> (sandbox: Running, path: string): Promise<Body> {
  return await (await fetch(`${sandbox.url}/sandbox/${path}`)).json() as Body
}

function printTable (rows: readonly string[][]): void {
  const head = ['message', 'what happened', 'before', 'after', 'webhooks', 'calls', 'outcome', '']
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map(row => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]): string => cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()
  console.log(`\n${line(head)}\n${widths.slice(0, -1).map(width => '─'.repeat(width)).join('  ')}`)
  for (const row of rows) console.log(line(row))
}

/** Makes the invisible zero-width spaces visible in the table. */
function shown (text: string): string {
  return text.replaceAll('\u200B', '·')
}

function printInvitation (sandbox: Running, relay: Running): void {
  const data = { user: { id: '42', name: 'Ivan', last_name: 'Petrov' }, message: { id: 'm-1', edited_at: Math.floor(Date.now() / 1000), text: 'Good evening' }, chat: { id: 'channel-123' } }
  console.log(`
(· is a zero-width space: the client's brackets are shown and do not act.)

The open line, live    ${sandbox.url}/
The relay              ${relay.url}   POST /webhooks/default
Its secret             ${secret}
Its console            ${relay.url}/console
The console's token    ${adminToken}

Try it from another terminal:

  echo '${JSON.stringify(data)}' | npm run -s relay -- send --url ${relay.url} --secret ${secret} -

Ctrl-C ends everything.`)
}

async function end (code: number): Promise<void> {
  if (interrupted) return
  interrupted = true
  await endProcesses()
  await rm(folder, { recursive: true, force: true })
  process.exit(code)
}
