import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createConnector } from '../demo/connector.ts'
import { freePort, sandboxEnv, startRelayProcess, startSandboxProcess, type Running } from '../demo/processes.ts'
import { readSecret, signStandardWebhook } from '../src/signatures/standard-webhooks.ts'
import { postRequest, runLoad, type LoadResult } from './load.ts'
import { prepareWebhooks, SECRET, webhookBody } from './webhooks.ts'

const MESSAGES = 1000
const EDITS = 10_000
const LOAD_MS = 5000
const DRAIN_WITHIN_MS = 120_000
const ADMIN_TOKEN = 'bench-admin-token-of-loopback'

export interface DrainResult {
  readonly edits: number
  readonly messages: number
  readonly calls: number
  readonly drainMs: number
  /** Webhooks acknowledged while the courier drained. */
  readonly load: LoadResult
}

/** Measures a drain: ten edits of each of a thousand messages gather while the portal is parked; then an install ends the park. */
export async function measureDrain (folder: string): Promise<DrainResult> {
  const sandbox = await startSandboxProcess({ SANDBOX_LIMITS: 'off' })
  const port = await freePort()
  const relay = await startRelayProcess({
    ...sandboxEnv(sandbox.url),
    PUBLIC_URL: `http://127.0.0.1:${port}`,
    BITRIX24_PLAN: 'enterprise',
    BITRIX24_SHARE: '1',
    WEBHOOK_SECRET: SECRET,
    WEBHOOK_RATE_LIMIT: '1000000',
    SETTLE_MS: '0',
    ADMIN_TOKEN,
    DATABASE_URL: `file:${join(folder, 'drain.db')}`,
  }, port)
  await sendOriginals(sandbox)
  await gather(sandbox, relay, 0)
  const callsBefore = await countCalls(sandbox)
  const drainMs = await drain(sandbox, relay)
  const calls = await countCalls(sandbox) - callsBefore

  await gather(sandbox, relay, 1)
  const [load] = await Promise.all([loadMeanwhile(sandbox, relay), drain(sandbox, relay)])
  await relay.stop()
  await sandbox.stop()
  return { edits: EDITS, messages: MESSAGES, calls, drainMs, load }
}

/** Slows the portal down, so the backlog lasts as long as the load. */
async function loadMeanwhile (sandbox: Running, relay: Running): Promise<LoadResult> {
  await control(sandbox, 'load', { msPerMessage: LOAD_MS / MESSAGES })
  const load = await runLoad({ servers: relay, connections: 64, requests: prepareWebhooks(40_000, 5_000_000), durationMs: LOAD_MS })
  await control(sandbox, 'load', { msPerMessage: 0 })
  return load
}

async function sendOriginals (sandbox: Running): Promise<void> {
  const connector = await createConnector({ portalUrl: sandbox.url })
  await connector.send(Array.from({ length: MESSAGES }, (_, index) => (
    { user: { id: '42', last_name: 'Petrov', name: 'Ivan' }, message: { id: `drain-${index}`, text: 'original' }, chat: { id: 'channel-123' } })))
}

/** The first call is refused for a missing scope, which parks the portal. Later edits stay pending. */
async function gather (sandbox: Running, relay: Running, round: number): Promise<void> {
  await control(sandbox, 'faults', [{ method: 'imconnector.update.messages', error: 'insufficient_scope', status: 403, times: 1 }])
  const { answered } = await runLoad({ servers: relay, connections: 16, requests: edits(round), durationMs: 120_000 })
  if (answered !== EDITS) throw new Error(`${answered} of ${EDITS} edits were answered in time`)
}

async function drain (sandbox: Running, relay: Running): Promise<number> {
  const started = performance.now()
  await control(sandbox, 'install', { handler: `${relay.url}/bitrix24/install`, application: 'local.relay' })
  for (;;) {
    const left = await pending(relay)
    const tookMs = performance.now() - started
    if (left === 0) return tookMs
    if (tookMs > DRAIN_WITHIN_MS) throw new Error(`${left} edits still wait after ${DRAIN_WITHIN_MS / 1000} s`)
    // Operators may ask 20 times a second.
    await sleep(50)
  }
}

async function control (sandbox: Running, path: string, body: unknown): Promise<void> {
  const response = await fetch(`${sandbox.url}/sandbox/${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  if (!response.ok) throw new Error(`the sandbox refuses ${path}: ${await response.text()}`)
}

async function countCalls (sandbox: Running): Promise<number> {
  const calls = await (await fetch(`${sandbox.url}/sandbox/calls`)).json() as Array<{ method: string }>
  return calls.filter(call => call.method === 'imconnector.update.messages').length
}

async function pending (relay: Running): Promise<number> {
  const response = await fetch(`${relay.url}/api/status`, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } })
  const status = await response.json() as { ledger: { pending: number } }
  return status.ledger.pending
}

function edits (round: number): Buffer[] {
  const key = readSecret(SECRET)
  if (key === null) throw new Error('the secret of the bench is invalid')
  return Array.from({ length: EDITS }, (_, index) => {
    const now = Date.now()
    const body = webhookBody(`drain-${index % MESSAGES}`, now, round * EDITS + index)
    return postRequest('/webhooks/default', signStandardWebhook(key, body, now, `msg_drain_${round}_${index}`), body)
  })
}
