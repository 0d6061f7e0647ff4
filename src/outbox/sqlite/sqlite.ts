import { existsSync } from 'node:fs'
import { lastWebhooks } from '../activity.ts'
import { createGroupCommit } from '../group-commit.ts'
import type { IncomingEdit, IntakeResult } from '../outbox.ts'
import { reportWindow } from '../rules/confirm.ts'
import type { CommitObserver, Store, StoreSnapshot } from '../store.ts'
import { startWorker, type WorkerHandle } from './worker-handle.ts'
import type { Job } from './worker.ts'
import { createSqliteActivity } from './activity.ts'
import { openForReading } from './database.ts'
import { prepareFile } from './file.ts'
import { createSqlitePortals } from './portals.ts'
import { createSqliteQueries } from './queries.ts'
import { SCHEMA_VERSION, schemaVersion } from './schema.ts'

export interface SqliteOptions {
  /** The database's file; a missing folder is created. */
  readonly path: string
  /** How long to wait for another process that still uses the file. */
  readonly lockWaitMs: number
  readonly now: () => number
  readonly observeCommit?: CommitObserver
  /** Called when a thread is lost: nothing can be stored any more, so the process should end. */
  readonly onLost?: (error: Error) => void
}

/** A tie goes as text, because JSON numbers cannot hold every 64-bit integer. */
function toJson (edits: readonly IncomingEdit[]): string {
  return JSON.stringify(edits.map(({ edit, ...incoming }) => ({ ...incoming, edit: { ...edit, revision: { at: edit.revision.at, tie: String(edit.revision.tie) } } })))
}

/** The embedded store: one file, one process, every write durable at `synchronous=FULL`. */
export async function openSqliteStore (options: SqliteOptions): Promise<Store> {
  const { lockWaitMs, now, observeCommit = () => {}, onLost = () => {} } = options
  const path = prepareFile(options.path)
  const writer = await startWorker({ path, role: 'writer', lockWaitMs }, onLost)
  const commits = createGroupCommit<Job, unknown>({ commit: writer.commit, observe: observeCommit })
  const write = async <Result>(part: string, verb: string, ...args: readonly unknown[]): Promise<Result> => await commits.run({ part, verb, args }) as Result

  // In transactions apart, which no webhook shares: one that fails, as with a damaged table, makes no webhook fail.
  const apart = createGroupCommit<Job, unknown>({ commit: writer.commit, observe () {} })
  const writeApart = async <Result>(part: string, verb: string, ...args: readonly unknown[]): Promise<Result> => await apart.run({ part, verb, args }) as Result

  // The reader's thread starts with the operator's first query, because it needs some 30 MB.
  let reader: Promise<WorkerHandle> | null = null
  const reads = createGroupCommit<Job, unknown>({
    async commit (jobs) {
      reader ??= startWorker({ path, role: 'reader', lockWaitMs }, onLost)
      return await (await reader.catch((error: unknown) => { reader = null; throw error })).commit(jobs)
    },
    observe () {},
  })
  const read = async <Result>(verb: string, ...args: readonly unknown[]): Promise<Result> => await reads.run({ part: 'queries', verb, args }) as Result

  return {
    portal: writer.portal,
    outbox: {
      accept: async edits => JSON.parse(await write('outbox', 'accept', toJson(edits))) as IntakeResult[],
      confirm: reports => write('outbox', 'confirm', reports),
      lanes: portal => write('outbox', 'lanes', portal),
      claim: request => write('outbox', 'claim', request),
      giveBack: call => write('outbox', 'giveBack', call),
      record: call => write('outbox', 'record', call),
      recover: recovery => write('outbox', 'recover', recovery),
      nameless: (portal, at, limit) => write('outbox', 'nameless', portal, at, limit),
      recordNames: question => write('outbox', 'recordNames', question),
      redeliver: (ids, at) => write('outbox', 'redeliver', ids, at),
      prune: (finishedBefore, limit) => write('outbox', 'prune', finishedBefore, limit),
      tallyConfirmations: (portal, window) => read('tallyConfirmations', portal, window),
      ledger: () => read('ledger'),
      backlog: portal => read('backlog', portal),
      oldestPending: portal => read('oldestPending', portal),
      find: id => read('find', id),
      content: id => read('content', id),
      attempts: id => read('attempts', id),
      list: (filter, page) => read('list', filter, page),
      count: (filter, range) => read('count', filter, range),
    },
    portals: {
      read: portal => write('portals', 'read', portal),
      write: (portal, patch, condition) => write('portals', 'write', portal, patch, condition),
    },
    profiles: {
      remember: seen => write('profiles', 'remember', seen),
      find: (portal, connector, user) => write('profiles', 'find', portal, connector, user),
      prune: (seenBefore, limit) => write('profiles', 'prune', seenBefore, limit),
    },
    activity: {
      add: counts => writeApart('activity', 'add', counts),
      prune: (endedBefore, limit) => writeApart('activity', 'prune', endedBefore, limit),
      read: (since, until) => read('activity', since, until),
      latest: until => read('latestActivity', until),
    },
    leases: {
      leaseMs: Infinity,
      acquire: (portal, replica) => write('leases', 'acquire', portal, replica),
      renew: (portal, epoch) => write('leases', 'renew', portal, epoch),
      release: (portal, epoch) => write('leases', 'release', portal, epoch),
    },
    signals: { send () {}, listen () {} },
    probe: () => write('heartbeat', 'beat', now()),
    async close () {
      await Promise.all([commits.close(), apart.close(), reads.close()])
      await (await reader)?.close()
      await writer.close()
    },
  }
}

/** Reads the file's portal, also while a relay uses it; null when there is no database yet. */
export function inspectSqlite (path: string, now: number): StoreSnapshot | null {
  if (!existsSync(path)) return null
  const db = openForReading(path)
  try {
    const version = schemaVersion(db)
    if (version === 0) return null
    if (version !== SCHEMA_VERSION) throw new Error(`${path} has schema ${version}, and this version of the relay has ${SCHEMA_VERSION}: use the version that wrote it`)
    const portals = createSqlitePortals(db)
    const portal = portals.id()
    const record = portals.read(portal)
    const queries = createSqliteQueries(db)
    const confirmations = queries.tallyConfirmations(portal, reportWindow(record, now))
    return { name: path, portal, record, pending: queries.pendingByLane(portal), confirmations, activity: lastWebhooks(createSqliteActivity(db).latest(Number.MAX_SAFE_INTEGER)) }
  } finally {
    db.close()
  }
}
