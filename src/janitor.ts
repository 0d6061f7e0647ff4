import { createAlarm } from './courier/alarm.ts'
import type { Log } from './log.ts'
import type { Outbox } from './store/store.ts'

const EVERY_MS = 10 * 60_000
const DAY_MS = 24 * 3600_000

/** Rows in one transaction: webhooks wait for the writer meanwhile. */
const BATCH = 500

export interface JanitorOptions {
  readonly outbox: Pick<Outbox, 'prune'>
  readonly retentionDays: number
  readonly now: () => number
  readonly log: Log
}

/** Removes finished rows whose retention is over, a little at a time. */
export function createJanitor ({ outbox, retentionDays, now, log }: JanitorOptions) {
  const alarm = createAlarm()
  const halt = new AbortController()
  let loop: Promise<void> = Promise.resolve()

  async function sweep (): Promise<void> {
    const finishedBefore = now() - retentionDays * DAY_MS
    let removed = 0
    for (let batch = BATCH; batch === BATCH && !halt.signal.aborted; removed += batch) batch = await outbox.prune(finishedBefore, BATCH)
    if (removed > 0) log.info({ event: 'retention.removed', edits: removed }, 'retention.removed')
  }

  async function run (): Promise<void> {
    while (!halt.signal.aborted) {
      await sweep().catch((error: unknown) => log.error({ event: 'retention.failed', err: error }, 'retention.failed'))
      if (!halt.signal.aborted) await alarm.sleep(EVERY_MS)
    }
  }

  return {
    sweep,

    start (): void {
      loop = run()
    },

    async stop (): Promise<void> {
      halt.abort()
      alarm.ring()
      await loop
    },
  }
}
