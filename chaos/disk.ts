import { execFile } from 'node:child_process'
import { closeSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { mkdir, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A disk for a relay's database, which can be filled and emptied again. */
export interface Disk {
  readonly kind: string
  readonly folder: string
  /** From now on nothing more fits; `pid` is the relay's. */
  fill (pid: number): Promise<void>
  /** Gives room again. A relay that has ended has no `pid`. */
  free (pid: number | null): Promise<void>
  close (): Promise<void>
}

/** A small tmpfs where mounting is permitted; elsewhere the kernel's limit on the size of the files that a process writes. */
export async function openDisk (folder: string, megabytes: number): Promise<Disk> {
  await mkdir(folder, { recursive: true })
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0700`, 'tmpfs', folder])
  } catch {
    return limitedFiles(folder)
  }
  const ballast = join(folder, 'ballast')
  return {
    kind: `a tmpfs of ${megabytes} MB`,
    folder,
    async fill () {
      emptyLog(folder)
      const file = openSync(ballast, 'a')
      for (let size = 65_536; size >= 1;) {
        // A write that finds room for a part of it writes that part.
        try {
          writeSync(file, Buffer.alloc(size))
        } catch {
          size = Math.floor(size / 2)
        }
      }
      closeSync(file)
    },
    async free () {
      rmSync(ballast, { force: true })
    },
    async close () {
      await run('umount', ['--lazy', folder])
      await rmdir(folder)
    },
  }
}

/** No file that a process writes may grow beyond the largest: SQLite sees a disk that takes no more. */
function limitedFiles (folder: string): Disk {
  return {
    kind: 'RLIMIT_FSIZE',
    folder,
    async fill (pid) {
      emptyLog(folder)
      await limitFiles(pid, statSync(databaseIn(folder)).size)
    },
    async free (pid) {
      if (pid !== null) await limitFiles(pid, 'unlimited')
    },
    close: () => rm(folder, { recursive: true, force: true }),
  }
}

/**
 * Copies the write-ahead log back and cuts it off. A log that has once grown to its 4 MB is written again from its beginning, which needs
 * no room: a relay whose messages stay the same would go on for long on a disk that is full.
 */
function emptyLog (folder: string): void {
  const db = new DatabaseSync(databaseIn(folder), { timeout: 10_000 })
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  db.close()
}

function databaseIn (folder: string): string {
  return join(folder, 'relay.db')
}

/** How far into a file a running process may write; at 0 it can write to none. */
export async function limitFiles (pid: number, bytes: number | 'unlimited'): Promise<void> {
  await run('prlimit', ['--pid', String(pid), `--fsize=${bytes}:`])
}
