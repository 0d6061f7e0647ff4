import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp } from 'node:fs/promises'
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createConnector } from '../demo/connector.ts'
import { sandboxEnv, startRelayProcess, startSandboxProcess } from '../demo/processes.ts'
import { generateSecret } from '../src/signatures/standard-webhooks.ts'
import type { ClockFile } from './clock.ts'
import { createKeeper, type Keeper } from './keeper.ts'

const ADMIN_TOKEN = 'chaos-admin-token-0123456789'
const root = join(import.meta.dirname, '..')

export interface ArenaOptions {
  readonly messages?: number
  /** Changes to the relay's environment. */
  readonly env?: Readonly<Record<string, string>>
  /** Where the database lies, instead of a folder of its own. */
  readonly databaseFolder?: string
}

export interface Status {
  readonly ledger: { readonly accepted: number, readonly superseded: number, readonly delivered: number, readonly dead: number, readonly pending: number }
  readonly backlog: { readonly pending: number }
  readonly portal: { readonly condition: string }
}

export interface PortalMessage {
  readonly message: string
  readonly text: string
  readonly deleted: boolean
  readonly history: ReadonlyArray<{ readonly text: string }>
}

export type Arena = Awaited<ReturnType<typeof furnish>>

/** A sandbox with originals and a relay, each a process of its own, and the means to ill-treat them. `close` ends all that it started. */
export async function openArena (options: ArenaOptions = {}): Promise<Arena> {
  const keeper = createKeeper(await mkdtemp(join(tmpdir(), 'imconnector-relay-chaos-')))
  try {
    return await furnish(keeper, options)
  } catch (error) {
    await keeper.close()
    throw error
  }
}

async function furnish (keeper: Keeper, { messages = 40, env = {}, databaseFolder }: ArenaOptions) {
  const { folder } = keeper
  const clockPath = join(folder, 'clock.json')
  let clock: ClockFile = { elapsedMs: 0, wallMs: 0, turn: 0 }
  writeFileSync(clockPath, JSON.stringify(clock))

  const sandbox = await keeper.keep(startSandboxProcess({ SANDBOX_LIMITS: 'off' }))
  const secret = generateSecret()
  const settings: Record<string, string> = {
    ...sandboxEnv(sandbox.url),
    BITRIX24_PLAN: 'enterprise',
    BITRIX24_SHARE: '1',
    WEBHOOK_SECRET: secret,
    WEBHOOK_RATE_LIMIT: '0',
    SETTLE_MS: '0',
    ADMIN_TOKEN,
    LOG_LEVEL: 'warn',
    DATABASE_URL: `file:${join(databaseFolder ?? folder, 'relay.db')}`,
    NODE_OPTIONS: `--import=${new URL('./clock.ts', import.meta.url).href}`,
    CHAOS_CLOCK: clockPath,
    ...env,
  }
  const names = Array.from({ length: messages }, (_, index) => `m${index}`)
  const connector = await createConnector({ portalUrl: sandbox.url })
  await connector.send([...names, 'waker'].map(id => ({ user: { id: 'u1', last_name: 'Petrova', name: 'Anna' }, message: { id, text: `${id} #0` }, chat: { id: 'c1' } })))

  let relay = await keeper.keep(startRelayProcess(settings))
  const { port, url } = relay

  /** Asks the relay. A connection that is still kept from its last life may turn out to be dead, so it is asked twice. */
  async function ask (path: string): Promise<Response> {
    const once = (): Promise<Response> => fetch(url + path, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } })
    return await once().catch(once)
  }

  async function control (path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`${sandbox.url}/sandbox/${path}`, body === undefined ? {} : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
    if (!response.ok) throw new Error(`the sandbox refuses ${path}: ${await response.text()}`)
    return await response.json()
  }

  /** Turns the relay's clocks, in a running one at once and in every later one from its start on. */
  async function turn (change: Partial<ClockFile>): Promise<void> {
    clock = { ...clock, ...change, turn: clock.turn + 1 }
    writeFileSync(clockPath, JSON.stringify(clock))
    const hasEnded = (): boolean => relay.child.exitCode !== null || relay.child.signalCode !== null
    relay.child.kill('SIGWINCH')
    while (!hasEnded() && !relay.output().includes(`clock turned ${clock.turn}\n`)) await sleep(5)
  }

  return {
    folder,
    databasePath: join(databaseFolder ?? folder, 'relay.db'),
    names,
    secret,
    url,
    sandbox,
    relay: () => relay,
    /** The time by the relay's wall clock, which its senders share. */
    now: () => Date.now() + clock.elapsedMs + clock.wallMs,

    async start (changes: Readonly<Record<string, string>> = {}): Promise<void> {
      relay = await keeper.keep(startRelayProcess({ ...settings, ...changes }, port))
    },

    async stop (signal: NodeJS.Signals): Promise<number | null> {
      return await relay.stop(signal)
    },

    /** Starts a relay and kills it before it may be ready. */
    async killAtStart (afterMs: number): Promise<void> {
      const child = spawn(process.execPath, [join(root, 'src/server.ts')], { env: { PATH: process.env.PATH, HOST: '127.0.0.1', PORT: String(port), ...settings }, stdio: 'ignore' })
      await sleep(afterMs)
      if (child.exitCode !== null) return
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    },

    /** Lets time go by for the relay and the portal alike. */
    async pass (ms: number): Promise<void> {
      await control('clock', { advanceMs: ms })
      await turn({ elapsedMs: clock.elapsedMs + ms })
    },

    /** Sets the machine's wall clock, forwards or back. */
    async setWallClock (byMs: number): Promise<void> {
      await turn({ wallMs: clock.wallMs + byMs })
    },

    fault: async (faults: object | object[]) => { await control('faults', faults) },
    /** How often faults will still strike. */
    faultsLeft: async () => (await control('faults') as { faults: ReadonlyArray<{ times: number }> }).faults.reduce((sum, { times }) => sum + times, 0),
    load: async (load: object) => { await control('load', load) },
    install: async () => { await control('install', { handler: `${url}/bitrix24/install`, application: 'local.relay' }) },
    messages: async () => await control('messages') as PortalMessage[],
    calls: async () => await control('calls') as ReadonlyArray<{ readonly method: string, readonly status: number | null }>,

    /** What a health probe is told, and after how long. */
    async probe (path: '/livez' | '/readyz'): Promise<{ readonly status: number, readonly tookMs: number }> {
      const startedAt = performance.now()
      const response = await ask(path)
      await response.body?.cancel()
      return { status: response.status, tookMs: Math.round(performance.now() - startedAt) }
    },

    async status (): Promise<Status> {
      const response = await ask('/api/status')
      if (!response.ok) throw new Error(`the relay answers ${response.status} when asked for its status`)
      return await response.json() as Status
    },

    isClosed: keeper.isClosed,
    close: keeper.close,
  }
}
