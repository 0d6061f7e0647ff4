import { readFileSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'

/*
 * Loaded before a relay whose clocks a scenario turns: CHAOS_CLOCK names a file with how far they are off, which is read again at SIGWINCH.
 * `elapsedMs` has gone by on both clocks; `wallMs` is by how much someone has set the wall clock.
 */

export interface ClockFile {
  readonly elapsedMs: number
  readonly wallMs: number
  /** Told back on standard output once it is taken over. */
  readonly turn: number
}

const file = process.env.CHAOS_CLOCK
if (file !== undefined && isMainThread) {
  const wall = Date.now
  const monotonic = performance.now.bind(performance)
  let off = read(file)
  Date.now = () => wall() + off.elapsedMs + off.wallMs
  performance.now = () => monotonic() + off.elapsedMs
  // Node ignores the signal of a write beyond RLIMIT_FSIZE; a test runner's own listener, which would end the process, gives way to another one.
  process.on('SIGXFSZ', () => {})
  process.on('SIGWINCH', () => {
    off = read(file)
    process.stdout.write(`clock turned ${off.turn}\n`)
  })
}

function read (path: string): ClockFile {
  return JSON.parse(readFileSync(path, 'utf8')) as ClockFile
}
