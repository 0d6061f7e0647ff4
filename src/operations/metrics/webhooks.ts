import { Counter, type Registry } from 'prom-client'
import type { WebhookOutcome } from '../../edit/edit.ts'
import type { WebhookObserver } from './observers.ts'

/** No channel can have this name. */
const NO_CHANNEL = '?'

const OUTCOMES: readonly (WebhookOutcome | 'unreadable')[] = ['accepted', 'duplicate', 'stale', 'ignored', 'unreadable', 'refused']
const STATUSES = [400, 401, 429, 500, 503]

/** Every series of a channel is there from the start: Prometheus cannot see an increase from nothing. */
export function createWebhookMetrics (registry: Registry, channels: Iterable<string>, onRefused: (reason: string) => void): WebhookObserver {
  const edits = new Counter({
    name: 'relay_webhook_edits_total',
    help: 'Edits in webhooks that were acknowledged, by what became of them at the door (ignored: an event that is no edit; unreadable: one that ought to be and cannot be read).',
    labelNames: ['channel', 'outcome'],
    registers: [registry],
  })
  const rejected = new Counter({
    name: 'relay_webhooks_rejected_total',
    help: 'Webhooks that were not acknowledged, by HTTP status; the channel is ? when there is no such channel.',
    labelNames: ['channel', 'status'],
    registers: [registry],
  })
  for (const channel of channels) {
    for (const outcome of OUTCOMES) edits.inc({ channel, outcome }, 0)
    for (const status of STATUSES) rejected.inc({ channel, status }, 0)
  }

  return {
    onReceived (channel, results) {
      for (const { result } of results) {
        edits.inc({ channel, outcome: result.reason === 'unreadable' ? 'unreadable' : result.outcome })
        if (result.outcome === 'refused' && result.reason !== undefined) onRefused(result.reason)
      }
    },
    onRejected: (channel, status) => rejected.inc({ channel: channel ?? NO_CHANNEL, status }),
  }
}
