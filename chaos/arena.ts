import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startRelayProcess } from '../demo/processes.ts'
import { openGround, type Status } from './ground.ts'
import { createKeeper, type Keeper } from './keeper.ts'

const root = join(import.meta.dirname, '..')

export interface ArenaOptions {
  readonly messages?: number
  /** Changes to the relay's environment. */
  readonly env?: Readonly<Record<string, string>>
  /** Where the database lies, instead of a folder of its own. */
  readonly databaseFolder?: string
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

async function furnish (keeper: Keeper, { messages = 40, env = {}, databaseFolder = keeper.folder }: ArenaOptions) {
  const databasePath = join(databaseFolder, 'relay.db')
  const names = Array.from({ length: messages }, (_, index) => `m${index}`)
  const ground = await openGround(keeper, {
    originals: [...names, 'waker'],
    limits: false,
    env: { BITRIX24_PLAN: 'enterprise', BITRIX24_SHARE: '1', DATABASE_URL: `file:${databasePath}`, ...env },
  })
  const { settings } = ground
  let relay = await keeper.keep(startRelayProcess(settings))
  const { port, url } = relay

  return {
    ...ground,
    folder: keeper.folder,
    databasePath,
    names,
    url,
    /** Where the next webhook goes. */
    target: () => url,
    /** Whether a webhook that was answered with 503 may have been taken all the same. */
    isDoubtful: () => false,
    relay: () => relay,

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
      await ground.advance(ms)
      await ground.turn({ elapsedMs: ms }, [relay])
    },

    /** Sets the machine's wall clock, forwards or back. */
    async setWallClock (byMs: number): Promise<void> {
      await ground.turn({ wallMs: byMs }, [relay])
    },

    install: () => ground.install(url),

    /** What a health probe is told, and after how long. */
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

    isClosed: keeper.isClosed,
    close: keeper.close,
  }
}
