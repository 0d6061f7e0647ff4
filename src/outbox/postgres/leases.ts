import { ORPHANED_MS, type Leases } from '../leases.ts'
import type { Link } from './link.ts'

/** By the clock, since a database that was restored, or failed over to a replica that lagged, has forgotten how far it had counted. */
const NEXT_EPOCH = 'greatest(epoch + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)'

/** Holds a lease that was released while the leader before may still have been at work: it is free, and still orphaned. */
const NOBODY = ''

/** The server's clock alone decides when a lease has run out; `now`, in milliseconds, never jumps. */
export function createPostgresLeases (link: Link, leaseMs: number, now: () => number): Leases {
  const until = `clock_timestamp() + ${leaseMs} * interval '1 millisecond'`
  const orphanedUntil = new Map<string, number>()
  return {
    leaseMs,

    acquire: (portal, holder) => link.run(async client => {
      const [, { rows: [taken] }] = await Promise.all([
        client.query('INSERT INTO portals (portal) VALUES ($1) ON CONFLICT DO NOTHING', [portal]),
        client.query<{ epoch: number, former: string | null }>(`
          WITH free AS (SELECT lease_holder FROM portals WHERE portal = $1 AND (lease_holder IS NULL OR lease_holder = $2 OR lease_until <= clock_timestamp()) FOR UPDATE)
          UPDATE portals SET epoch = ${NEXT_EPOCH}, lease_holder = $2, lease_until = ${until} FROM free WHERE portal = $1 RETURNING epoch, free.lease_holder AS former`, [portal, holder]),
      ])
      if (taken === undefined) return null
      const isOrphaned = taken.former !== null
      orphanedUntil.set(portal, isOrphaned ? now() + ORPHANED_MS : 0)
      return { epoch: taken.epoch, isOrphaned }
    }),

    renew: (portal, epoch) => link.run(async client => {
      const { rowCount } = await client.query(`UPDATE portals SET lease_until = ${until} WHERE portal = $1 AND epoch = $2 AND lease_holder <> $3`, [portal, epoch, NOBODY])
      return rowCount === 1
    }),

    release: (portal, epoch) => link.run(async client => {
      const former = now() < (orphanedUntil.get(portal) ?? 0) ? NOBODY : null
      await client.query('UPDATE portals SET lease_holder = $3, lease_until = clock_timestamp() WHERE portal = $1 AND epoch = $2', [portal, epoch, former])
    }),
  }
}
