import type { DatabaseSync } from 'node:sqlite'
import { toColumns, toRecord } from '../portal-columns.ts'
import type { PortalPatch, PortalRecord, WriteCondition } from '../store.ts'

export type SqlitePortals = ReturnType<typeof createSqlitePortals>

/** The portals' verbs, synchronous and without a transaction of their own. */
export function createSqlitePortals (db: DatabaseSync) {
  const one = db.prepare('SELECT * FROM portals WHERE portal = ?')
  const add = db.prepare('INSERT OR IGNORE INTO portals (portal) VALUES (?)')

  return {
    read (portal: string): PortalRecord {
      return toRecord(one.get(portal) ?? {})
    },

    write (portal: string, patch: PortalPatch, { epoch = null, tokensVersion = null }: Partial<Record<keyof WriteCondition, number | null>> = {}): boolean {
      const values = toColumns(patch)
      const changes = [...Object.keys(values).map(name => `${name} = ?`), ...patch.tokens === undefined ? [] : ['tokens_version = tokens_version + 1']]
      if (changes.length === 0) return true
      add.run(portal)
      const { changes: rows } = db.prepare(`UPDATE portals SET ${changes.join(', ')} WHERE portal = ? AND epoch = coalesce(?, epoch) AND tokens_version = coalesce(?, tokens_version)`)
        .run(...Object.values(values), portal, epoch, tokensVersion)
      return Number(rows) === 1
    },
  }
}
