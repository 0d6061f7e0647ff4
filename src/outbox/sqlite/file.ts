import { accessSync, closeSync, constants, fsyncSync, mkdirSync, openSync, realpathSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/**
 * Creates the folder and the file, readable only for their owner: they contain customers' texts and the portal's tokens. Returns the file's one real
 * path, because the lock and the write-ahead log are named after it.
 */
export function prepareFile (path: string): string {
  const folder = dirname(path)
  try {
    createFolder(resolve(folder))
    accessSync(folder, constants.W_OK | constants.X_OK)
    closeSync(openSync(path, 'a', 0o600))
  } catch (error) {
    const uid = process.getuid?.() ?? 'the user of this process'
    if (error instanceof Error && 'code' in error && error.code === 'EROFS') {
      throw new Error(`the folder ${folder} is on a file system that is mounted read-only: mount it read-write, or give the database a volume of its own`, { cause: error })
    }
    throw new Error(`the folder ${folder} cannot be written by uid ${uid}: run \`chown -R ${uid} ${folder}\` on the host, or set \`fsGroup: ${uid}\` in the pod's securityContext`, { cause: error })
  }
  const real = realpathSync(path)
  // By its other name another process could open the file too (https://sqlite.org/howtocorrupt.html#_multiple_links_to_the_same_file).
  if (statSync(real).nlink > 1) throw new Error(`${real} has a second name (a hard link), which the lock does not cover: copy it (\`cp --reflink=never\`), and use the copy`)
  return real
}

/** Creates a folder and its parents. SQLite makes the file durable in its folder; a power cut must not take that folder away. */
function createFolder (folder: string): void {
  const first = mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (first === undefined) return
  for (let made = folder; made.length >= first.length; made = dirname(made)) syncFolder(dirname(made))
}

function syncFolder (folder: string): void {
  // Windows has no such call.
  if (process.platform === 'win32') return
  const descriptor = openSync(folder, 'r')
  fsyncSync(descriptor)
  closeSync(descriptor)
}
