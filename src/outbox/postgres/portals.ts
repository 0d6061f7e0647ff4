import { meets, patchRecord, readRecord, type PortalPatch, type PortalRecord, type Portals } from '../portals.ts'
import type { Client } from './connection.ts'
import type { Link } from './link.ts'

/** The id of the database's portal, which the schema has made. */
export async function readPortalId (client: Client): Promise<string> {
  const { rows: [row] } = await client.query<{ portal: string }>('SELECT portal FROM portals ORDER BY seq LIMIT 1')
  return row?.portal as string
}

export async function readPortal (client: Client, portal: string): Promise<PortalRecord> {
  const { rows: [row] } = await client.query<{ record: string | null }>('SELECT record FROM portals WHERE portal = $1', [portal])
  return readRecord(row?.record)
}

/** Locks the portal's row, and with it the lease, until the transaction ends. So no other leader can take over during the transaction. */
export async function lockPortal (client: Client, portal: string): Promise<{ readonly epoch: number, readonly record: PortalRecord }> {
  const [, { rows: [row] }] = await Promise.all([
    client.query({ name: 'add-portal', text: 'INSERT INTO portals (portal) VALUES ($1) ON CONFLICT DO NOTHING', values: [portal] }),
    client.query<{ epoch: number, record: string | null }>({ name: 'lock-portal', text: 'SELECT epoch, record FROM portals WHERE portal = $1 FOR UPDATE', values: [portal] }),
  ])
  return { epoch: row?.epoch ?? 0, record: readRecord(row?.record) }
}

/** Changes the record of a portal that is locked. */
export async function writePortal (client: Client, portal: string, record: PortalRecord, patch: PortalPatch): Promise<void> {
  await client.query({ name: 'write-portal', text: 'UPDATE portals SET record = $2 WHERE portal = $1', values: [portal, patchRecord(record, patch)] })
}

export function createPostgresPortals (link: Link): Portals {
  return {
    read: portal => link.run(client => readPortal(client, portal)),

    write: (portal, patch, condition = {}) => link.transact(async client => {
      const { epoch, record } = await lockPortal(client, portal)
      if (!meets(condition, epoch, record)) return false
      await writePortal(client, portal, record, patch)
      return true
    }),
  }
}
