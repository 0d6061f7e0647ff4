import { statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { assertKnown, createTables } from './schema.ts'

/** Checking a file of this size takes a quarter of a second. A larger file is not checked; damage shows when it is read. */
const CHECKED_BYTES = 64 * 1024 * 1024

/** Opens the file for durable writes and creates the tables in an empty one. Does not change a file that is damaged or of another release. */
export function openDatabase (path: string): DatabaseSync {
  inspectFile(path)
  const db = new DatabaseSync(path, { timeout: 5000 })
  try {
    // The checkpoint stays at SQLite's 1000 pages: a longer log makes the commit that copies it back three times as long.
    // A larger cache costs more than it saves: a commit that splits a page scans all of it.
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
  // One scan gains nothing from a large cache.
  db.exec('PRAGMA cache_size = -4000')
  return db
}

/**
 * Locks the file against other processes by an exclusive transaction on a small database beside it. The operating system releases the lock when
 * the process ends, also after a crash. Waits `waitMs` for another process that is still stopping.
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

/** Reads only: a connection that may write copies the rest of a write-ahead log into the file when it closes, even into a damaged one. */
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

/** The message of an error; if the file is damaged, with the remedy. */
export function explain (error: unknown, path: string): string {
  if (isUnreadable(error)) return unreadable(path, error.message)
  return error instanceof Error ? error.message : String(error)
}

function unreadable (path: string, what: string): string {
  return `${path} is not a database that can be read (${what}): nothing was changed; restore a backup, or move the file away to start with an empty one`
}

function assertPragma (db: DatabaseSync, name: string, wanted: string | number): void {
  const value = Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]
  if (value !== wanted) throw new Error(`SQLite has ${name} = ${value} after it was set to ${wanted}: the file system does not support it; use a local disk`)
}

// https://www.sqlite.org/rescode.html
const SQLITE_BUSY = 5
const SQLITE_CORRUPT = 11
const SQLITE_NOTADB = 26

/** Errors that no job causes: BUSY, LOCKED, NOMEM, READONLY, IOERR, CORRUPT, FULL, CANTOPEN, PROTOCOL, NOTADB. */
const UNUSABLE = [SQLITE_BUSY, 6, 7, 8, 10, SQLITE_CORRUPT, 13, 14, 15, SQLITE_NOTADB]

/** Whether the database cannot be used now for any job. */
export function isUnusable (error: unknown): boolean {
  return UNUSABLE.includes(resultCode(error) ?? 0)
}

function isBusy (error: unknown): boolean {
  return resultCode(error) === SQLITE_BUSY
}

function isUnreadable (error: unknown): error is Error {
  const code = resultCode(error)
  return code === SQLITE_CORRUPT || code === SQLITE_NOTADB
}

/** SQLite's primary result code: the low byte of the extended one. */
function resultCode (error: unknown): number | null {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : null
}
