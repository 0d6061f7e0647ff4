import type { ChildProcess } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** Why a test that asks for children is skipped here; false where it can run. */
export const noChildren = existsSync('/proc/self/stat') ? false : 'only Linux lists its processes in /proc'

/** What Ctrl-C does to a program that was spawned detached: the servers that it starts have groups of their own. */
export function pressCtrlC (child: ChildProcess): void {
  process.kill(-(child.pid as number), 'SIGINT')
}

/** The processes that a process has started. */
export function children (pid: number | undefined): number[] {
  return readdirSync('/proc').map(Number).filter(child => child > 0 && parentOf(child) === pid)
}

/** Null for a process that has ended. */
function parentOf (pid: number): number | null {
  try {
    // `pid (name) state ppid …`, and the name may hold spaces and brackets.
    return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) \w /s, '').split(' ')[0])
  } catch {
    return null
  }
}

/** Which of these processes were still alive: no more, so that a failure leaves none of them behind. */
export function endAlive (pids: readonly number[]): number[] {
  return pids.filter(pid => {
    try {
      return process.kill(pid, 'SIGKILL')
    } catch {
      return false
    }
  })
}
