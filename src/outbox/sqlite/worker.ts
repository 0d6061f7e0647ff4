import type { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { createSqliteActivity } from './activity.ts'
import { explain, isUnusable, lockDatabase, openDatabase, openForReading } from './database.ts'
import { createSqliteLeases } from './leases.ts'
import type { IncomingEdit } from '../outbox.ts'
import { createSqliteOutbox } from './outbox.ts'
import { createSqlitePortals } from './portals.ts'
import { createSqliteProfiles } from './profiles.ts'
import { createSqliteQueries } from './queries.ts'

/*
 * A thread with its own connection to the database. It runs each batch of jobs in one transaction and answers after the commit. So a slow disk does
 * not block the event loop of the HTTP server.
 */

/** A verb of a part of the store, with arguments that can be cloned to the thread. */
export interface Job {
  readonly part: string
  readonly verb: string
  readonly args: readonly unknown[]
}

/** `isUnusable`: the database cannot be used now (full, locked, read-only). Otherwise the error is a fault of ours. */
export type Answer =
  | { readonly values: readonly unknown[] }
  | { readonly error: string, readonly isUnusable: boolean }

export interface WorkerOptions {
  readonly path: string
  /** One writer owns the file. A reader sees what is committed. */
  readonly role: 'writer' | 'reader'
  readonly lockWaitMs: number
}

type Parts = Readonly<Record<string, object>>

const port = parentPort
if (port === null) throw new Error('this module is a worker thread of the store')
const { path, role, lockWaitMs } = workerData as WorkerOptions

try {
  const lock = role === 'writer' ? await lockDatabase(path, lockWaitMs) : null
  const db = role === 'writer' ? openDatabase(path) : openForReading(path)
  const parts = role === 'writer' ? writerParts(db) : readerParts(db)
  port.on('message', (jobs: readonly Job[] | 'close') => {
    if (jobs !== 'close') return port.postMessage(runInTransaction(db, parts, jobs))
    db.close()
    lock?.close()
    port.close()
  })
  port.postMessage({ portal: createSqlitePortals(db).id() })
} catch (error) {
  port.postMessage({ failed: explain(error, path) })
}

function writerParts (db: DatabaseSync): Parts {
  const portals = createSqlitePortals(db)
  const profiles = createSqliteProfiles(db)
  const leases = createSqliteLeases(db)
  const beat = db.prepare('INSERT INTO heartbeat (one, at) VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET at = ?1')
  const outbox = createSqliteOutbox(db, { portals, profiles, leases })
  return { outbox: { ...outbox, accept: (edits: string) => JSON.stringify(outbox.accept(fromJson(edits))) }, portals, profiles, leases, activity: createSqliteActivity(db), heartbeat: { beat: (at: number) => { beat.run(at) } } }
}

function readerParts (db: DatabaseSync): Parts {
  const { read, latest } = createSqliteActivity(db)
  return { queries: { ...createSqliteQueries(db), activity: read, latestActivity: latest } }
}

/** Webhooks' edits come as JSON: a structured clone of the objects takes twice as much of the main thread, a tenth of a webhook. */
function fromJson (json: string): IncomingEdit[] {
  const edits = JSON.parse(json) as Array<IncomingEdit & { edit: { revision: { at: number, tie: string } } }>
  return edits.map(({ edit, ...incoming }) => ({ ...incoming, edit: { ...edit, revision: { at: edit.revision.at, tie: BigInt(edit.revision.tie) } } }))
}

function runInTransaction (db: DatabaseSync, parts: Parts, jobs: readonly Job[]): Answer {
  try {
    db.exec(role === 'writer' ? 'BEGIN IMMEDIATE' : 'BEGIN')
    const values = jobs.map(job => run(parts, job))
    db.exec('COMMIT')
    return { values }
  } catch (error) {
    // After a full disk or an I/O error SQLite has already rolled back.
    if (db.isTransaction) db.exec('ROLLBACK')
    return { error: explain(error, path), isUnusable: isUnusable(error) }
  }
}

function run (parts: Parts, { part, verb, args }: Job): unknown {
  const run = (parts[part] as Readonly<Record<string, (...args: readonly unknown[]) => unknown>> | undefined)?.[verb]
  if (run === undefined) throw new Error(`the store has no verb ${part}.${verb}`)
  return run(...args)
}
