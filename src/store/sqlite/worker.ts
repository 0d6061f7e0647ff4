import { parentPort, receiveMessageOnPort, workerData, type MessagePort } from 'node:worker_threads'
import type { DatabaseSync } from 'node:sqlite'
import { explain, lockDatabase, openDatabase, openForReading } from './database.ts'
import { createSqliteIds } from './ids.ts'
import { createSqliteLeases } from './leases.ts'
import { createSqliteOutbox } from './outbox.ts'
import { createSqlitePortals } from './portals.ts'
import { createSqliteProfiles } from './profiles.ts'
import { createSqliteReading } from './reading.ts'
import { decodeEdits, encodeResults, type Wire } from './wire.ts'

/*
 * A thread with a connection of its own to the database. It gets batches of jobs, runs each batch in one transaction and answers once
 * the commit is on disk, so that a slow disk stops neither the HTTP server nor the jobs that gather meanwhile.
 */

/** A part, one of its verbs, and the verb's arguments, all of which survive a structured clone. Lists are cloned faster than objects. */
export type Job = readonly [part: string, verb: string, ...args: unknown[]]

/** `transient` says that the database could not do it now (full, locked, read-only), as against a fault of ours. */
export interface Fault {
  readonly error: string
  readonly transient: boolean
}

/** For each job its value, or in `faults` why it has none; `faults` is null when all went well. */
export interface BatchResult {
  readonly values: readonly unknown[]
  readonly faults: ReadonlyArray<Fault | null> | null
}

export type WorkerMessage =
  | { readonly type: 'ready' }
  | { readonly type: 'failed', readonly error: string }
  | { readonly type: 'done', readonly result: BatchResult, readonly commitMs: number }
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
  /** Called after a transaction that came to nothing. */
  readonly rolledBack?: () => void
}

/** A batch holds the writer while it runs, so it is bounded. */
const MAX_BATCH = 2_000

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
    const batch = withGathered(jobs)
    const started = performance.now()
    const result = runBatch(db, verbs, batch)
    send({ type: 'done', result, commitMs: performance.now() - started })
  })
  send({ type: 'ready' })
} catch (error) {
  send({ type: 'failed', error: explain(error, path) })
}

/** With the jobs that came meanwhile. "close" is not among them: it is said once nobody waits any more. */
function withGathered (jobs: readonly Job[]): Job[] {
  const batch = [...jobs]
  while (batch.length < MAX_BATCH) {
    const more = receiveMessageOnPort(port as MessagePort)
    if (more === undefined) break
    batch.push(...more.message as Job[])
  }
  return batch
}

function writerVerbs (db: DatabaseSync): Verbs {
  const profiles = createSqliteProfiles(db)
  const beat = db.prepare('INSERT INTO heartbeat (one, at) VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET at = ?1')
  const leases = createSqliteLeases(db)
  const outbox = createSqliteOutbox(db, createSqliteIds(db), profiles, leases)
  const accept = (edits: Wire) => encodeResults(outbox.accept(decodeEdits(edits)))
  const heartbeat = { beat: (at: number) => { beat.run(at) } }
  const rolledBack = () => {
    outbox.forgetMade()
    profiles.forgetRecent()
  }
  return { parts: { outbox: { ...outbox, accept }, portals: createSqlitePortals(db), leases, profiles, heartbeat }, begin: outbox.begin, end: outbox.end, rolledBack }
}

/** A batch that fails is rolled back whole and tried again job by job, so that one bad job fails alone. */
function runBatch (db: DatabaseSync, verbs: Verbs, jobs: readonly Job[]): BatchResult {
  try {
    return { values: inTransaction(db, verbs, jobs), faults: null }
  } catch (error) {
    if (jobs.length === 1) return { values: [null], faults: [{ error: explain(error, path), transient: isTransient(error) }] }
    const results = jobs.map(job => runBatch(db, verbs, [job]))
    return { values: results.map(result => result.values[0]), faults: results.map(result => result.faults?.[0] ?? null) }
  }
}

function inTransaction (db: DatabaseSync, verbs: Verbs, jobs: readonly Job[]): unknown[] {
  db.exec(role === 'writer' ? 'BEGIN IMMEDIATE' : 'BEGIN')
  try {
    verbs.begin?.()
    const values = jobs.map(job => run(verbs, job))
    verbs.end?.()
    db.exec('COMMIT')
    return values
  } catch (error) {
    // SQLite has already rolled back by itself after a full disk or an I/O error.
    if (db.isTransaction) db.exec('ROLLBACK')
    verbs.rolledBack?.()
    throw error
  }
}

function run (verbs: Verbs, [part, name, ...args]: Job): unknown {
  const verb = (verbs.parts[part] as Readonly<Record<string, (...args: readonly unknown[]) => unknown>> | undefined)?.[name]
  if (verb === undefined) throw new Error(`the store has no verb ${part}.${name}`)
  return verb(...args)
}

/** Errors of SQLite carry its result code; whatever else is thrown here is a fault of this program. */
function isTransient (error: unknown): boolean {
  return error instanceof Error && 'errcode' in error
}
