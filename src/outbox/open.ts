import { fileURLToPath } from 'node:url'
import { isPostgresUrl } from './postgres/address.ts'
import { sealPortals } from './seal.ts'
import { inspectSqlite, openSqliteStore } from './sqlite/sqlite.ts'
import type { CommitObserver, Store, StoreSnapshot } from './store.ts'

/** A second process on one file waits this long for the first to stop, as in a rolling restart; so does one for a server that is starting. */
const LOCK_WAIT_MS = 30_000

export interface OpenOptions {
  readonly databaseUrl: string
  readonly encryptionKey: Buffer | null
  readonly now: () => number
  readonly lockWaitMs?: number
  /** How long a lease runs where processes share a server; its own default where nothing is said. */
  readonly leaseMs?: number | undefined
  readonly observeCommit?: CommitObserver
  readonly onLost?: (error: Error) => void
}

/** Opens the store that DATABASE_URL names. Rejects with an Error whose message says what to do. */
export async function openStore (options: OpenOptions): Promise<Store> {
  const { databaseUrl, encryptionKey, lockWaitMs = LOCK_WAIT_MS, leaseMs, ...rest } = options
  const store = isPostgresUrl(databaseUrl)
    ? await openPostgres(databaseUrl, lockWaitMs, { leaseMs, ...rest })
    : await openSqliteStore({ path: databasePath(databaseUrl), lockWaitMs, ...rest })
  return { ...store, portals: sealPortals(store.portals, encryptionKey) }
}

/** The client of a server is loaded where there is one. */
async function openPostgres (databaseUrl: string, waitMs: number, options: Pick<OpenOptions, 'now' | 'leaseMs' | 'observeCommit'>): Promise<Store> {
  const { openPostgresStore } = await import('./postgres/postgres.ts')
  return await openPostgresStore({ databaseUrl, waitMs, ...options })
}

/** The path that a `file:` URL means; `file:./data/relay.db` is relative to the working directory, which no standard URL can say. */
export function databasePath (databaseUrl: string): string {
  return databaseUrl.startsWith('file:///') ? fileURLToPath(databaseUrl) : databaseUrl.replace(/^file:/, '')
}

/** What the database that DATABASE_URL names says, without changing it; null when there is none yet. Rejects with an Error that says what to do. */
export async function inspectStore (databaseUrl: string, encryptionKey: Buffer | null, portal: string): Promise<StoreSnapshot | null> {
  const reading = isPostgresUrl(databaseUrl)
    ? await (await import('./postgres/postgres.ts')).inspectPostgres(databaseUrl, portal)
    : inspectSqlite(databasePath(databaseUrl), portal)
  if (reading === null) return null
  const sealed = sealPortals({ read: async () => reading.record, write: async () => false }, encryptionKey)
  return { ...reading, record: await sealed.read(portal) }
}
