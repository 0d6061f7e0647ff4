import { toColumns, toRecord } from '../portal-columns.ts'
import { ORPHANED_MS, type Leases, type Portals } from '../store.ts'
import type { Client } from './connection.ts'
import type { Link } from './link.ts'
import { storable } from './values.ts'

const ADD = 'INSERT INTO portals (portal) VALUES ($1) ON CONFLICT DO NOTHING'

export function createPostgresPortals (link: Link): Portals {
  return {
    read: portal => link.run(async client => {
      // Without a name: the plan of a named one would not outlive a column that the next release adds.
      const { rows: [row] } = await client.query<Record<string, unknown>>('SELECT * FROM portals WHERE portal = $1', [portal])
      return toRecord(row ?? {})
    }),

    write: (portal, patch, { epoch = null, tokensVersion = null }: { epoch?: number | null, tokensVersion?: number | null } = {}) => link.run(async client => {
      const values = toColumns(patch)
      const changes = [...Object.keys(values).map((name, index) => `${name} = $${index + 4}`), ...patch.tokens === undefined ? [] : ['tokens_version = tokens_version + 1']]
      if (changes.length === 0) return true
      const update = `UPDATE portals SET ${changes.join(', ')} WHERE portal = $1 AND epoch = coalesce($2, epoch) AND tokens_version = coalesce($3, tokens_version)`
      const [, { rowCount }] = await Promise.all([client.query(ADD, [portal]), client.query(update, [portal, epoch, tokensVersion, ...Object.values(values).map(storable)])])
      return rowCount === 1
    }),
  }
}

/**
 * Keeps the portal's row, and with it its lease, from others until the transaction ends, and says whether the epoch is the present one. What is
 * done after it is done before or after another holder's taking over, and never in between.
 */
export async function lockPortal (client: Client, portal: string, epoch: number): Promise<boolean> {
  const { rows: [row] } = await client.query<{ epoch: number }>({ name: 'lock-portal', text: 'SELECT epoch FROM portals WHERE portal = $1 FOR UPDATE', values: [portal] })
  return (row?.epoch ?? 0) === epoch
}

/** By the clock, since a database that was restored, or failed over to a replica that lagged, has forgotten how far it had counted. */
const NEXT_EPOCH = 'greatest(epoch + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)'

/** Holds a lease that was let go of while the holder before may still have been at work: it is free, and still orphaned. */
const NOBODY = ''

/** The server's clock alone decides when a lease has run out; `now`, in milliseconds, never jumps. */
export function createPostgresLeases (link: Link, leaseMs: number, now: () => number): Leases {
  const until = `clock_timestamp() + ${leaseMs} * interval '1 millisecond'`
  const orphanedUntil = new Map<string, number>()
  return {
    leaseMs,

    acquire: (portal, holder) => link.run(async client => {
      const [, { rows: [taken] }] = await Promise.all([client.query(ADD, [portal]), client.query<{ epoch: number, former: string | null }>(`
        WITH free AS (SELECT lease_holder FROM portals WHERE portal = $1 AND (lease_holder IS NULL OR lease_holder = $2 OR lease_until <= clock_timestamp()) FOR UPDATE)
        UPDATE portals SET epoch = ${NEXT_EPOCH}, lease_holder = $2, lease_until = ${until} FROM free WHERE portal = $1 RETURNING epoch, free.lease_holder AS former`, [portal, holder])])
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
