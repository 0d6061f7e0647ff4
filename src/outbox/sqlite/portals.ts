import type { DatabaseSync } from 'node:sqlite'
import { meets, patchRecord, readRecord, type PortalPatch, type PortalRecord, type WriteCondition } from '../portals.ts'

export type SqlitePortals = ReturnType<typeof createSqlitePortals>

/** The portals' verbs, synchronous and without a transaction of their own. */
export function createSqlitePortals (db: DatabaseSync) {
  const first = db.prepare('SELECT portal FROM portals ORDER BY rowid LIMIT 1')
  const one = db.prepare('SELECT epoch, record FROM portals WHERE portal = ?')
  const save = db.prepare('INSERT INTO portals (portal, record) VALUES (?1, ?2) ON CONFLICT (portal) DO UPDATE SET record = ?2')

  function load (portal: string): { readonly epoch: number, readonly record: PortalRecord } {
    const sql = one.get(portal)
    return { epoch: (sql?.epoch ?? 0) as number, record: readRecord(sql?.record as string | null | undefined) }
  }

  return {
    /** The id of the database's portal, which the schema has made. */
    id: (): string => first.get()?.portal as string,

    read: (portal: string): PortalRecord => load(portal).record,

    write (portal: string, patch: PortalPatch, condition: WriteCondition = {}): boolean {
      const { epoch, record } = load(portal)
      if (!meets(condition, epoch, record)) return false
      save.run(portal, patchRecord(record, patch))
      return true
    },
  }
}
