import { accessSync, closeSync, constants, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Outbox, Portals, Store } from '../store.ts'
import { startGroupCommit, type CommitObserver } from './group-commit.ts'

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
  const commit = await startGroupCommit({ path, lockWaitMs }, observeCommit, onLost)

  const outbox: Outbox = {
    accept: edits => commit.run('outbox', 'accept', edits),
    lanes: portal => commit.run('outbox', 'lanes', portal),
    claim: request => commit.run('outbox', 'claim', request),
    settle: (_portal, callId, settlements, at) => commit.run('outbox', 'settle', callId, settlements, at),
    recover: (portal, at, quarantineUntil) => commit.run('outbox', 'recover', portal, at, quarantineUntil),
    backlog: portal => commit.run('outbox', 'backlog', portal),
    ledger: () => commit.run('outbox', 'ledger'),
    find: id => commit.run('outbox', 'find', id),
    prune: (finishedBefore, limit) => commit.run('outbox', 'prune', finishedBefore, limit),
  }
  const portals: Portals = {
    read: portal => commit.run('portals', 'read', portal),
    write: (portal, patch) => commit.run('portals', 'write', portal, patch),
  }
  return {
    outbox,
    portals,
    probe: () => commit.run('heartbeat', 'beat', now()),
    close: () => commit.close(),
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
    throw new Error(`the folder ${folder} cannot be written by uid ${uid}: run \`chown -R ${uid} ${folder}\` on the host, or set \`fsGroup: ${uid}\` in the pod's securityContext`, { cause: error })
  }
}
