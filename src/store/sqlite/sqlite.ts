import { accessSync, closeSync, constants, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import type { IntakeResult, Outbox, Portals, Profiles, Store } from '../store.ts'
import { startGroupCommit, type CommitObserver } from './group-commit.ts'
import { encodeEdits } from './wire.ts'

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
  const reader = await startGroupCommit({ path, role: 'reader', lockWaitMs }, () => {}, onLost)

  const outbox: Outbox = {
    async accept (edits) {
      const outcomes = await writer.run<Array<IntakeResult['outcome']>>('outbox', 'accept', encodeEdits(edits))
      return edits.map(({ id }, index) => ({ id, outcome: outcomes[index] as IntakeResult['outcome'] }))
    },
    lanes: portal => writer.run('outbox', 'lanes', portal),
    claim: request => writer.run('outbox', 'claim', request),
    settle: settling => writer.run('outbox', 'settle', settling),
    recover: recovery => writer.run('outbox', 'recover', recovery),
    redeliver: (ids, at) => writer.run('outbox', 'redeliver', ids, at),
    prune: (finishedBefore, limit) => writer.run('outbox', 'prune', finishedBefore, limit),
    ledger: () => reader.run('reading', 'ledger'),
    backlog: portal => reader.run('reading', 'backlog', portal),
    oldestPending: portal => reader.run('reading', 'oldestPending', portal),
    find: id => reader.run('reading', 'find', id),
    attempts: id => reader.run('reading', 'attempts', id),
    list: (filter, page) => reader.run('reading', 'list', filter, page),
  }
  const portals: Portals = {
    read: portal => writer.run('portals', 'read', portal),
    write: (portal, patch) => writer.run('portals', 'write', portal, patch),
  }
  const profiles: Profiles = {
    remember: seen => writer.run('profiles', 'remember', seen),
    find: (portal, connector, user) => writer.run('profiles', 'find', portal, connector, user),
    prune: (seenBefore, limit) => writer.run('profiles', 'prune', seenBefore, limit),
  }
  return {
    outbox,
    portals,
    profiles,
    probe: () => writer.run('heartbeat', 'beat', now()),
    async close () {
      await reader.close()
      await writer.close()
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
    throw new Error(`the folder ${folder} cannot be written by uid ${uid}: run \`chown -R ${uid} ${folder}\` on the host, or set \`fsGroup: ${uid}\` in the pod's securityContext`, { cause: error })
  }
}
