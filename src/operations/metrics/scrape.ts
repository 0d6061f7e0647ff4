import { Gauge, type Registry } from 'prom-client'
import type { PortalCondition } from '../../courier/parks.ts'
import type { Ledger, Outbox } from '../../outbox/outbox.ts'
import { codeLabel } from './courier.ts'

/** The store's answers are reused for this long: several servers may scrape often. */
const VALID_MS = 5000

/** Prometheus waits ten seconds for a scrape. A slow store must not make it lose the other metrics. */
const TIMEOUT_MS = 2000

export interface ScrapeOptions {
  readonly portal: string
  readonly outbox: Pick<Outbox, 'ledger' | 'oldestPending'>
  /** Null while another relay leads. Only the leader reports the portal and the store, so sums over all relays are right. */
  readonly leader: () => { condition (): PortalCondition, bucketLevel (): number } | null
  /** The size of our share of the portal's leaky bucket. */
  readonly burst: number
  readonly now: () => number
}

interface Sample {
  readonly ledger: Ledger
  readonly oldestPendingAt: number | null
}

/** Returns the text of all metrics. The store and the leader are queried for each scrape. */
export function createScrape (registry: Registry, options: ScrapeOptions): () => Promise<string> {
  const { portal, outbox, leader, burst, now } = options
  const registers = [registry]
  const edits = new Gauge({
    name: 'relay_ledger_edits',
    help: 'The store\'s ledger since the database was created: accepted = superseded + delivered + dead + pending. Redelivery moves edits back to pending.',
    labelNames: ['state'],
    registers,
  })
  const oldest = new Gauge({
    name: 'relay_oldest_pending_age_seconds',
    help: 'Age of the oldest edit that waits for the portal; 0 if none waits. If over 1000 edits of a line wait, the oldest of the 1000 that are due first.',
    registers,
  })
  const level = new Gauge({ name: 'relay_bucket_level_requests', help: 'Requests in our share of the portal\'s leaky bucket.', registers })
  const size = new Gauge({ name: 'relay_bucket_burst_requests', help: 'Size of our share of the portal\'s leaky bucket.', registers })
  const lease = new Gauge({ name: 'relay_lease_held', help: '1 in the leader, which calls the portal; 0 in the other relays on the same store.', registers })
  const portalParked = new Gauge({ name: 'relay_portal_parked', help: '1 with the code while the portal is parked, else 0.', labelNames: ['code'], registers })
  const linesParked = new Gauge({ name: 'relay_lines_parked', help: 'Parked open lines by code; 0 without a code if none is parked.', labelNames: ['code'], registers })

  let sample: Sample | null = null
  let sampledAt = -Infinity
  let sampling: Promise<void> | null = null

  async function ask (): Promise<void> {
    try {
      const [ledger, oldestPendingAt] = await Promise.all([outbox.ledger(), outbox.oldestPending(portal)])
      sample = { ledger, oldestPendingAt }
      sampledAt = now()
    } catch {
      // Unknown values are left out: an old number would look like the present one.
      sample = null
    }
  }

  async function refresh (): Promise<void> {
    if (now() - sampledAt < VALID_MS) return
    sampling ??= ask().finally(() => { sampling = null })
    const { promise: timeout, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, TIMEOUT_MS)
    await Promise.race([sampling, timeout])
    clearTimeout(timer)
    if (now() - sampledAt >= VALID_MS) sample = null
  }

  function setStoreGauges (): void {
    edits.reset()
    if (sample === null) return oldest.remove()
    for (const [state, count] of Object.entries(sample.ledger)) edits.set({ state }, count)
    oldest.set(sample.oldestPendingAt === null ? 0 : Math.max(0, now() - sample.oldestPendingAt) / 1000)
  }

  function setPortalGauges (): void {
    const present = leader()
    lease.set(present === null ? 0 : 1)
    portalParked.reset()
    linesParked.reset()
    if (present === null) return [level, size].forEach(gauge => gauge.remove())
    const { portal: code, lines } = present.condition()
    portalParked.set({ code: code === 'ready' ? '' : codeLabel(code) }, code === 'ready' ? 0 : 1)
    if (lines.length === 0) linesParked.set({ code: '' }, 0)
    for (const line of lines) linesParked.inc({ code: codeLabel(line.code) })
    level.set(present.bucketLevel())
    size.set(burst)
  }

  return async () => {
    if (leader() === null) sample = null
    else await refresh()
    setStoreGauges()
    setPortalGauges()
    return await registry.metrics()
  }
}
