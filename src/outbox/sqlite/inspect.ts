import { existsSync } from 'node:fs'
import type { StoreReading } from '../store.ts'
import { openForReading } from './database.ts'
import { createSqlitePortals } from './portals.ts'
import { createSqliteReading } from './reading.ts'
import { SCHEMA_VERSION, schemaVersion } from './schema.ts'

/** What the file says of a portal, read beside a relay that runs on it; null when there is none yet. */
export function inspectSqlite (path: string, portal: string): StoreReading | null {
  if (!existsSync(path)) return null
  const db = openForReading(path)
  try {
    const version = schemaVersion(db)
    if (version === 0) return null
    if (version !== SCHEMA_VERSION) throw new Error(`${path} has schema ${version}, and this version of the relay has ${SCHEMA_VERSION}: use the version that wrote it`)
    return { name: path, record: createSqlitePortals(db).read(portal), pending: createSqliteReading(db).backlog(portal).pending }
  } finally {
    db.close()
  }
}
