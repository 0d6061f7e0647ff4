import { createLoop } from '../base/loop.ts'
import type { Log } from '../base/log.ts'
import type { PortalClock } from '../base/portal-clock.ts'
import type { Activity } from '../outbox/activity.ts'
import type { Outbox } from '../outbox/outbox.ts'
import type { Profiles } from '../outbox/profiles.ts'

const EVERY_MS = 10 * 60_000
const HOUR_MS = 3600_000
const DAY_MS = 24 * HOUR_MS

/** Rows in one transaction. Webhooks wait during it. */
const BATCH = 500

interface JanitorOptions {
  readonly outbox: Pick<Outbox, 'prune'>
  readonly profiles: Pick<Profiles, 'prune'>
  readonly activity: Pick<Activity, 'prune'>
  readonly retentionDays: number
  readonly now: () => number
  readonly clock: Pick<PortalClock, 'isProven' | 'presentFor'>
  /** Makes a call to the portal if this process may: its answer proves the clock. */
  readonly callPortal: () => void
  readonly log: Log
}

/**
 * Removes finished rows, clients that were not seen again, and counts of channels, after their retention, in small batches. With a wrong clock it would remove the order
 * of messages that may still be edited. So it waits until the clock is proven; and after a process with a wrong clock for one more retention, because
 * the times of the rows that it wrote are wrong.
 */
export function createJanitor ({ outbox, profiles, activity, retentionDays, now, clock, callPortal, log }: JanitorOptions) {
  const retentionMs = retentionDays * DAY_MS
  let calledAt = now()

  async function sweep (): Promise<void> {
    if (!clock.isProven()) return proveClock()
    const present = clock.presentFor(retentionMs)
    if (present === null) return
    const before = present - retentionMs
    const edits = await drain(() => outbox.prune(before, BATCH))
    const clients = await drain(() => profiles.prune(before, BATCH))
    await drain(() => activity.prune(before, BATCH))
    if (edits + clients > 0) log.info({ event: 'retention.removed', edits, clients }, 'retention.removed')
  }

  /** Edits prove the clock sooner. But if none comes, the rows must not stay. */
  function proveClock (): void {
    if (now() - calledAt < HOUR_MS) return
    calledAt = now()
    callPortal()
  }

  async function drain (prune: () => Promise<number>): Promise<number> {
    let removed = 0
    for (let batch = BATCH; batch === BATCH && !loop.isStopped(); removed += batch) batch = await prune()
    return removed
  }

  const loop = createLoop(async () => {
    await sweep().catch((error: unknown) => log.error({ event: 'retention.failed', err: error }, 'retention.failed'))
    return EVERY_MS
  })

  return { sweep, start: loop.start, stop: loop.stop }
}
