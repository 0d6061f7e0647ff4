import { ORPHANED_MS, type Leases } from '../leases.ts'
import type { Link } from './link.ts'

/** At least the server's clock: after a restore, or a fail-over to a stand-by that lagged, the last epoch may be lost. */
const NEXT_EPOCH = 'greatest(epoch + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)'

/** The leader of a lease that is free but still orphaned: it was released while the leader before it may still have been at work. */
const NOBODY = ''

/** Only the server's clock decides when a lease has run out. `now`: milliseconds of a clock that never jumps. */
export function createPostgresLeases (link: Link, leaseMs: number, now: () => number): Leases {
  const until = `clock_timestamp() + ${leaseMs} * interval '1 millisecond'`
  const orphanedUntil = new Map<string, number>()
  return {
    leaseMs,

    acquire: (portal, replica) => link.run(async client => {
      const [, { rows: [taken] }] = await Promise.all([
        client.query('INSERT INTO portals (portal) VALUES ($1) ON CONFLICT DO NOTHING', [portal]),
        client.query<{ epoch: number, former: string | null }>(`
          WITH free AS (SELECT leader FROM portals WHERE portal = $1 AND (leader IS NULL OR leader = $2 OR lease_until <= clock_timestamp()) FOR UPDATE)
          UPDATE portals SET epoch = ${NEXT_EPOCH}, leader = $2, lease_until = ${until} FROM free WHERE portal = $1 RETURNING epoch, free.leader AS former`, [portal, replica]),
      ])
      if (taken === undefined) return null
      const isOrphaned = taken.former !== null
      orphanedUntil.set(portal, isOrphaned ? now() + ORPHANED_MS : 0)
      return { epoch: taken.epoch, isOrphaned }
    }),

    renew: (portal, epoch) => link.run(async client => {
      const { rowCount } = await client.query(`UPDATE portals SET lease_until = ${until} WHERE portal = $1 AND epoch = $2 AND leader <> $3`, [portal, epoch, NOBODY])
      return rowCount === 1
    }),

    release: (portal, epoch) => link.run(async client => {
      const former = now() < (orphanedUntil.get(portal) ?? 0) ? NOBODY : null
      await client.query('UPDATE portals SET leader = $3, lease_until = clock_timestamp() WHERE portal = $1 AND epoch = $2', [portal, epoch, former])
    }),
  }
}
