import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Renewal } from '../../bitrix24/refresher.ts'
import type { Channel } from '../../config/channel.ts'
import type { CommitObserver } from '../../outbox/store.ts'
import { createCourierMetrics } from './courier.ts'
import { createLookUpMetrics } from './look-ups.ts'
import type { Observers } from './observers.ts'
import { createScrape, type ScrapeOptions } from './scrape.ts'
import { createUpstreamMetrics } from './upstream.ts'
import { createWebhookMetrics } from './webhooks.ts'

export interface MetricsOptions {
  readonly version: string
  readonly channels: Iterable<Pick<Channel, 'id' | 'upstream'>>
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number
}

export interface Metrics {
  readonly registry: Registry
  readonly observers: Observers
  /** What is looked up only when somebody asks is added; fulfilled with the text of all metrics. */
  readonly createScrape: (options: ScrapeOptions) => () => Promise<string>
}

/**
 * Counts for Prometheus what the parts of one relay tell. Each relay has a registry of its own. No label holds an id, a name or an
 * address: only what is configured, and words from closed lists.
 */
export function createMetrics ({ version, channels, now }: MetricsOptions): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  new Gauge({ name: 'relay_build_info', help: 'Always 1; the label holds the version.', labelNames: ['version'], registers: [registry] }).set({ version }, 1)

  const courier = createCourierMetrics(registry, now)
  const known = [...channels]
  return {
    registry,
    observers: {
      courier: courier.observer,
      webhooks: createWebhookMetrics(registry, known.map(({ id }) => id), courier.onRefused),
      onForwarded: createUpstreamMetrics(registry, known.filter(({ upstream }) => upstream !== null).map(({ id }) => id)),
      onLookUp: createLookUpMetrics(registry, known.map(({ id }) => id)),
      onCommit: createCommitObserver(registry),
      onRenewal: createRenewalObserver(registry),
    },
    createScrape: options => createScrape(registry, options),
  }
}

function createCommitObserver (registry: Registry): CommitObserver {
  const jobs = new Histogram({
    name: 'relay_commit_jobs',
    help: 'Jobs that shared one transaction of the database: a webhook, a claim or a settling each is one.',
    buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2000],
    registers: [registry],
  })
  const duration = new Histogram({
    name: 'relay_commit_duration_seconds',
    help: 'Transactions of the database from begin to on disk.',
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers: [registry],
  })
  return batch => {
    jobs.observe(batch.jobs)
    duration.observe(batch.commitMs / 1000)
  }
}

function createRenewalObserver (registry: Registry): (renewal: Renewal) => void {
  const refreshes = new Counter({
    name: 'relay_token_refreshes_total',
    help: 'Renewals of the portal\'s tokens: renewed, refused, unreachable (nothing was sent), lost (no answer came, twice).',
    labelNames: ['outcome'],
    registers: [registry],
  })
  for (const outcome of ['renewed', 'refused', 'unreachable', 'lost']) refreshes.inc({ outcome }, 0)
  return renewal => {
    // Somebody else had renewed them: nothing was asked.
    if (renewal.kind === 'replaced') return
    refreshes.inc({ outcome: renewal.kind === 'refused' && renewal.code === 'refresh-lost' ? 'lost' : renewal.kind })
  }
}
