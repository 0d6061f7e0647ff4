import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { SessionResult } from '../../bitrix24/session.ts'
import type { CourierObserver } from '../../courier/delivery.ts'
import { DEAD_REASONS } from '../../edit/edit.ts'
import type { ClaimedEdit, EditFlag, CallOutcome } from '../../outbox/outbox.ts'
import { CODE_ACTIONS } from '../../bitrix24/codes.ts'

const FLAGS: readonly EditFlag[] = ['unknown-user', 'files-omitted']

const OPERATING_WINDOW_MS = 10 * 60_000

const MINUTE_S = 60
const HOUR_S = 60 * MINUTE_S
const DAY_S = 24 * HOUR_S

/** Counts the courier's events, and edits that end before the courier gets them. */
export function createCourierMetrics (registry: Registry, now: () => number) {
  const registers = [registry]
  const finished = new Counter({
    name: 'relay_edits_finished_total',
    help: 'Edits that this process finished. The reason of a delivered edit is its flag (unknown-user, files-omitted) or empty.',
    labelNames: ['state', 'reason'],
    registers,
  })
  const latency = new Histogram({
    name: 'relay_delivery_latency_seconds',
    help: 'From the acknowledgement of an edit to the portal\'s success, including the debounce.',
    buckets: [0.5, 1, 2.5, 5, 10, 30, MINUTE_S, 5 * MINUTE_S, 15 * MINUTE_S, HOUR_S, 6 * HOUR_S, DAY_S, 3 * DAY_S],
    registers,
  })
  const duration = new Histogram({
    name: 'relay_call_duration_seconds',
    help: 'Calls of imconnector.update.messages by outcome (answered, refused, moved, unreachable, unknown) and the relay\'s action (none: success).',
    labelNames: ['outcome', 'action'],
    buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 65],
    registers,
  })
  const messages = new Histogram({
    name: 'relay_call_messages',
    help: 'Messages in one call of imconnector.update.messages.',
    buckets: [1, 2, 5, 10, 20, 30, 40, 50],
    registers,
  })
  const parks = new Counter({
    name: 'relay_parks_total',
    help: 'Parks of the portal or a line, by code.',
    labelNames: ['scope', 'code'],
    registers,
  })
  let reportedAt = -Infinity
  const operating = new Gauge({
    name: 'relay_operating_used_seconds',
    help: 'Operating time of imconnector.update.messages within ten minutes, from the portal\'s last answer; 0 if that is over ten minutes old.',
    registers,
    collect () {
      if (now() - reportedAt >= OPERATING_WINDOW_MS) this.set(0)
    },
  })
  finished.inc({ state: 'delivered', reason: '' }, 0)
  for (const reason of FLAGS) finished.inc({ state: 'delivered', reason }, 0)
  for (const reason of DEAD_REASONS) finished.inc({ state: 'dead', reason }, 0)

  const observer: CourierObserver = {
    onCall (call) {
      const { result, action } = call
      duration.observe({ outcome: result.kind, action }, result.durationMs / 1000)
      messages.observe(call.messages)
      const usedS = operatingS(result)
      if (usedS === null) return
      operating.set(usedS)
      reportedAt = now()
    },

    onRecorded (claimed, outcomes, at) {
      for (const outcome of outcomes) {
        if (outcome.result === 'retry') continue
        finished.inc(ending(outcome))
        if (outcome.result === 'delivered') latency.observe(waitedS(claimed, outcome, at))
      }
    },

    onParked: (scope, code) => parks.inc({ scope, code: codeLabel(code) }),
  }
  return { observer, onDead: (reason: string) => finished.inc({ state: 'dead', reason }) }
}

function ending (outcome: Exclude<CallOutcome, { result: 'retry' }>) {
  const reason = outcome.result === 'dead' ? outcome.reason : FLAGS.find(flag => outcome.flags.includes(flag)) ?? ''
  return { state: outcome.result, reason }
}

function waitedS (claimed: readonly ClaimedEdit[], outcome: CallOutcome, now: number): number {
  const acceptedAt = claimed.find(edit => edit.id === outcome.id)?.acceptedAt ?? now
  return Math.max(0, now - acceptedAt) / 1000
}

function operatingS (result: SessionResult): number | null {
  return result.kind === 'answered' && result.time !== null ? result.time.operatingS : null
}

/** The label for a code. Each value is a series in Prometheus, so undocumented codes share one. */
export function codeLabel (code: string): string {
  return Object.hasOwn(CODE_ACTIONS, code.toUpperCase()) ? code : 'other'
}
