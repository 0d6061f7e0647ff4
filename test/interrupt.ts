import { execFile, type ChildProcess } from 'node:child_process'
import { promisify } from 'node:util'

/** What Ctrl-C does to a program that was spawned detached: the servers that it starts have groups of their own. */
export function pressCtrlC (child: ChildProcess): void {
  process.kill(-(child.pid as number), 'SIGINT')
}

/** The processes that a process has started. */
export async function children (pid: number | undefined): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid='])
  const processes = stdout.trim().split('\n').map(line => line.trim().split(/\s+/).map(Number) as [number, number])
  return processes.filter(([, parent]) => parent === pid).map(([child]) => child)
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
