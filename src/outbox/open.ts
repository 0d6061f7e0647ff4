import { fileURLToPath } from 'node:url'
import { isPostgresUrl } from './postgres/address.ts'
import { sealPortals } from './seal.ts'
import { inspectSqlite, openSqliteStore } from './sqlite/sqlite.ts'
import type { CommitObserver, Store, StoreSnapshot } from './store.ts'

/** How long to wait for the process that still uses the file (a rolling restart), or for a PostgreSQL that is still starting. */
const LOCK_WAIT_MS = 30_000

export interface OpenOptions {
  readonly databaseUrl: string
  readonly encryptionKey: Buffer | null
  /** Whether a PostgreSQL may be used that can lose commits in a crash. */
  readonly mayBeUnsafe?: boolean
  readonly now: () => number
  readonly lockWaitMs?: number
  /** How long a lease runs where processes share a server; PostgreSQL's default if absent. */
  readonly leaseMs?: number | undefined
  readonly observeCommit?: CommitObserver
  readonly onLost?: (error: Error) => void
}

/** Opens the store that DATABASE_URL names. Rejects with an Error whose message says what to do. */
export async function openStore (options: OpenOptions): Promise<Store> {
  const { databaseUrl, encryptionKey, mayBeUnsafe, lockWaitMs = LOCK_WAIT_MS, leaseMs, ...rest } = options
  const store = isPostgresUrl(databaseUrl)
    ? await openPostgres(databaseUrl, lockWaitMs, { mayBeUnsafe, leaseMs, ...rest })
    : await openSqliteStore({ path: databasePath(databaseUrl), lockWaitMs, ...rest })
  return { ...store, portals: sealPortals(store.portals, encryptionKey) }
}

/** Loads the PostgreSQL client only where it is used. */
async function openPostgres (databaseUrl: string, waitMs: number, options: Pick<OpenOptions, 'mayBeUnsafe' | 'now' | 'leaseMs' | 'observeCommit'>): Promise<Store> {
  const { openPostgresStore } = await import('./postgres/postgres.ts')
  return await openPostgresStore({ databaseUrl, waitMs, ...options })
}

/** The path of a `file:` URL. `file:./data/relay.db` is relative to the working directory, which standard URLs do not allow. */
export function databasePath (databaseUrl: string): string {
  return databaseUrl.startsWith('file:///') ? fileURLToPath(databaseUrl) : databaseUrl.replace(/^file:/, '')
}

/** Reads the database that DATABASE_URL names and changes nothing; null when there is none yet. Rejects with an Error that says what to do. */
export async function inspectStore ({ databaseUrl, encryptionKey, mayBeUnsafe = false, now }: Pick<OpenOptions, 'databaseUrl' | 'encryptionKey' | 'mayBeUnsafe' | 'now'>): Promise<StoreSnapshot | null> {
  const snapshot = isPostgresUrl(databaseUrl)
    ? await (await import('./postgres/postgres.ts')).inspectPostgres(databaseUrl, mayBeUnsafe, now())
    : inspectSqlite(databasePath(databaseUrl), now())
  if (snapshot === null) return null
  const sealed = sealPortals({ read: async () => snapshot.record, write: async () => false }, encryptionKey)
  return { ...snapshot, record: await sealed.read(snapshot.portal) }
}
