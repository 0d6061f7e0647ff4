import { Gauge, type Registry } from 'prom-client'
import type { ConfirmationSummary } from '../confirmations.ts'
import type { PortalCondition } from '../../courier/parks.ts'
import type { Ledger, Outbox } from '../../outbox/outbox.ts'
import { codeLabel } from './courier.ts'

/** The store's answers are reused for this long: several servers may scrape often. */
const VALID_MS = 5000

/** Counting confirmations takes 0.7 s for a million delivered edits (SQLite). */
const CONFIRMATIONS_VALID_MS = 60_000

/** Prometheus waits ten seconds for a scrape. A slow store must not make it lose the other metrics. */
const TIMEOUT_MS = 2000

export interface ScrapeOptions {
  readonly portal: string
  readonly outbox: Pick<Outbox, 'ledger' | 'oldestPending'>
  /** Null if the portal is not asked to report edits. */
  readonly confirmations: (() => Promise<ConfirmationSummary>) | null
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
  const { portal, outbox, confirmations, leader, burst, now } = options
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
  const delivered = new Gauge({
    name: 'relay_delivered_edits',
    help: 'Delivered edits in the store: confirmed (the portal has found the message), unconfirmed (it ought to have reported it), unknown. Only with PUBLIC_URL.',
    labelNames: ['confirmation'],
    registers,
  })
  const bound = new Gauge({ name: 'relay_events_bound', help: '1 while the portal has our address for events, else 0. Only with PUBLIC_URL.', registers })
  const level = new Gauge({ name: 'relay_bucket_level_requests', help: 'Requests in our share of the portal\'s leaky bucket.', registers })
  const size = new Gauge({ name: 'relay_bucket_burst_requests', help: 'Size of our share of the portal\'s leaky bucket.', registers })
  const lease = new Gauge({ name: 'relay_lease_held', help: '1 in the leader, which calls the portal; 0 in the other relays on the same store.', registers })
  const portalParked = new Gauge({ name: 'relay_portal_parked', help: '1 with the code while the portal is parked, else 0.', labelNames: ['code'], registers })
  const linesParked = new Gauge({ name: 'relay_lines_parked', help: 'Parked open lines by code; 0 without a code if none is parked.', labelNames: ['code'], registers })

  const askStore = createSampler(async () => {
    const [ledger, oldestPendingAt] = await Promise.all([outbox.ledger(), outbox.oldestPending(portal)])
    return { ledger, oldestPendingAt }
  }, VALID_MS, now)
  const askConfirmations = confirmations === null ? async () => null : createSampler(confirmations, CONFIRMATIONS_VALID_MS, now)

  /** Unknown values are left out: an old number would look like the present one. */
  function setStoreGauges (sample: Sample | null, confirmed: ConfirmationSummary | null): void {
    edits.reset()
    for (const [state, count] of Object.entries(sample?.ledger ?? {})) edits.set({ state }, count)
    if (sample === null) oldest.remove()
    else oldest.set(sample.oldestPendingAt === null ? 0 : Math.max(0, now() - sample.oldestPendingAt) / 1000)
    delivered.reset()
    if (confirmed === null) return bound.remove()
    for (const confirmation of ['confirmed', 'unconfirmed', 'unknown'] as const) delivered.set({ confirmation }, confirmed[confirmation])
    bound.set(confirmed.boundAt === null ? 0 : 1)
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
    // One after the other: the store answers queries that come together only when all are done.
    const sample = leader() === null ? null : await askStore()
    setStoreGauges(sample, leader() === null ? null : await askConfirmations())
    setPortalGauges()
    return await registry.metrics()
  }
}

/** Asks for a value that all scrapes share for `validMs`. The result is null if it cannot be had within TIMEOUT_MS; a late answer serves the next scrape. */
function createSampler<Value> (ask: () => Promise<Value>, validMs: number, now: () => number): () => Promise<Value | null> {
  let sample: { readonly value: Value, readonly at: number } | null = null
  let asking: Promise<void> | null = null

  async function renew (): Promise<void> {
    sample = await ask().then(value => ({ value, at: now() }), () => null)
    asking = null
  }

  return async () => {
    const isValid = (): boolean => sample !== null && now() - sample.at < validMs
    if (!isValid()) {
      asking ??= renew()
      const { promise: timeout, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, TIMEOUT_MS)
      await Promise.race([asking, timeout])
      clearTimeout(timer)
    }
    return isValid() ? sample?.value ?? null : null
  }
}
