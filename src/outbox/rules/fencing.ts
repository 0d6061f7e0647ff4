import type { CallOutcome } from '../outbox.ts'
import { endCall, quarantine } from './outcome.ts'
import { isDeadByRefusal, makeDue } from './redelivery.ts'
import type { Change, OutboxRow } from './row.ts'

/*
 * What protects the newest text when the leader changes. A leader may be paused within a call and wake up after another one has taken over;
 * its call may then be applied after a newer one.
 */

/** Ends the call that a former leader left open, with unknown outcome. */
export function recover (held: OutboxRow, now: number, quarantineUntil: number): Change | null {
  if (held.callId === null || held.callVersion === null) return null
  const history = { ...held.history, attempts: held.history.attempts + 1 }
  return endCall(held, held.callId, { id: held.id, version: held.callVersion, result: 'retry', dueAt: now, history, quarantineUntil }, now)
}

/**
 * The end of a former leader's call for a message that was taken from it. The portal shows the version of that call now, or may show it later
 * while the outcome is unknown; so a newer version that was delivered meanwhile is sent again. Null when nothing changes.
 */
export function lateOutcome (held: OutboxRow, outcome: CallOutcome, now: number): Change | null {
  const row = quarantine(held, outcome)
  const isOlder = held.version !== outcome.version
  if (isOlder && row.callId !== null && row.callVersion !== outcome.version) return { row: { ...row, overtaken: true }, delta: {} }
  if (isOlder && row.revision !== null && (row.state === 'delivered' || isDeadByRefusal(row))) return makeDue(row, now)
  return row === held ? null : { row, delta: {} }
}
