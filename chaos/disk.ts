import { execFile } from 'node:child_process'
import { closeSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { mkdir, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A disk that can be filled and emptied again. */
export interface Disk {
  readonly kind: string
  readonly folder: string
  /** From now on nothing more fits. */
  fill (pid: number): Promise<void>
  /** Gives room again. */
  free (pid: number): Promise<void>
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

/** Nothing that a process writes may grow: SQLite sees a disk that takes no more. */
export function limitedFiles (folder: string): Disk {
  return {
    kind: 'RLIMIT_FSIZE',
    folder,
    async fill (pid) {
      await limitFiles(pid, statSync(join(folder, 'relay.db-wal')).size)
    },
    free: pid => limitFiles(pid, 'unlimited'),
    close: () => rm(folder, { recursive: true, force: true }),
  }
}

/** How far into a file a running process may write; at 0 it can write to none. */
export async function limitFiles (pid: number, bytes: number | 'unlimited'): Promise<void> {
  await run('prlimit', ['--pid', String(pid), `--fsize=${bytes}:`])
}
