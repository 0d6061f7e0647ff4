import type { StoreReading } from '../store.ts'
import { readRecord } from '../portals.ts'
import { readAddress } from './address.ts'
import { connect, discard } from './connection.ts'
import { readBacklog } from './reading.ts'
import { SCHEMA_VERSION, schemaVersion } from './schema.ts'

/** What a database says of a portal, without changing anything; null when no relay has used it yet. */
export async function inspectPostgres (databaseUrl: string, portal: string): Promise<StoreReading | null> {
  const address = readAddress(databaseUrl)
  if (address === null) throw new Error('DATABASE_URL is no address of a PostgreSQL')
  const client = await connect(address)
  try {
    const version = await schemaVersion(client)
    if (version === 0) return null
    if (version > SCHEMA_VERSION + 1) {
      throw new Error(`PostgreSQL at ${address.name} has schema ${version}, and this version of the relay has ${SCHEMA_VERSION}: use the version that wrote it`)
    }
    const { rows: [row] } = await client.query<{ record: string | null }>('SELECT record FROM portals WHERE portal = $1', [portal])
    return { name: address.name, record: readRecord(row?.record), pending: (await readBacklog(client, portal)).pending }
  } finally {
    discard(client)
  }
}
