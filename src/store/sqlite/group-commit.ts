import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { ShuttingDown, StoreUnavailable } from '../../errors.ts'
import type { CommitObserver } from '../store.ts'
import type { Fault, Job, WorkerMessage, WorkerOptions } from './worker.ts'

/** Jobs that may wait for a commit; more are refused, since a sender that is answered late repeats anyway. */
const MAX_WAITING = 20_000

/** So many jobs are told to the writer at once, within the turn of the event loop that brings them; fewer are at its end. */
const TOLD_TOGETHER = 8

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

export interface GroupCommit {
  /** Runs one verb in the next commit. Rejects with StoreUnavailable when it could not be made durable. */
  run<Result> (part: string, verb: string, ...args: readonly unknown[]): Promise<Result>
  close (): Promise<void>
}

/**
 * Group commit: jobs are told to the writer as they come, and it takes whatever has gathered during its last commit into the next one, without a
 * linger. At light load an edit waits for its own flush only; at heavy load dozens share one. A turn of the event loop that brings many requests
 * takes longer than a commit, so that a writer that waited for its end would idle during the turn, and this thread after it.
 */
export async function startGroupCommit (options: WorkerOptions, observe: CommitObserver, onLost: (error: Error) => void): Promise<GroupCommit> {
  // The thread needs none of the process's own flags, and starts much faster without a test runner's.
  const worker = new Worker(new URL('./thread.ts', import.meta.url), { workerData: options, execArgv: [], resourceLimits: { maxYoungGenerationSizeMb: 12 } })
  const [first] = await once(worker, 'message') as [WorkerMessage]
  if (first.type === 'failed') {
    await worker.terminate()
    throw new Error(first.error)
  }

  /** Not told to the writer yet. */
  let jobs: Job[] = []
  /** Whoever waits, in the order of the jobs, which is that of the answers too. */
  let waiting: Waiting[] = []
  let closing = false
  let lost: Error | null = null
  let idle = (): void => {}

  worker.on('message', (message: WorkerMessage) => {
    if (message.type !== 'done') return
    const { values, faults } = message.result
    const finished = waiting.splice(0, values.length)
    observe({ jobs: finished.length, commitMs: message.commitMs })
    finished.forEach((waiter, index) => settle(waiter, values[index], faults?.[index] ?? null))
    if (waiting.length === 0) idle()
  })
  worker.on('error', lose)

  function lose (error: unknown): void {
    lost = new StoreUnavailable('the writer of the database has stopped', { cause: error })
    for (const waiter of waiting) waiter.reject(lost)
    waiting = []
    idle()
    onLost(lost)
  }

  function tell (): void {
    if (jobs.length === 0) return
    const told = jobs
    jobs = []
    try {
      worker.postMessage(told)
    } catch (error) {
      // From here on, answers would go to those who did not ask.
      lose(error)
      worker.terminate().catch(() => {})
    }
  }

  return {
    run<Result> (part: string, verb: string, ...args: readonly unknown[]): Promise<Result> {
      return new Promise<Result>((resolve, reject) => {
        if (lost !== null) return reject(lost)
        if (closing) return reject(new ShuttingDown('the store is closed'))
        if (waiting.length >= MAX_WAITING) return reject(new StoreUnavailable('too many edits wait for the disk'))
        waiting.push({ resolve: value => resolve(value as Result), reject })
        jobs.push([part, verb, ...args])
        if (jobs.length === TOLD_TOGETHER) tell()
        else if (jobs.length === 1) setImmediate(tell)
      })
    },

    async close (): Promise<void> {
      if (closing) return
      closing = true
      if (lost !== null) return
      if (waiting.length > 0) await new Promise<void>(resolve => { idle = resolve })
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
