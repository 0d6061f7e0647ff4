import { createAlarm } from '../base/alarm.ts'
import type { Log } from '../base/log.ts'
import type { Outbox } from '../outbox/outbox.ts'
import type { Profiles } from '../outbox/profiles.ts'

const EVERY_MS = 10 * 60_000
const DAY_MS = 24 * 3600_000

/** Rows in one transaction. Webhooks wait during it. */
const BATCH = 500

interface JanitorOptions {
  readonly outbox: Pick<Outbox, 'prune'>
  readonly profiles: Pick<Profiles, 'prune'>
  readonly retentionDays: number
  readonly now: () => number
  readonly log: Log
}

/** Removes finished rows, and clients that were not seen again, after their retention, in small batches. */
export function createJanitor ({ outbox, profiles, retentionDays, now, log }: JanitorOptions) {
  const alarm = createAlarm()
  const halt = new AbortController()
  let loop: Promise<void> = Promise.resolve()

  async function sweep (): Promise<void> {
    const before = now() - retentionDays * DAY_MS
    const edits = await drain(() => outbox.prune(before, BATCH))
    const clients = await drain(() => profiles.prune(before, BATCH))
    if (edits + clients > 0) log.info({ event: 'retention.removed', edits, clients }, 'retention.removed')
  }

  async function drain (prune: () => Promise<number>): Promise<number> {
    let removed = 0
    for (let batch = BATCH; batch === BATCH && !halt.signal.aborted; removed += batch) batch = await prune()
    return removed
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
