import { readFileSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'

/*
 * Loaded into a relay whose clocks a scenario moves. CHAOS_CLOCK names a file with the offsets, which is read again at SIGWINCH. `elapsedMs` moves
 * both clocks; `wallMs` moves only the wall clock.
 */

export interface ClockFile {
  readonly elapsedMs: number
  readonly wallMs: number
  /** Printed on standard output once the offsets apply. */
  readonly turn: number
}

const file = process.env.CHAOS_CLOCK
if (file !== undefined && isMainThread) {
  const wall = Date.now
  const monotonic = performance.now.bind(performance)
  let off = read(file)
  Date.now = () => wall() + off.elapsedMs + off.wallMs
  performance.now = () => monotonic() + off.elapsedMs
  // Node ignores SIGXFSZ, the signal of a write beyond RLIMIT_FSIZE. A test runner's listener would end the process, unless there is another one.
  process.on('SIGXFSZ', () => {})
  process.on('SIGWINCH', () => {
    off = read(file)
    process.stdout.write(`clock turned ${off.turn}\n`)
  })
}

function read (path: string): ClockFile {
  return JSON.parse(readFileSync(path, 'utf8')) as ClockFile
}
