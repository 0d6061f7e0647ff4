import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startRelayProcess } from '../demo/processes.ts'
import { openGround, type Status } from './ground.ts'
import { keepProcesses, type KeptProcesses } from './kept-processes.ts'

const root = join(import.meta.dirname, '..')

export interface ArenaOptions {
  readonly messages?: number
  /** Changes to the relay's environment. */
  readonly env?: Readonly<Record<string, string>>
  /** The folder of the database; default: one of its own. */
  readonly databaseFolder?: string
}

export type Arena = Awaited<ReturnType<typeof furnish>>

/** A sandbox with originals and a relay, each in its own process, and functions that harm them. `close` ends all that it started. */
export async function openArena (options: ArenaOptions = {}): Promise<Arena> {
  const processes = keepProcesses(await mkdtemp(join(tmpdir(), 'imconnector-relay-chaos-')))
  try {
    return await furnish(processes, options)
  } catch (error) {
    await processes.close()
    throw error
  }
}

async function furnish (processes: KeptProcesses, { messages = 40, env = {}, databaseFolder = processes.folder }: ArenaOptions) {
  const databasePath = join(databaseFolder, 'relay.db')
  const names = Array.from({ length: messages }, (_, index) => `m${index}`)
  const ground = await openGround(processes, {
    originals: [...names, 'waker'],
    limits: false,
    env: { BITRIX24_PLAN: 'enterprise', BITRIX24_SHARE: '1', DATABASE_URL: `file:${databasePath}`, ...env },
  })
  const { settings } = ground
  let relay = await processes.add(startRelayProcess(settings))
  const { port, url } = relay

  return {
    ...ground,
    folder: processes.folder,
    databasePath,
    names,
    url,
    /** The relay for the next webhook. */
    target: () => url,
    /** Whether an edit may be stored although its webhook got 503. */
    isDoubtful: () => false,
    relay: () => relay,

    async start (changes: Readonly<Record<string, string>> = {}): Promise<void> {
      relay = await processes.add(startRelayProcess({ ...settings, ...changes }, port))
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

    /** Moves the clocks of the relay and the portal forward. */
    async pass (ms: number): Promise<void> {
      await ground.advance(ms)
      await ground.turn({ elapsedMs: ms }, [relay])
    },

    /** Sets the relay's wall clock forward or back. */
    async setWallClock (byMs: number): Promise<void> {
      await ground.turn({ wallMs: byMs }, [relay])
    },

    install: () => ground.install(url),

    /** The answer to a health probe and its duration. */
    async probe (path: '/livez' | '/readyz'): Promise<{ readonly status: number, readonly tookMs: number }> {
      const startedAt = performance.now()
      const response = await ground.ask(url + path)
      await response.body?.cancel()
      return { status: response.status, tookMs: Math.round(performance.now() - startedAt) }
    },

    async status (): Promise<Status> {
      const response = await ground.ask(`${url}/api/status`)
      if (!response.ok) throw new Error(`the relay answers ${response.status} when asked for its status`)
      return await response.json() as Status
    },

    isClosed: processes.isClosed,
    close: processes.close,
  }
}
