import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { StoreUnavailable } from '../../base/errors.ts'
import { reportWindow } from '../rules/confirm.ts'
import type { CommitObserver, Store, StoreSnapshot } from '../store.ts'
import { createGroupCommit } from '../group-commit.ts'
import type { IncomingEdit, IntakeResult, PortalReport, ReportResult } from '../outbox.ts'
import { acceptBatch } from './accept.ts'
import { createPostgresActivity, readLastWebhooks } from './activity.ts'
import { readAddress, type Address } from './address.ts'
import { connect, discard, UnsafeServer, type Client } from './connection.ts'
import { explain } from './errors.ts'
import { createPostgresLeases } from './leases.ts'
import { createLink } from './link.ts'
import { createPostgresOutbox } from './outbox.ts'
import { createPostgresPortals, readPortal, readPortalId } from './portals.ts'
import { createPostgresProfiles } from './profiles.ts'
import { createReadPool } from './read-pool.ts'
import { createPostgresQueries, readPendingByLane, tallyConfirmations } from './queries.ts'
import { createTables, NewerSchema, SCHEMA_VERSION, schemaVersion } from './schema.ts'
import { createPostgresSignals } from './signals.ts'

/** A crashed leader is replaced after at most this time and a third of it: the others look three times in a lease. */
const LEASE_MS = 10_000

export interface PostgresOptions {
  readonly databaseUrl: string
  /** Whether a server may be used that can lose commits in a crash. */
  readonly mayBeUnsafe?: boolean | undefined
  /** How long to wait for a server that cannot be used yet. */
  readonly waitMs: number
  readonly now: () => number
  readonly leaseMs?: number | undefined
  readonly observeCommit?: CommitObserver
}

/** What shares a commit: the edits of a webhook, or reports of the portal. */
type Job =
  | { readonly edits: readonly IncomingEdit[], readonly reports?: undefined }
  | { readonly edits?: undefined, readonly reports: readonly PortalReport[] }

/** The store for many replicas: one PostgreSQL, which has each commit on disk before it is acknowledged. */
export async function openPostgresStore ({ databaseUrl, mayBeUnsafe = false, waitMs, now, leaseMs = LEASE_MS, observeCommit = () => {} }: PostgresOptions): Promise<Store> {
  const server = { ...addressOf(databaseUrl), mayBeUnsafe }
  const { name } = server
  const open = (): Promise<Client> => connect(server)
  const portal = await prepare(open, name, waitMs)

  // A connection each, so that webhooks, the courier and the lease do not wait for each other. Parks and the bucket's level rely on the order of
  // the courier's connection.
  const writer = createLink({ name, connect: open })
  const courier = createLink({ name, connect: open })
  const leases = createLink({ name, connect: open, onConnected: client => signals.attach(client) })
  const readers = createReadPool(server)
  const signals = createPostgresSignals(() => leases)

  const replica = randomUUID()
  const commits = createGroupCommit<Job, IntakeResult[] | ReportResult[]>({
    async commit (jobs) {
      const { accepted, confirmed } = await writer.transact(client => acceptBatch(client, replica, jobs.flatMap(({ edits }) => edits ?? []), jobs.flatMap(({ reports }) => reports ?? [])))
      return jobs.map(({ edits, reports }) => edits === undefined ? confirmed.splice(0, reports.length) : accepted.splice(0, edits.length))
    },
    observe: observeCommit,
  })

  return {
    portal,
    outbox: {
      accept: async edits => await commits.run({ edits }) as IntakeResult[],
      confirm: async reports => await commits.run({ reports }) as ReportResult[],
      ...createPostgresOutbox({ link: courier, replica }),
      ...createPostgresQueries(readers)
    },
    portals: createPostgresPortals(courier),
    profiles: createPostgresProfiles(writer, courier),
    activity: createPostgresActivity(courier, readers),
    leases: createPostgresLeases(leases, leaseMs, now),
    signals,
    probe: () => writer.run(async client => {
      await client.query('INSERT INTO heartbeat VALUES (1, $1) ON CONFLICT (one) DO UPDATE SET at = excluded.at', [now()])
    }),
    async close () {
      await commits.close()
      await Promise.all([writer, courier, leases, readers].map(connections => connections.close()))
    },
  }
}

/** Waits until the database can be used and creates missing tables. Returns the id of the database's portal. */
async function prepare (open: () => Promise<Client>, name: string, waitMs: number): Promise<string> {
  const deadline = performance.now() + waitMs
  for (;;) {
    try {
      const client = await open()
      try {
        await createTables(client, name)
        return await readPortalId(client)
      } catch (error) {
        throw error instanceof NewerSchema ? error : explain(error, name)
      } finally {
        discard(client)
      }
    } catch (error) {
      if (!(error instanceof StoreUnavailable) || error instanceof UnsafeServer || performance.now() >= deadline) throw error
    }
    await sleep(Math.min(500, waitMs))
  }
}

/** Reads a database's portal and changes nothing; null when no relay has used the database yet. */
export async function inspectPostgres (databaseUrl: string, mayBeUnsafe: boolean, now: number): Promise<StoreSnapshot | null> {
  const address = addressOf(databaseUrl)
  const client = await connect({ ...address, mayBeUnsafe })
  try {
    const version = await schemaVersion(client)
    if (version === 0) return null
    if (version > SCHEMA_VERSION + 1) {
      throw new Error(`PostgreSQL at ${address.name} has schema ${version}, and this version of the relay has ${SCHEMA_VERSION}: use the version that wrote it`)
    }
    const portal = await readPortalId(client)
    const record = await readPortal(client, portal)
    const pending = await readPendingByLane(client, portal)
    const confirmations = await tallyConfirmations(client, portal, reportWindow(record, now))
    return { name: address.name, portal, record, pending, confirmations, activity: await readLastWebhooks(client) }
  } finally {
    discard(client)
  }
}

/** The configuration has refused other addresses. */
function addressOf (databaseUrl: string): Address {
  const address = readAddress(databaseUrl)
  if (address === null) throw new Error('DATABASE_URL is not the address of a PostgreSQL: write postgres://user:password@host/database')
  return address
}
