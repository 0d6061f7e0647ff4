import { parentPort, workerData } from 'node:worker_threads'
import type { DatabaseSync } from 'node:sqlite'
import { lockDatabase, openDatabase, openForReading } from './database.ts'
import { createSqliteOutbox } from './outbox.ts'
import { createSqlitePortals } from './portals.ts'
import { createSqliteProfiles } from './profiles.ts'
import { createSqliteReading } from './reading.ts'

/*
 * A thread with a connection of its own to the database. It gets batches of jobs, runs each batch in one transaction and answers once
 * the commit is on disk, so that a slow disk stops neither the HTTP server nor the jobs that gather meanwhile.
 */

/** One verb with its arguments; all of them survive a structured clone. */
export interface Job {
  readonly part: string
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
  /** There is one writer, which owns the file; a reader works beside it on what is committed. */
  readonly role: 'writer' | 'reader'
  readonly lockWaitMs: number
}

interface Verbs {
  readonly parts: Readonly<Record<string, object>>
  /** Called within each transaction, before its first job and after its last. */
  readonly begin?: () => void
  readonly end?: () => void
}

const port = parentPort
if (port === null) throw new Error('this module is a worker thread of the store')
const { path, role, lockWaitMs } = workerData as WorkerOptions

const send = (message: WorkerMessage): void => port.postMessage(message)

try {
  const lock = role === 'writer' ? await lockDatabase(path, lockWaitMs) : null
  const db = role === 'writer' ? openDatabase(path) : openForReading(path)
  const verbs = role === 'writer' ? writerVerbs(db) : { parts: { reading: createSqliteReading(db) } }
  port.on('message', (jobs: readonly Job[] | 'close') => {
    if (jobs === 'close') {
      db.close()
      lock?.close()
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

function writerVerbs (db: DatabaseSync): Verbs {
  const profiles = createSqliteProfiles(db)
  const beat = db.prepare('INSERT INTO heartbeat (one, at) VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET at = ?1')
  const outbox = createSqliteOutbox(db, profiles)
  const heartbeat = { beat: (at: number) => { beat.run(at) } }
  return { parts: { outbox, portals: createSqlitePortals(db), profiles, heartbeat }, begin: outbox.begin, end: outbox.end }
}

/** A batch that fails is rolled back whole and tried again job by job, so that one bad job fails alone. */
function runBatch (db: DatabaseSync, verbs: Verbs, jobs: readonly Job[]): JobResult[] {
  try {
    return inTransaction(db, verbs, jobs)
  } catch (error) {
    if (jobs.length === 1) return [{ error: describe(error), transient: isTransient(error) }]
    return jobs.map(job => runBatch(db, verbs, [job])[0] as JobResult)
  }
}

function inTransaction (db: DatabaseSync, verbs: Verbs, jobs: readonly Job[]): JobResult[] {
  db.exec(role === 'writer' ? 'BEGIN IMMEDIATE' : 'BEGIN')
  try {
    verbs.begin?.()
    const results = jobs.map(job => ({ value: run(verbs, job) }))
    verbs.end?.()
    db.exec('COMMIT')
    return results
  } catch (error) {
    // SQLite has already rolled back by itself after a full disk or an I/O error.
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}

function run (verbs: Verbs, job: Job): unknown {
  const part = verbs.parts[job.part] as Readonly<Record<string, (...args: readonly unknown[]) => unknown>> | undefined
  const verb = part?.[job.verb]
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
