import type { CallOutcome, Recovery } from '../outbox.ts'
import { endCall, quarantine } from './outcome.ts'
import { isDeadByRefusal, makeDue } from './redelivery.ts'
import type { Change, OutboxRow } from './row.ts'

/*
 * Protects the newest text when the leader changes. A leader may be paused during a call and wake up after another one has taken over. Its call
 * may then be applied after a newer one.
 */

/** Ends a call that the former leader left open; its outcome is unknown. */
export function recover (held: OutboxRow, { now, quarantineUntil, latestDueAt }: Omit<Recovery, 'portal' | 'epoch'>): Change | null {
  if (held.callId === null || held.callVersion === null) return null
  const dueAt = held.dueAt === null ? null : Math.min(held.dueAt, latestDueAt)
  const history = { ...held.history, attempts: held.history.attempts + 1 }
  return endCall({ ...held, dueAt }, held.callId, { id: held.id, version: held.callVersion, result: 'retry', dueAt: now, history, quarantineUntil }, now)
}

/**
 * Applies the outcome of a former leader's call to a message that it no longer leads. The portal shows the version of that call, or may show it
 * later if the outcome is unknown. A newer version that was delivered meanwhile is therefore sent again. Null when nothing changes.
 */
export function lateOutcome (held: OutboxRow, outcome: CallOutcome, now: number): Change | null {
  const row = quarantine(held, outcome)
  const isOlder = held.version !== outcome.version
  if (isOlder && row.callId !== null && row.callVersion !== outcome.version) return { row: { ...row, overtaken: true }, delta: {} }
  if (isOlder && row.revision !== null && (row.state === 'delivered' || isDeadByRefusal(row))) return makeDue(row, now)
  return row === held ? null : { row, delta: {} }
}
