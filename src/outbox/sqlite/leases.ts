import type { DatabaseSync } from 'node:sqlite'
import type { Lease } from '../leases.ts'

export type SqliteLeases = ReturnType<typeof createSqliteLeases>

/**
 * The leases' verbs, synchronous and without a transaction of their own. The lock on the file proves that no other process uses it. So a lease never
 * runs out, and a former leader is gone. Epochs are a second defence if the file lock fails.
 */
export function createSqliteLeases (db: DatabaseSync) {
  db.exec('UPDATE portals SET leader = NULL')
  const add = db.prepare('INSERT OR IGNORE INTO portals (portal) VALUES (?)')
  const take = db.prepare('UPDATE portals SET epoch = epoch + 1, leader = ?2 WHERE portal = ?1 AND coalesce(leader, ?2) = ?2 RETURNING epoch')
  const held = db.prepare('SELECT 1 FROM portals WHERE portal = ? AND epoch = ? AND leader IS NOT NULL')
  const free = db.prepare('UPDATE portals SET leader = NULL WHERE portal = ? AND epoch = ?')
  const current = db.prepare('SELECT epoch FROM portals WHERE portal = ?')

  return {
    acquire (portal: string, replica: string): Lease | null {
      add.run(portal)
      const taken = take.get(portal, replica)
      return taken === undefined ? null : { epoch: taken.epoch as number, isOrphaned: false }
    },

    renew (portal: string, epoch: number): boolean {
      return held.get(portal, epoch) !== undefined
    },

    release (portal: string, epoch: number): void {
      free.run(portal, epoch)
    },

    isCurrent (portal: string, epoch: number): boolean {
      return (current.get(portal)?.epoch ?? 0) === epoch
    },
  }
}
