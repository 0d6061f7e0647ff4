import { Counter, Histogram, type Registry } from 'prom-client'
import type { Passage } from '../../forward/connector.ts'

/** Labels of the counter; `failed` is an answer with a status of 500 or more. */
const OUTCOMES: ReadonlyArray<Passage['outcome'] | 'failed'> = ['answered', 'failed', 'unreachable', 'timeout', 'broken', 'busy', 'loop', 'stopped']

export function createUpstreamMetrics (registry: Registry, channels: Iterable<string>): (channel: string, passage: Passage) => void {
  const forwards = new Counter({
    name: 'relay_forwards_total',
    help: 'Webhooks that were for the connector behind the relay, by what passing them on came to (failed: the connector answered 5xx).',
    labelNames: ['channel', 'outcome'],
    registers: [registry],
  })
  const duration = new Histogram({
    name: 'relay_forward_duration_seconds',
    help: 'From the start of passing a webhook on to the end of the connector\'s answer, or to its failure.',
    labelNames: ['channel'],
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120],
    registers: [registry],
  })
  for (const channel of channels) {
    for (const outcome of OUTCOMES) forwards.inc({ channel, outcome }, 0)
    duration.zero({ channel })
  }
  return (channel, passage) => {
    const outcome = passage.outcome === 'answered' && passage.status >= 500 ? 'failed' : passage.outcome
    forwards.inc({ channel, outcome })
    duration.observe({ channel }, passage.durationMs / 1000)
  }
}
