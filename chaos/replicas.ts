import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startProcess, startRelayProcess, type Running } from '../demo/processes.ts'
import { openCluster, type Cluster } from './cluster.ts'
import { openGate, type Gate } from './gate.ts'
import { openGround, type Status } from './ground.ts'
import { createKeeper, type Keeper } from './keeper.ts'
import { until } from './verdict.ts'

const REPLICAS = 3

/** What the relays may use of the portal's bucket of 50 requests and 2 a second: two that count apart would use twice as much. */
export const BUCKET = { burst: 25, ratePerSecond: 1 }

/** A lease, the next one's look, and a machine that is busy. */
const SUCCESSION_MS = 60_000

const ANSWER_TIMEOUT_MS = 5000

/** A relay lets its administrator ask ten times a second. */
export const LOOK_MS = 200

export interface Replica {
  readonly url: string
  /** On its way to each host of the database. */
  readonly gates: readonly Gate[]
  running: Running
  isPaused: boolean
}

async function startHastyRelay (env: Readonly<Record<string, string>>, leaseMs: number, port?: number): Promise<Running> {
  return await startProcess({ script: 'chaos/relay.ts', env: { ...env, CHAOS_LEASE_MS: String(leaseMs) }, readyPath: '/readyz', ...(port === undefined ? {} : { port }) })
}

export type Replicas = Awaited<ReturnType<typeof furnish>>

/**
 * Three relays as processes on one PostgreSQL with a standby, in front of a sandbox that enforces its limits. Their lease runs for `leaseMs`; null
 * is what it is in life. `close` ends all that it started.
 */
export async function openReplicas (probes: readonly string[], leaseMs: number | null): Promise<Replicas> {
  const keeper = createKeeper(await mkdtemp(join(tmpdir(), 'imconnector-relay-chaos-')))
  const closing: Array<() => unknown> = []
  const close = async (): Promise<void> => {
    await keeper.close()
    for (const end of closing) await end()
  }
  try {
    const cluster = await openCluster()
    closing.push(cluster.close)
    return await furnish(keeper, cluster, { probes, leaseMs }, closing, close)
  } catch (error) {
    await close()
    throw error
  }
}

async function furnish (keeper: Keeper, cluster: Cluster, { probes, leaseMs }: { probes: readonly string[], leaseMs: number | null }, closing: Array<() => unknown>, close: () => Promise<void>) {
  const names = Array.from({ length: 40 }, (_, index) => `m${index}`)
  const ground = await openGround(keeper, { originals: [...names, ...probes, 'waker'], limits: true, env: { BITRIX24_SHARE: '0.5' } })

  async function gateTo (port: number): Promise<Gate> {
    const gate = await openGate(port)
    closing.push(gate.close)
    return gate
  }
  const oauthGate = await gateTo(ground.sandbox.port)

  async function start (gates: readonly Gate[], port?: number): Promise<Running> {
    const hosts = gates.map(gate => `127.0.0.1:${gate.port}`).join(',')
    const env = { ...ground.settings, BITRIX24_OAUTH_URL: `http://127.0.0.1:${oauthGate.port}`, DATABASE_URL: `postgres://postgres@${hosts}/postgres` }
    return await keeper.keep(leaseMs === null ? startRelayProcess(env, port) : startHastyRelay(env, leaseMs, port))
  }
  const all = await Promise.all(Array.from({ length: REPLICAS }, async (): Promise<Replica> => {
    const gates = await Promise.all(cluster.ports.map(gateTo))
    const running = await start(gates)
    return { url: running.url, gates, running, isPaused: false }
  }))

  const hasEnded = ({ running: { child } }: Replica): boolean => child.exitCode !== null || child.signalCode !== null
  const awake = (): Replica[] => all.filter(replica => !hasEnded(replica) && !replica.isPaused)

  /** A sample of a replica's metrics; null while it does not answer. */
  async function sample ({ url }: Replica, name: string): Promise<number | null> {
    try {
      const response = await ground.ask(`${url}/metrics`, AbortSignal.timeout(ANSWER_TIMEOUT_MS))
      const line = (await response.text()).split('\n').find(line => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
      return line === undefined ? null : Number(line.slice(line.lastIndexOf(' ') + 1))
    } catch {
      return null
    }
  }

  async function holders (): Promise<Replica[]> {
    const among = awake()
    const held = await Promise.all(among.map(replica => sample(replica, 'relay_lease_held')))
    return among.filter((_, index) => held[index] === 1)
  }

  return {
    ...ground,
    names,
    cluster,
    oauthGate,
    all,
    sample,
    target: () => (all[Math.floor(Math.random() * all.length)] as Replica).url,
    isDoubtful: () => true,
    relay: () => (awake()[0] as Replica).running,

    /** The one that has the lease, once exactly one of those that can be asked says so; `except` one that may not know better yet. */
    async holder (except?: Replica): Promise<Replica> {
      let found: Replica[] = []
      const isThere = await until(async () => {
        found = (await holders()).filter(replica => replica !== except)
        return found.length === 1
      }, SUCCESSION_MS, LOOK_MS)
      if (!isThere) throw new Error(`${found.length} replicas hold the lease`)
      return found[0] as Replica
    },

    /** Requests in the bucket, by the holder's count. */
    bucketLevel: async () => Math.max(...(await Promise.all(awake().map(replica => sample(replica, 'relay_bucket_level_requests')))).map(Number)),

    others: (than: Replica) => awake().filter(replica => replica !== than),

    async kill (replica: Replica): Promise<void> {
      await replica.running.stop('SIGKILL')
    },

    async start (replica: Replica): Promise<void> {
      replica.running = await start(replica.gates, replica.running.port)
    },

    pause (replica: Replica): void {
      replica.isPaused = true
      replica.running.child.kill('SIGSTOP')
    },

    resume (replica: Replica): void {
      replica.running.child.kill('SIGCONT')
      replica.isPaused = false
    },

    /** Lets time go by for the relays and the portal alike; the database has its own. */
    async pass (ms: number): Promise<void> {
      await ground.advance(ms)
      await ground.turn({ elapsedMs: ms }, awake().map(({ running }) => running))
    },

    install: () => ground.install((awake()[0] as Replica).url),

    async status (): Promise<Status> {
      for (const { url } of awake()) {
        const response = await ground.ask(`${url}/api/status`)
        if (response.ok) return await response.json() as Status
      }
      throw new Error('no relay tells its status')
    },

    isClosed: keeper.isClosed,
    close,
  }
}
