/** The sandbox's own time. The bucket, the 3-day rule, tokens and the operating window all use it, so tests need not wait. */
export interface Clock {
  now (): number
  advance (ms: number): void
  /** Runs `task` once the sandbox's time reaches `dueMs`, by waiting or by `advance`. */
  at (dueMs: number, task: () => void): void
  /** Cancels all advances and waiting tasks. */
  reset (): void
}

interface Waiting {
  readonly dueMs: number
  readonly task: () => void
  readonly timer: NodeJS.Timeout
}

export function createClock (now: () => number = Date.now): Clock {
  let offsetMs = 0
  const waiting = new Set<Waiting>()
  const sandboxNow = (): number => now() + offsetMs

  function run (entry: Waiting): void {
    clearTimeout(entry.timer)
    if (waiting.delete(entry)) entry.task()
  }

  return {
    now: sandboxNow,
    advance (ms) {
      offsetMs += ms
      const due = [...waiting].filter(entry => entry.dueMs <= sandboxNow())
      for (const entry of due.sort((a, b) => a.dueMs - b.dueMs)) run(entry)
    },
    at (dueMs, task) {
      const timer = setTimeout(() => run(entry), Math.max(0, dueMs - sandboxNow()))
      timer.unref()
      const entry: Waiting = { dueMs, task, timer }
      waiting.add(entry)
    },
    reset () {
      for (const { timer } of waiting) clearTimeout(timer)
      waiting.clear()
      offsetMs = 0
    },
  }
}
