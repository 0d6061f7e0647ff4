import { accessSync, closeSync, constants, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { ShuttingDown } from '../../errors.ts'
import type { CommitObserver, Leases, Outbox, Portals, Profiles, Store } from '../store.ts'
import { startGroupCommit, type GroupCommit } from './group-commit.ts'
import { decodeResults, encodeEdits, type WiredResults } from './wire.ts'

export interface SqliteOptions {
  /** The database's file; its folder is made when it is missing. */
  readonly path: string
  /** How long to wait for another process that still holds the file. */
  readonly lockWaitMs: number
  readonly now: () => number
  readonly observeCommit?: CommitObserver
  /** Called when the writer thread is lost: nothing can be stored any more and the process should end. */
  readonly onLost?: (error: Error) => void
}

/** The embedded store: one file, one process, every write durable at `synchronous=FULL`. */
export async function openSqliteStore (options: SqliteOptions): Promise<Store> {
  prepareFile(options.path)
  const { path, lockWaitMs, now, observeCommit = () => {}, onLost = () => {} } = options
  const writer = await startGroupCommit({ path, role: 'writer', lockWaitMs }, observeCommit, onLost)
  const reading = createReading(() => startGroupCommit({ path, role: 'reader', lockWaitMs }, () => {}, onLost))

  const outbox: Outbox = {
    async accept (edits) {
      return decodeResults(await writer.run<WiredResults>('outbox', 'accept', encodeEdits(edits)))
    },
    lanes: portal => writer.run('outbox', 'lanes', portal),
    claim: request => writer.run('outbox', 'claim', request),
    giveBack: call => writer.run('outbox', 'giveBack', call),
    settle: settling => writer.run('outbox', 'settle', settling),
    recover: recovery => writer.run('outbox', 'recover', recovery),
    redeliver: (ids, at) => writer.run('outbox', 'redeliver', ids, at),
    prune: (finishedBefore, limit) => writer.run('outbox', 'prune', finishedBefore, limit),
    ledger: () => reading.run('ledger'),
    backlog: portal => reading.run('backlog', portal),
    oldestPending: portal => reading.run('oldestPending', portal),
    find: id => reading.run('find', id),
    attempts: id => reading.run('attempts', id),
    list: (filter, page) => reading.run('list', filter, page),
  }
  const portals: Portals = {
    read: portal => writer.run('portals', 'read', portal),
    write: (portal, patch, condition) => writer.run('portals', 'write', portal, patch, condition),
  }
  const profiles: Profiles = {
    remember: seen => writer.run('profiles', 'remember', seen),
    find: (portal, connector, user) => writer.run('profiles', 'find', portal, connector, user),
    prune: (seenBefore, limit) => writer.run('profiles', 'prune', seenBefore, limit),
  }
  const leases: Leases = {
    leaseMs: Infinity,
    acquire: (portal, holder) => writer.run('leases', 'acquire', portal, holder),
    renew: (portal, epoch) => writer.run('leases', 'renew', portal, epoch),
    release: (portal, epoch) => writer.run('leases', 'release', portal, epoch),
  }
  return {
    outbox,
    portals,
    profiles,
    leases,
    // There is no other process to tell.
    signals: { send () {}, listen () {} },
    probe: () => writer.run('heartbeat', 'beat', now()),
    async close () {
      await reading.close()
      await writer.close()
    },
  }
}

/** The reader's thread is started when an operator first asks for something, since it costs some 30 MB. */
function createReading (start: () => Promise<GroupCommit>) {
  let started: Promise<GroupCommit> | null = null
  let closed = false
  return {
    async run<Result> (verb: string, ...args: readonly unknown[]): Promise<Result> {
      if (closed) throw new ShuttingDown('the store is closed')
      started ??= start().catch((error: unknown) => {
        started = null
        throw error
      })
      return await (await started).run('reading', verb, ...args)
    },
    async close (): Promise<void> {
      closed = true
      await (await started)?.close()
    },
  }
}

/** Makes the folder and the file readable for their owner only: they hold customers' words and the portal's tokens. */
function prepareFile (path: string): void {
  const folder = dirname(path)
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    accessSync(folder, constants.W_OK | constants.X_OK)
    closeSync(openSync(path, 'a', 0o600))
  } catch (error) {
    const uid = process.getuid?.() ?? 'the user of this process'
    if (error instanceof Error && 'code' in error && error.code === 'EROFS') {
      throw new Error(`the folder ${folder} is on a file system that is mounted for reading only: mount it for writing, or give the database a volume of its own`, { cause: error })
    }
    throw new Error(`the folder ${folder} cannot be written by uid ${uid}: run \`chown -R ${uid} ${folder}\` on the host, or set \`fsGroup: ${uid}\` in the pod's securityContext`, { cause: error })
  }
}
