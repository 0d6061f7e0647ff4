import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createConnector } from '../demo/connector.ts'
import { sandboxEnv, startSandboxProcess, type Running } from '../demo/processes.ts'
import { generateSecret } from '../src/signatures/standard-webhooks.ts'
import type { ClockFile } from './clock.ts'
import type { KeptProcesses } from './kept-processes.ts'

const ADMIN_TOKEN = 'chaos-admin-token-0123456789'

export interface PortalMessage {
  readonly message: string
  readonly text: string
  readonly deleted: boolean
  readonly history: ReadonlyArray<{ readonly text: string }>
}

export interface PortalCall {
  /** ISO 8601, by the portal's clock. */
  readonly at: string
  readonly method: string
  readonly application: string | null
  readonly status: number | null
  readonly error: string | null
  readonly durationMs: number | null
}

export interface Status {
  readonly ledger: { readonly accepted: number, readonly superseded: number, readonly delivered: number, readonly dead: number, readonly pending: number }
  readonly backlog: { readonly pending: number }
  readonly portal: { readonly condition: string }
}

export type Ground = Awaited<ReturnType<typeof openGround>>

/** The base for one or more relays: a sandbox with originals, their environment, and clocks that can be moved. */
export async function openGround (processes: KeptProcesses, { originals, limits, env }: { originals: readonly string[], limits: boolean, env: Readonly<Record<string, string>> }) {
  const clockPath = join(processes.folder, 'clock.json')
  let clock: ClockFile = { elapsedMs: 0, wallMs: 0, turn: 0 }
  writeFileSync(clockPath, JSON.stringify(clock))

  const sandbox = await processes.add(startSandboxProcess(limits ? {} : { SANDBOX_LIMITS: 'off' }))
  const secret = generateSecret()
  const settings: Readonly<Record<string, string>> = {
    ...sandboxEnv(sandbox.url),
    WEBHOOK_SECRET: secret,
    WEBHOOK_RATE_LIMIT: '0',
    SETTLE_MS: '0',
    ADMIN_TOKEN,
    LOG_LEVEL: 'warn',
    NODE_OPTIONS: `--import=${new URL('./clock.ts', import.meta.url).href}`,
    CHAOS_CLOCK: clockPath,
    ...env,
  }
  const connector = await createConnector({ portalUrl: sandbox.url })
  await connector.send(originals.map(id => ({ user: { id: 'u1', last_name: 'Petrova', name: 'Anna' }, message: { id, text: `${id} #0` }, chat: { id: 'c1' } })))

  async function control (path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`${sandbox.url}/sandbox/${path}`, body === undefined ? {} : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
    if (!response.ok) throw new Error(`the sandbox refuses ${path}: ${await response.text()}`)
    return await response.json()
  }

  return {
    sandbox,
    secret,
    settings,
    /** The time of the relays' wall clock, which the senders use too. */
    now: () => Date.now() + clock.elapsedMs + clock.wallMs,

    /** Moves the clocks of running relays, and of those that start later. */
    async turn ({ elapsedMs = 0, wallMs = 0 }: { elapsedMs?: number, wallMs?: number }, relays: readonly Running[]): Promise<void> {
      clock = { elapsedMs: clock.elapsedMs + elapsedMs, wallMs: clock.wallMs + wallMs, turn: clock.turn + 1 }
      writeFileSync(clockPath, JSON.stringify(clock))
      for (const { child, output } of relays) {
        const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null
        child.kill('SIGWINCH')
        while (!hasEnded() && !output().includes(`clock turned ${clock.turn}\n`)) await sleep(5)
      }
    },

    /** Calls a relay as its administrator. After a restart of the relay a kept connection may be dead, so the call is made twice. */
    async ask (url: string, signal: AbortSignal | null = null): Promise<Response> {
      const once = (): Promise<Response> => fetch(url, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` }, signal })
      return await once().catch(once)
    },

    fault: async (faults: object | object[]) => { await control('faults', faults) },
    /** How many faults are still to happen. */
    faultsLeft: async () => (await control('faults') as { faults: ReadonlyArray<{ times: number }> }).faults.reduce((sum, { times }) => sum + times, 0),
    load: async (load: object) => { await control('load', load) },
    install: async (url: string) => { await control('install', { handler: `${url}/bitrix24/install`, application: 'local.relay' }) },
    /** Moves the portal's clock forward. */
    advance: async (ms: number) => { await control('clock', { advanceMs: ms }) },
    messages: async () => await control('messages') as PortalMessage[],
    calls: async () => await control('calls') as readonly PortalCall[],
  }
}
