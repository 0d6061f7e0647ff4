import { startRelayProcess } from '../demo/processes.ts'
import { startPostgres } from '../test/postgres.ts'
import { alternate, type Measured } from './alternate.ts'
import type { LoadResult } from './load.ts'
import { unreachablePortalEnv } from './webhooks.ts'

export interface ReplicasResult {
  readonly one: LoadResult
  readonly three: LoadResult
}

/** Measures edits acknowledged after their commit on one PostgreSQL: by one relay, and by three that share an outbox and the load. */
export async function measureReplicas (): Promise<ReplicasResult> {
  const postgres = await startPostgres()
  const alone = { ...unreachablePortalEnv(''), DATABASE_URL: await postgres.schema() }
  const shared = { ...unreachablePortalEnv(''), DATABASE_URL: await postgres.schema() }
  const relays = await Promise.all([alone, shared, shared, shared].map(env => startRelayProcess(env)))
  const [one, three] = await alternate([relays.slice(0, 1), relays.slice(1)]) as [Measured, Measured]
  await Promise.all(relays.map(relay => relay.stop()))
  await postgres.stop()
  return { one, three }
}
