import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { StoreUnavailable } from '../../base/errors.ts'
import type { Answer, Job, WorkerOptions } from './worker.ts'

export interface WorkerHandle {
  /** The id of the database's portal. */
  readonly portal: string
  /** Runs jobs in one transaction and answers in their order. Rejects when the transaction was rolled back. */
  commit (jobs: readonly Job[]): Promise<readonly unknown[]>
  close (): Promise<void>
}

/** Starts a thread with a connection to the database. Calls `onLost` when the thread crashes. */
export async function startWorker (options: WorkerOptions, onLost: (error: Error) => void): Promise<WorkerHandle> {
  // The thread needs no flags of the process, and starts much faster without those of a test runner.
  const worker = new Worker(new URL('./thread.ts', import.meta.url), { workerData: options, execArgv: [], resourceLimits: { maxYoungGenerationSizeMb: 12 } })
  const [first] = await once(worker, 'message') as [{ readonly portal: string } | { readonly failed: string }]
  if ('failed' in first) {
    await worker.terminate()
    throw new Error(first.failed)
  }

  /** Batches that were handed over, in order, which is that of the answers too. */
  const waiting: Array<PromiseWithResolvers<Answer>> = []
  let lost: StoreUnavailable | null = null
  let closed: Promise<unknown> | null = null
  worker.on('message', (answer: Answer) => { waiting.shift()?.resolve(answer) })
  worker.on('error', cause => {
    lost = new StoreUnavailable('a thread of the database has stopped', { cause })
    for (const { reject } of waiting.splice(0)) reject(lost)
    onLost(lost)
  })

  return {
    portal: first.portal,

    async commit (jobs) {
      if (lost !== null) throw lost
      worker.postMessage(jobs)
      const answered = Promise.withResolvers<Answer>()
      waiting.push(answered)
      const answer = await answered.promise
      if ('values' in answer) return answer.values
      throw answer.isUnusable ? new StoreUnavailable(`the database cannot write: ${answer.error}`) : new Error(`the store failed: ${answer.error}`)
    },

    async close () {
      if (lost !== null) return
      closed ??= once(worker, 'exit')
      worker.postMessage('close')
      await closed
    },
  }
}
