import { startRelayProcess, type Running } from '../demo/processes.ts'
import { startPostgres } from '../test/postgres.ts'
import { runLoad, WARM_UP, type LoadResult } from './load.ts'
import { prepareWebhooks, unreachablePortalEnv } from './webhooks.ts'

const CONNECTIONS = 64
const MEASURE_MS = 6000

export interface ReplicasResult {
  readonly one: LoadResult
  readonly three: LoadResult
}

/** Edits acknowledged after their commit on one PostgreSQL, by one relay and then by three that share the same load. */
export async function measureReplicas (): Promise<ReplicasResult> {
  const postgres = await startPostgres()
  const relays: Running[] = []
  let first = 0
  const load = async (durationMs: number): Promise<LoadResult> => {
    const result = await runLoad({ port: relays.map(({ port }) => port), connections: CONNECTIONS, requests: prepareWebhooks(WARM_UP.requests, first += WARM_UP.requests), durationMs })
    if (result.failed > 0) throw new Error(`${result.failed} of ${result.answered} requests failed:\n${relays.map(relay => relay.output().slice(-1000)).join('\n')}`)
    return result
  }
  const measure = async (): Promise<LoadResult> => {
    await load(WARM_UP.durationMs)
    return await load(MEASURE_MS)
  }

  try {
    const env = { ...unreachablePortalEnv(''), DATABASE_URL: await postgres.schema() }
    relays.push(await startRelayProcess(env))
    const one = await measure()
    relays.push(...await Promise.all([startRelayProcess(env), startRelayProcess(env)]))
    return { one, three: await measure() }
  } finally {
    await Promise.all(relays.map(relay => relay.stop()))
    await postgres.stop()
  }
}
