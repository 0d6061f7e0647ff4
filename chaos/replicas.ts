import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startProcess, startRelayProcess, type Running } from '../demo/processes.ts'
import { openCluster, type Cluster } from './cluster.ts'
import { openGate, type Gate } from './gate.ts'
import { openGround, type Status } from './ground.ts'
import { keepProcesses, type KeptProcesses } from './kept-processes.ts'
import { until } from './verdict.ts'

const REPLICAS = 3

/** The relays' share of the portal's bucket of 50 requests and 2 a second. Two that count separately would use twice as much. */
export const BUCKET = { burst: 25, ratePerSecond: 1 }

/** Time for a new leader: a lease, the others' next look, and a margin for a busy machine. */
const SUCCESSION_MS = 60_000

const ANSWER_TIMEOUT_MS = 5000

/** Below the relay's rate limit for its administrator. */
export const LOOK_MS = 200

export interface Replica {
  readonly url: string
  /** One in front of each host of the database. */
  readonly gates: readonly Gate[]
  running: Running
  isPaused: boolean
}

async function startHastyRelay (env: Readonly<Record<string, string>>, leaseMs: number, port?: number): Promise<Running> {
  return await startProcess({ script: 'chaos/relay.ts', env: { ...env, CHAOS_LEASE_MS: String(leaseMs) }, readyPath: '/readyz', ...(port === undefined ? {} : { port }) })
}

export type Replicas = Awaited<ReturnType<typeof furnish>>

/**
 * Three relay processes on one PostgreSQL with a standby, and a sandbox that enforces its limits. `leaseMs`: the duration of the lease; null is the
 * default. `close` ends all that it started.
 */
export async function openReplicas (probes: readonly string[], leaseMs: number | null): Promise<Replicas> {
  const processes = keepProcesses(await mkdtemp(join(tmpdir(), 'imconnector-relay-chaos-')))
  const closing: Array<() => unknown> = []
  const close = async (): Promise<void> => {
    await processes.close()
    for (const end of closing) await end()
  }
  try {
    const cluster = await openCluster()
    closing.push(cluster.close)
    return await furnish(processes, cluster, { probes, leaseMs }, closing, close)
  } catch (error) {
    await close()
    throw error
  }
}

async function furnish (processes: KeptProcesses, cluster: Cluster, { probes, leaseMs }: { probes: readonly string[], leaseMs: number | null }, closing: Array<() => unknown>, close: () => Promise<void>) {
  const names = Array.from({ length: 40 }, (_, index) => `m${index}`)
  const ground = await openGround(processes, { originals: [...names, ...probes, 'waker'], limits: true, env: { BITRIX24_SHARE: '0.5' } })

  async function gateTo (port: number): Promise<Gate> {
    const gate = await openGate(port)
    closing.push(gate.close)
    return gate
  }
  const oauthGate = await gateTo(ground.sandbox.port)

  async function start (gates: readonly Gate[], port?: number): Promise<Running> {
    const hosts = gates.map(gate => `127.0.0.1:${gate.port}`).join(',')
    const env = { ...ground.settings, BITRIX24_OAUTH_URL: `http://127.0.0.1:${oauthGate.port}`, DATABASE_URL: `postgres://postgres@${hosts}/postgres` }
    return await processes.add(leaseMs === null ? startRelayProcess(env, port) : startHastyRelay(env, leaseMs, port))
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

  async function leaders (): Promise<Replica[]> {
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

    /** Waits until exactly one running replica says that it is the leader, and returns it. `except`: one that may not know yet that it lost the lease. */
    async leader (except?: Replica): Promise<Replica> {
      let found: Replica[] = []
      const isThere = await until(async () => {
        found = (await leaders()).filter(replica => replica !== except)
        return found.length === 1
      }, SUCCESSION_MS, LOOK_MS)
      if (!isThere) throw new Error(`${found.length} replicas hold the lease`)
      return found[0] as Replica
    },

    /** The leader's count of requests in the bucket. */
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

    /** Moves the clocks of the relays and the portal forward, not that of the database. */
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
      throw new Error('no relay answers with its status')
    },

    isClosed: processes.isClosed,
    close,
  }
}
