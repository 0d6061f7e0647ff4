import { execFile } from 'node:child_process'
import { closeSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { mkdir, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A disk for a relay's database that can be filled and freed. */
export interface Disk {
  readonly kind: string
  readonly folder: string
  /** Fills the disk. `pid`: the relay's. */
  fill (pid: number): Promise<void>
  /** Frees space. `pid`: the relay's, null if it has ended. */
  free (pid: number | null): Promise<void>
  close (): Promise<void>
}

/** A small tmpfs if we may mount one, else the kernel's limit on the size of files. */
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
        // If only a part fits, that part is written.
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

/** The database cannot grow beyond its present size, which SQLite sees as a full disk. */
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
 * Copies the write-ahead log back and truncates it. A log of 4 MB is overwritten from its beginning, which needs no space, so a relay could go on for
 * long on a full disk.
 */
function emptyLog (folder: string): void {
  const db = new DatabaseSync(databaseIn(folder), { timeout: 10_000 })
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  db.close()
}

function databaseIn (folder: string): string {
  return join(folder, 'relay.db')
}

/** Limits the size of the files that a running process writes. With 0 it cannot write at all. */
export async function limitFiles (pid: number, bytes: number | 'unlimited'): Promise<void> {
  await run('prlimit', ['--pid', String(pid), `--fsize=${bytes}:`])
}
