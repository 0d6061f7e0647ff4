import { existsSync } from 'node:fs'
import { databasePath } from '../store/open.ts'
import { sealPortals } from '../store/seal.ts'
import { openForReading } from '../store/sqlite/database.ts'
import { createSqlitePortals } from '../store/sqlite/portals.ts'
import { createSqliteReading } from '../store/sqlite/reading.ts'
import { SCHEMA_VERSION, schemaVersion } from '../store/sqlite/schema.ts'
import type { PortalRecord } from '../store/store.ts'

export interface StoreReading {
  readonly path: string
  readonly record: PortalRecord
  readonly pending: number
}

/** What the database says, read beside a relay that runs on it; null when there is no database yet. Rejects with an Error that says what to do. */
export async function readStore (databaseUrl: string, encryptionKey: Buffer | null, portal: string): Promise<StoreReading | null> {
  const path = databasePath(databaseUrl)
  if (!existsSync(path)) return null
  const db = openForReading(path)
  try {
    const version = schemaVersion(db)
    if (version === 0) return null
    if (version !== SCHEMA_VERSION) throw new Error(`${path} has schema ${version}, and this version of the relay has ${SCHEMA_VERSION}: start the relay once, or use the version that wrote it`)
    const portals = createSqlitePortals(db)
    const sealed = sealPortals({ read: async name => portals.read(name), write: async () => { throw new Error('opened for reading') } }, encryptionKey)
    return { path, record: await sealed.read(portal), pending: createSqliteReading(db).backlog(portal).pending }
  } finally {
    db.close()
  }
}
