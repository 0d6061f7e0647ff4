import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { EventOutcome } from '../../bitrix24/events.ts'
import type { Renewal } from '../../bitrix24/refresher.ts'
import type { Channel } from '../../config/channels.ts'
import type { CommitObserver } from '../../outbox/store.ts'
import { createCourierMetrics } from './courier.ts'
import { createScrape, type ScrapeOptions } from './scrape.ts'
import type { LookUpReport } from '../../names/names.ts'
import type { Passage } from '../../forward/connector.ts'
import type { WebhookOutcome } from '../../edit/edit.ts'
import type { Observers, WebhookObserver } from '../observers.ts'

interface MetricsOptions {
  readonly version: string
  readonly channels: Iterable<Pick<Channel, 'id' | 'upstream'>>
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number
}

interface Metrics {
  readonly registry: Registry
  readonly observers: Observers
  /** Adds the metrics that are computed for each scrape. Returns a function for the text of all metrics. */
  readonly createScrape: (options: ScrapeOptions) => () => Promise<string>
}

/**
 * The metrics of one relay for Prometheus, in a registry of its own. Labels never contain a client's id, name or address: only configured values and
 * words from fixed lists.
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
      webhooks: createWebhookMetrics(registry, known.map(({ id }) => id), courier.onDead),
      onForwarded: createUpstreamMetrics(registry, known.filter(({ upstream }) => upstream !== null).map(({ id }) => id)),
      onDead: (_channel, reason) => courier.onDead(reason),
      onLookUp: createLookUpMetrics(registry, known.map(({ id }) => id)),
      onCommit: createCommitObserver(registry),
      onRenewal: createRenewalObserver(registry),
      onEvent: createEventObserver(registry),
    },
    createScrape: options => createScrape(registry, options),
  }
}

function createCommitObserver (registry: Registry): CommitObserver {
  const jobs = new Histogram({
    name: 'relay_commit_jobs',
    help: 'Jobs in one transaction of the database. A job is, for example, a webhook, a claim or the record of a call.',
    buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2000],
    registers: [registry],
  })
  const duration = new Histogram({
    name: 'relay_commit_duration_seconds',
    help: 'Duration of the database\'s transactions, commit included.',
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
    help: 'Renewals of the portal\'s tokens: renewed, refused, unreachable (nothing was sent), lost (two answers were lost).',
    labelNames: ['outcome'],
    registers: [registry],
  })
  for (const outcome of ['renewed', 'refused', 'unreachable', 'lost']) refreshes.inc({ outcome }, 0)
  return renewal => {
    // The tokens were already renewed, so no request was made.
    if (renewal.kind === 'replaced') return
    refreshes.inc({ outcome: renewal.kind === 'refused' && renewal.code === 'refresh-lost' ? 'lost' : renewal.kind })
  }
}

const EVENT_OUTCOMES: readonly EventOutcome[] = ['confirmed', 'repeated', 'older', 'early', 'unmatched', 'foreign', 'operator', 'other', 'unknown']

function createEventObserver (registry: Registry): Observers['onEvent'] {
  const events = new Counter({
    name: 'relay_portal_events_total',
    help: 'Authentic events of the portal: confirmed, repeated, older (text of an older version), early, unmatched (never called), foreign (connector), operator, other, unknown (form).',
    labelNames: ['outcome'],
    registers: [registry],
  })
  const delay = new Histogram({
    name: 'relay_confirmation_seconds',
    help: 'From the delivery of an edit to the portal\'s report that it found the message.',
    buckets: [0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 600],
    registers: [registry],
  })
  for (const outcome of EVENT_OUTCOMES) events.inc({ outcome }, 0)
  return (outcome, confirmedAfterMs) => {
    events.inc({ outcome })
    if (confirmedAfterMs !== null) delay.observe(confirmedAfterMs / 1000)
  }
}

/** No channel can have this name. */
const NO_CHANNEL = '?'

const WEBHOOK_OUTCOMES: readonly (WebhookOutcome | 'unreadable')[] = ['accepted', 'duplicate', 'stale', 'ignored', 'unreadable', 'refused']
const STATUSES = [400, 401, 429, 500, 503]

/** All series of a channel exist from the start: Prometheus does not see the increase of a new series. */
function createWebhookMetrics (registry: Registry, channels: Iterable<string>, onDead: (reason: string) => void): WebhookObserver {
  const edits = new Counter({
    name: 'relay_webhook_edits_total',
    help: 'Edits in acknowledged webhooks, by outcome (ignored: the event is not an edit; unreadable: it should be one but cannot be read).',
    labelNames: ['channel', 'outcome'],
    registers: [registry],
  })
  const rejected = new Counter({
    name: 'relay_webhooks_rejected_total',
    help: 'Webhooks that were not acknowledged, by HTTP status. The channel is ? if there is no such channel.',
    labelNames: ['channel', 'status'],
    registers: [registry],
  })
  for (const channel of channels) {
    for (const outcome of WEBHOOK_OUTCOMES) edits.inc({ channel, outcome }, 0)
    for (const status of STATUSES) rejected.inc({ channel, status }, 0)
  }

  return {
    onVerified () {},
    onReceived (channel, results) {
      for (const { result } of results) {
        edits.inc({ channel, outcome: result.reason === 'unreadable' ? 'unreadable' : result.outcome })
        if (result.outcome === 'refused' && result.reason !== undefined) onDead(result.reason)
      }
    },
    onRejected: (channel, status) => rejected.inc({ channel: channel ?? NO_CHANNEL, status }),
  }
}

/** Labels of the counter; `failed` is an answer with a status of 500 or more. */
const PASSAGE_OUTCOMES: ReadonlyArray<Passage['outcome'] | 'failed'> = ['answered', 'failed', 'unreachable', 'timeout', 'broken', 'busy', 'loop', 'stopped']

function createUpstreamMetrics (registry: Registry, channels: Iterable<string>): (channel: string, passage: Passage) => void {
  const forwards = new Counter({
    name: 'relay_forwards_total',
    help: 'Webhooks for the connector behind the relay, by the outcome of forwarding (failed: the connector answered 5xx).',
    labelNames: ['channel', 'outcome'],
    registers: [registry],
  })
  const duration = new Histogram({
    name: 'relay_forward_duration_seconds',
    help: 'From the start of forwarding a webhook to the end of the connector\'s answer, or to a failure.',
    labelNames: ['channel'],
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120],
    registers: [registry],
  })
  for (const channel of channels) {
    for (const outcome of PASSAGE_OUTCOMES) forwards.inc({ channel, outcome }, 0)
    duration.zero({ channel })
  }
  return (channel, passage) => {
    const outcome = passage.outcome === 'answered' && passage.status >= 500 ? 'failed' : passage.outcome
    forwards.inc({ channel, outcome })
    duration.observe({ channel }, passage.durationMs / 1000)
  }
}

const LOOK_UP_OUTCOMES = ['found', 'unknown', 'refused', 'unavailable']

function createLookUpMetrics (registry: Registry, channels: Iterable<string>): (report: LookUpReport) => void {
  const lookUps = new Counter({
    name: 'relay_profile_lookups_total',
    help: 'Name look-ups at a messenger\'s API, by client: found, unknown, refused (the channel\'s token), or unavailable.',
    labelNames: ['channel', 'outcome'],
    registers: [registry],
  })
  for (const channel of channels) for (const outcome of LOOK_UP_OUTCOMES) lookUps.inc({ channel, outcome }, 0)

  return ({ channel, outcome, clients, found }) => {
    if (outcome !== 'answered') return lookUps.inc({ channel, outcome }, clients)
    lookUps.inc({ channel, outcome: 'found' }, found)
    lookUps.inc({ channel, outcome: 'unknown' }, clients - found)
  }
}
