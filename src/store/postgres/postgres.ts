import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { StoreUnavailable } from '../../errors.ts'
import type { CommitObserver, Store } from '../store.ts'
import { identify } from '../identify.ts'
import { acceptBatch } from './accept.ts'
import { readAddress } from './address.ts'
import { connect, discard, type Client } from './connection.ts'
import { explain } from './errors.ts'
import { createGroupCommit } from './group-commit.ts'
import { createLink } from './link.ts'
import { createPostgresOutbox } from './outbox.ts'
import { createPostgresLeases, createPostgresPortals } from './portals.ts'
import { createPostgresProfiles } from './profiles.ts'
import { createPostgresReading } from './reading.ts'
import { migrate, NewerSchema } from './schema.ts'
import { createPostgresSignals } from './signals.ts'

/** A holder that crashed is followed after this long at the latest, and a third of it for the next one's look. */
const LEASE_MS = 10_000

export interface PostgresOptions {
  readonly databaseUrl: string
  /** How long to wait for a server that cannot be used yet. */
  readonly waitMs: number
  readonly now: () => number
  readonly leaseMs?: number | undefined
  readonly observeCommit?: CommitObserver
}

/** The store for many replicas: one PostgreSQL, each commit on disk there before anybody is told of it. */
export async function openPostgresStore ({ databaseUrl, waitMs, now, leaseMs = LEASE_MS, observeCommit = () => {} }: PostgresOptions): Promise<Store> {
  const address = readAddress(databaseUrl)
  if (address === null) throw new Error('DATABASE_URL is no address of a PostgreSQL')
  const { name } = address
  const open = (): Promise<Client> => connect(address)
  await prepare(open, name, waitMs)

  // Webhooks, the courier, operators and the lease do not wait for each other.
  const writer = createLink({ name, connect: open })
  const courier = createLink({ name, connect: open })
  const reader = createLink({ name, connect: open })
  const keeper = createLink({ name, connect: open, onConnected: client => signals.attach(client) })
  const signals = createPostgresSignals(() => keeper)

  const replica = randomUUID()
  const commits = createGroupCommit(edits => writer.transactAtOnce((client, tries) => acceptBatch(client, edits, { replica, isLocked: tries > 0 })), observeCommit)

  return {
    outbox: { accept: async edits => await commits.accept(edits.map(identify)), ...createPostgresOutbox({ link: courier, replica }), ...createPostgresReading(reader) },
    portals: createPostgresPortals(courier),
    profiles: createPostgresProfiles(writer, reader),
    leases: createPostgresLeases(keeper, leaseMs, now),
    signals,
    probe: () => writer.run(async client => {
      await client.query('INSERT INTO heartbeat VALUES (1, $1) ON CONFLICT (one) DO UPDATE SET at = EXCLUDED.at', [now()])
    }),
    async close () {
      await commits.close()
      await Promise.all([writer, courier, reader, keeper].map(link => link.close()))
    },
  }
}

/** Brings the database to this program's schema, as soon as it can be used. */
async function prepare (open: () => Promise<Client>, name: string, waitMs: number): Promise<void> {
  const deadline = performance.now() + waitMs
  for (;;) {
    try {
      const client = await open()
      try {
        return await migrate(client, name)
      } catch (error) {
        throw error instanceof NewerSchema ? error : explain(error, name)
      } finally {
        discard(client)
      }
    } catch (error) {
      if (!(error instanceof StoreUnavailable) || performance.now() >= deadline) throw error
    }
    await sleep(Math.min(500, waitMs))
  }
}
