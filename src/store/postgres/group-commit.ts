import { ShuttingDown, StoreUnavailable } from '../../errors.ts'
import type { IdentifiedEdit } from '../identify.ts'
import type { CommitObserver, IntakeResult } from '../store.ts'

/** Edits that may wait for the commit that runs; more are refused, since a sender that is answered late repeats anyway. */
const MAX_WAITING = 20_000

const MAX_BATCH = 2_000

interface Waiting {
  readonly edits: readonly IdentifiedEdit[]
  readonly resolve: (results: IntakeResult[]) => void
  readonly reject: (error: Error) => void
}

export interface GroupCommit {
  accept (edits: readonly IdentifiedEdit[]): Promise<IntakeResult[]>
  /** Waits for what was taken. */
  close (): Promise<void>
}

/**
 * Group commit: the edits that gather while one commit is under way share the next. A batch that fails for what it holds is committed request
 * by request, so that one bad request fails alone; when the database is away, all of it fails.
 */
export function createGroupCommit (commit: (edits: readonly IdentifiedEdit[]) => Promise<IntakeResult[]>, observe: CommitObserver): GroupCommit {
  let waiting: Waiting[] = []
  let size = 0
  let running: Promise<void> | null = null
  let isClosed = false

  function takeBatch (): Waiting[] {
    let edits = 0
    const end = waiting.findIndex(({ edits: next }, index) => (edits += next.length) > MAX_BATCH && index > 0)
    const batch = end === -1 ? waiting : waiting.slice(0, end)
    waiting = end === -1 ? [] : waiting.slice(end)
    size -= batch.reduce((sum, { edits }) => sum + edits.length, 0)
    return batch
  }

  async function run (batch: readonly Waiting[]): Promise<void> {
    const started = performance.now()
    try {
      const results = await commit(batch.flatMap(({ edits }) => edits))
      let next = 0
      for (const { edits, resolve } of batch) resolve(results.slice(next, next += edits.length))
    } catch (error) {
      if (batch.length === 1 || error instanceof StoreUnavailable) for (const { reject } of batch) reject(error as Error)
      else for (const one of batch) await run([one])
    }
    observe({ jobs: batch.length, commitMs: performance.now() - started })
  }

  async function drain (): Promise<void> {
    // Requests that arrive in the same turn of the event loop share the commit.
    await new Promise(resolve => setImmediate(resolve))
    while (waiting.length > 0) await run(takeBatch())
    running = null
  }

  return {
    accept: edits => new Promise((resolve, reject) => {
      if (isClosed) return reject(new ShuttingDown('the store is closed'))
      if (size >= MAX_WAITING) return reject(new StoreUnavailable('too many edits wait for the database'))
      size += edits.length
      waiting.push({ edits, resolve, reject })
      running ??= drain()
    }),

    async close () {
      isClosed = true
      await running
    },
  }
}
