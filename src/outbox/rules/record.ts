import type { Attempt, CallOutcome, EndedCall } from '../outbox.ts'
import { lateOutcome } from './fencing.ts'
import { endCall } from './outcome.ts'
import type { Change, OutboxRow } from './row.ts'

/** An edit that waits for days behind a broken portal would collect hundreds of calls. */
const KEPT_CALLS = 20

/**
 * What the end of a call does to one of its messages; null when it changes nothing. `isLate`: the caller's epoch has ended, so the message may
 * have been taken from it.
 */
export function recordOutcome (held: OutboxRow, { callId, attempt, now }: EndedCall, outcome: CallOutcome, isLate: boolean): Change | null {
  const change = endCall(held, callId, outcome, now) ?? (isLate ? lateOutcome(held, outcome, now) : null)
  const row = change?.row ?? held
  const calls = attempt === null ? row.calls : addCall(row.calls, callId, attemptFor(outcome, attempt))
  return change === null && calls === row.calls ? null : { row: { ...row, calls }, delta: change?.delta ?? {} }
}

/** The portal may take the call and refuse one of its messages, in words of its own. */
function attemptFor (outcome: CallOutcome, attempt: Attempt): Attempt {
  const isRefused = attempt.code === 'ok' && outcome.result === 'dead' && outcome.reason === 'rejected'
  return isRefused ? { ...attempt, code: 'rejected', words: outcome.words } : attempt
}

/** A call that is recorded twice, because the answer to the first commit was lost, stands there once. */
export function addCall (calls: OutboxRow['calls'], callId: string, attempt: Attempt): OutboxRow['calls'] {
  return calls.some(call => call.callId === callId) ? calls : [...calls, { callId, ...attempt }].slice(-KEPT_CALLS)
}
