import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { ShuttingDown, StoreUnavailable } from '../../errors.ts'
import type { CommitObserver } from '../store.ts'
import type { Fault, Job, WorkerMessage, WorkerOptions } from './worker.ts'

/** Jobs that may wait for the commit that runs; more are refused, since a sender that is answered late repeats anyway. */
const MAX_WAITING = 20_000

/** A batch holds the writer while it runs, so it is bounded too. */
const MAX_BATCH = 2_000

interface Waiting {
  readonly job: Job
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

export interface GroupCommit {
  /** Runs one verb in the next commit. Rejects with StoreUnavailable when it could not be made durable. */
  run<Result> (part: string, verb: string, ...args: readonly unknown[]): Promise<Result>
  close (): Promise<void>
}

/**
 * Group commit: whatever has gathered while the last commit ran goes into the next one, without a linger. At light load an edit waits
 * for its own flush only; at heavy load hundreds share one.
 */
export async function startGroupCommit (options: WorkerOptions, observe: CommitObserver, onLost: (error: Error) => void): Promise<GroupCommit> {
  // The thread needs none of the process's own flags, and starts much faster without a test runner's.
  const worker = new Worker(new URL('./thread.ts', import.meta.url), { workerData: options, execArgv: [], resourceLimits: { maxYoungGenerationSizeMb: 12 } })
  const [first] = await once(worker, 'message') as [WorkerMessage]
  if (first.type === 'failed') {
    await worker.terminate()
    throw new Error(first.error)
  }

  let waiting: Waiting[] = []
  let running: Waiting[] = []
  let closing = false
  let lost: Error | null = null
  let idle = (): void => {}

  worker.on('message', (message: WorkerMessage) => {
    if (message.type !== 'done') return
    const finished = running
    running = []
    next()
    observe({ jobs: finished.length, commitMs: message.commitMs })
    const { values, faults } = message.result
    finished.forEach((waiter, index) => settle(waiter, values[index], faults?.[index] ?? null))
  })
  worker.on('error', error => {
    lost = new StoreUnavailable('the writer of the database has stopped', { cause: error })
    for (const waiter of [...running, ...waiting]) waiter.reject(lost)
    running = []
    waiting = []
    idle()
    onLost(lost)
  })

  function next (): void {
    if (running.length > 0) return
    if (waiting.length === 0) return idle()
    running = waiting.length > MAX_BATCH ? waiting.splice(0, MAX_BATCH) : waiting
    if (running === waiting) waiting = []
    worker.postMessage(running.map(waiter => waiter.job))
  }

  return {
    run<Result> (part: string, verb: string, ...args: readonly unknown[]): Promise<Result> {
      return new Promise<Result>((resolve, reject) => {
        if (lost !== null) return reject(lost)
        if (closing) return reject(new ShuttingDown('the store is closed'))
        if (waiting.length >= MAX_WAITING) return reject(new StoreUnavailable('too many edits wait for the disk'))
        waiting.push({ job: [part, verb, ...args], resolve: value => resolve(value as Result), reject })
        // Requests that arrive in the same turn of the event loop share the commit.
        if (running.length === 0 && waiting.length === 1) setImmediate(next)
      })
    },

    async close (): Promise<void> {
      if (closing) return
      closing = true
      if (lost !== null) return
      if (running.length > 0 || waiting.length > 0) await new Promise<void>(resolve => { idle = resolve })
      if (lost !== null) return
      const exited = once(worker, 'exit')
      worker.postMessage('close')
      await exited
    },
  }
}

function settle (waiter: Waiting, value: unknown, fault: Fault | null): void {
  if (fault === null) waiter.resolve(value)
  else if (fault.transient) waiter.reject(new StoreUnavailable(`the database cannot write: ${fault.error}`))
  else waiter.reject(new Error(`the store failed: ${fault.error}`))
}
