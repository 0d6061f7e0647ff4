import { parentPort, workerData } from 'node:worker_threads'
import type { DatabaseSync } from 'node:sqlite'
import { lockDatabase, openDatabase } from './database.ts'
import { createSqliteOutbox, type SqliteOutbox } from './outbox.ts'
import { createSqlitePortals, type SqlitePortals } from './portals.ts'

/*
 * The thread that owns the database. It gets batches of jobs, runs each batch in one transaction and answers once the commit is on disk,
 * so that a disk's slow flush stops neither the HTTP server nor the jobs that gather meanwhile.
 */

interface HeartbeatVerbs { heartbeat: { beat (at: number): void } }
type Verbs = { outbox: SqliteOutbox, portals: SqlitePortals } & HeartbeatVerbs

/** One verb with its arguments; all of them survive a structured clone. */
export interface Job {
  readonly part: keyof Verbs
  readonly verb: string
  readonly args: readonly unknown[]
}

/** `transient` says that the database could not do it now (full, locked, read-only), as against a fault of ours. */
export type JobResult = { readonly value: unknown } | { readonly error: string, readonly transient: boolean }

export type WorkerMessage =
  | { readonly type: 'ready' }
  | { readonly type: 'failed', readonly error: string }
  | { readonly type: 'done', readonly results: readonly JobResult[], readonly commitMs: number }
  | { readonly type: 'closed' }

export interface WorkerOptions {
  readonly path: string
  readonly lockWaitMs: number
}

const port = parentPort
if (port === null) throw new Error('this module is a worker thread of the store')
const { path, lockWaitMs } = workerData as WorkerOptions

const send = (message: WorkerMessage): void => port.postMessage(message)

try {
  const lock = await lockDatabase(path, lockWaitMs)
  const db = openDatabase(path)
  const verbs = createVerbs(db)
  port.on('message', (jobs: readonly Job[] | 'close') => {
    if (jobs === 'close') {
      db.close()
      lock.close()
      send({ type: 'closed' })
      port.close()
      return
    }
    const started = performance.now()
    const results = runBatch(db, verbs, jobs)
    send({ type: 'done', results, commitMs: performance.now() - started })
  })
  send({ type: 'ready' })
} catch (error) {
  send({ type: 'failed', error: describe(error) })
}

function createVerbs (db: DatabaseSync): Verbs {
  const beat = db.prepare('INSERT INTO heartbeat (one, at) VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET at = ?1')
  return { outbox: createSqliteOutbox(db), portals: createSqlitePortals(db), heartbeat: { beat: (at: number) => { beat.run(at) } } }
}

/** A batch that fails is rolled back whole and tried again job by job, so that one bad job fails alone. */
function runBatch (db: DatabaseSync, verbs: Verbs, jobs: readonly Job[]): JobResult[] {
  try {
    return inTransaction(db, () => jobs.map(job => ({ value: run(verbs, job) })))
  } catch (error) {
    if (jobs.length === 1) return [{ error: describe(error), transient: isTransient(error) }]
    return jobs.map(job => runBatch(db, verbs, [job])[0] as JobResult)
  }
}

function inTransaction<Result> (db: DatabaseSync, work: () => Result): Result {
  db.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    db.exec('COMMIT')
    return result
  } catch (error) {
    // SQLite has already rolled back by itself after a full disk or an I/O error.
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}

function run (verbs: Verbs, job: Job): unknown {
  const part = verbs[job.part] as unknown as Record<string, (...args: readonly unknown[]) => unknown>
  const verb = part[job.verb]
  if (verb === undefined) throw new Error(`the store has no verb ${job.part}.${job.verb}`)
  return verb(...job.args)
}

/** Errors of SQLite carry its result code; whatever else is thrown here is a fault of this program. */
function isTransient (error: unknown): boolean {
  return error instanceof Error && 'errcode' in error
}

function describe (error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
