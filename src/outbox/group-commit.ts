import { ShuttingDown, StoreUnavailable } from '../base/errors.ts'
import type { CommitObserver } from './store.ts'

/** Jobs that may wait for a commit. More are refused: a sender that gets its answer late repeats anyway. */
const MAX_WAITING = 20_000

/** Characters of the jobs that wait or run, one or two bytes each. A webhook may have a megabyte, and 20,000 of those do not fit into memory. */
const MAX_CHARACTERS = 32 * 1024 * 1024

/** Nothing else is written while a batch runs. */
const MAX_BATCH = 2_000

interface Waiting<Job, Value> {
  readonly job: Job
  readonly resolve: (value: Value) => void
  readonly reject: (error: Error) => void
}

interface GroupCommitOptions<Job, Value> {
  /** Runs jobs in one transaction and answers in their order. It rejects when the transaction was rolled back. */
  readonly commit: (jobs: readonly Job[]) => Promise<readonly Value[]>
  readonly observe: CommitObserver
}

/**
 * Group commit without a timer: jobs that arrive during a commit share the next one. If a job makes its batch fail, the batch is committed job
 * by job, so that only the bad job fails. If the database cannot be used, all jobs fail.
 */
export function createGroupCommit<Job, Value> ({ commit, observe }: GroupCommitOptions<Job, Value>) {
  const waiting: Array<Waiting<Job, Value>> = []
  let characters = 0
  let running: Promise<void> | null = null
  let isClosed = false

  async function runBatch (batch: ReadonlyArray<Waiting<Job, Value>>): Promise<void> {
    const started = performance.now()
    try {
      const values = await commit(batch.map(({ job }) => job))
      observe({ jobs: batch.length, commitMs: performance.now() - started })
      batch.forEach(({ resolve }, index) => resolve(values[index] as Value))
    } catch (error) {
      if (batch.length === 1 || error instanceof StoreUnavailable) for (const { reject } of batch) reject(error as Error)
      else for (const one of batch) await runBatch([one])
    }
  }

  async function drain (): Promise<void> {
    // Jobs of one turn of the event loop share a commit.
    await new Promise(resolve => setImmediate(resolve))
    while (waiting.length > 0) await runBatch(waiting.splice(0, MAX_BATCH))
    running = null
  }

  return {
    /** Runs a job in the next commit. Rejects with StoreUnavailable when it could not be made durable, else with a fault of ours. */
    run: (job: Job): Promise<Value> => new Promise((resolve, reject) => {
      if (isClosed) return reject(new ShuttingDown('the store is closed'))
      const size = charactersIn(job)
      const isFull = waiting.length >= MAX_WAITING || (characters > 0 && characters + size > MAX_CHARACTERS)
      if (isFull) return reject(new StoreUnavailable('too many edits wait for the database'))
      characters += size
      const free = <Outcome>(settle: (outcome: Outcome) => void) => (outcome: Outcome) => {
        characters -= size
        settle(outcome)
      }
      waiting.push({ job, resolve: free(resolve), reject: free(reject) })
      running ??= drain()
    }),

    /** Waits for the jobs that were taken. */
    async close (): Promise<void> {
      isClosed = true
      await running
    },
  }
}

/** The length of all texts in a value. */
function charactersIn (value: unknown): number {
  if (typeof value === 'string') return value.length
  if (typeof value !== 'object' || value === null) return 0
  let sum = 0
  for (const part of Object.values(value)) sum += charactersIn(part)
  return sum
}
