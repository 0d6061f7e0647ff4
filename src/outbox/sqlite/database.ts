import { statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { assertKnown, createTables } from './schema.ts'

/** Looking through a file of this size takes a quarter of a second. What is damaged in a larger one is told when it is met. */
const CHECKED_BYTES = 64 * 1024 * 1024

/** Opens the file for writing, durable at each commit; an empty file gets the tables. A file that is damaged or of another release is left as it is. */
export function openDatabase (path: string): DatabaseSync {
  inspectFile(path)
  const db = new DatabaseSync(path, { timeout: 5000 })
  try {
    // The write-ahead log is copied back at SQLite's own 1000 pages: a longer one makes the commit that pays for it three times as long.
    // A larger cache costs more than it saves: a commit that has split a page looks through all of it.
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -4000; PRAGMA temp_store = MEMORY')
    assertPragma(db, 'journal_mode', 'wal')
    assertPragma(db, 'synchronous', 2)
    createTables(db)
    return db
  } catch (error) {
    db.close()
    throw isUnreadable(error) ? new Error(explain(error, path), { cause: error }) : error
  }
}

/** Opens the file for reading only, beside a relay that runs on it. */
export function openForReading (path: string): DatabaseSync {
  const db = new DatabaseSync(path, { readOnly: true, timeout: 5000 })
  // Looking through everything once gains nothing from a large cache.
  db.exec('PRAGMA cache_size = -4000')
  return db
}

/**
 * Keeps other processes from the same file: an exclusive transaction on a small database beside it, which the operating system lets go
 * of when the process ends, however it ends. Waits `waitMs` for a former owner that is still stopping.
 */
export async function lockDatabase (path: string, waitMs: number): Promise<DatabaseSync> {
  const deadline = performance.now() + waitMs
  const lock = new DatabaseSync(`${path}.lock`, { timeout: 0 })
  for (;;) {
    try {
      lock.exec('BEGIN EXCLUSIVE')
      return lock
    } catch (error) {
      if (!isBusy(error) || performance.now() >= deadline) {
        lock.close()
        throw isBusy(error) ? new Error(`another process uses the database ${path}: stop it, or give this one its own DATABASE_URL`) : error
      }
    }
    await sleep(Math.min(100, waitMs))
  }
}

/** By a connection that only reads: one that writes copies what is left of a write-ahead log back when it is closed, into whatever it has found. */
function inspectFile (path: string): void {
  const db = new DatabaseSync(path, { readOnly: true, timeout: 5000 })
  try {
    if (statSync(path).size <= CHECKED_BYTES) assertSound(db, path)
    assertKnown(db)
  } catch (error) {
    throw isUnreadable(error) ? new Error(explain(error, path), { cause: error }) : error
  } finally {
    db.close()
  }
}

function assertSound (db: DatabaseSync, path: string): void {
  const found = db.prepare('PRAGMA quick_check(1)').get()?.quick_check
  if (found !== 'ok') throw new Error(unreadable(path, String(found).replace(/\s+/g, ' ')))
}

/** What an error of SQLite means for whoever runs the relay, if it is about the file itself. */
export function explain (error: unknown, path: string): string {
  if (isUnreadable(error)) return unreadable(path, error.message)
  return error instanceof Error ? error.message : String(error)
}

function unreadable (path: string, what: string): string {
  return `${path} is not a database that can be read (${what}): nothing was changed; restore a backup in its place, or move it away to start with an empty one`
}

function assertPragma (db: DatabaseSync, name: string, wanted: string | number): void {
  const value = Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]
  if (value !== wanted) throw new Error(`SQLite answered ${name} = ${value} where ${wanted} was asked for: the file system does not support it; use a local disk`)
}

// https://www.sqlite.org/rescode.html
const SQLITE_BUSY = 5
const SQLITE_CORRUPT = 11
const SQLITE_NOTADB = 26

/** What says nothing of the job that met it: BUSY, LOCKED, NOMEM, READONLY, IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL, NOTADB. */
const TRANSIENT = [SQLITE_BUSY, 6, 7, 8, 10, SQLITE_CORRUPT, 13, 14, 15, SQLITE_NOTADB]

/** Whether the database cannot be used now, whatever it is asked to do. */
export function isTransient (error: unknown): boolean {
  return TRANSIENT.includes(resultCode(error) ?? 0)
}

function isBusy (error: unknown): boolean {
  return resultCode(error) === SQLITE_BUSY
}

function isUnreadable (error: unknown): error is Error {
  const code = resultCode(error)
  return code === SQLITE_CORRUPT || code === SQLITE_NOTADB
}

/** SQLite's primary result code, which is the low byte of the extended one. */
function resultCode (error: unknown): number | null {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : null
}
