import { databasePath } from './open.ts'
import { isPostgresUrl } from './postgres/address.ts'
import { sealPortals } from './seal.ts'
import { inspectSqlite } from './sqlite/inspect.ts'
import type { StoreReading } from './store.ts'

/** What the database that DATABASE_URL names says, without changing it; null when there is none yet. Rejects with an Error that says what to do. */
export async function inspectStore (databaseUrl: string, encryptionKey: Buffer | null, portal: string): Promise<StoreReading | null> {
  const reading = isPostgresUrl(databaseUrl)
    ? await (await import('./postgres/inspect.ts')).inspectPostgres(databaseUrl, portal)
    : inspectSqlite(databasePath(databaseUrl), portal)
  if (reading === null) return null
  const sealed = sealPortals({ read: async () => reading.record, write: async () => false }, encryptionKey)
  return { ...reading, record: await sealed.read(portal) }
}
