import type { Attempt, CallOutcome, EndedCall } from '../outbox.ts'
import { lateOutcome } from './fencing.ts'
import { endCall } from './outcome.ts'
import type { Change, OutboxRow } from './row.ts'

/** An edit that waits for days while the portal is broken would collect hundreds of calls. */
const KEPT_CALLS = 20

/** Applies the end of a call to one of its messages; null when nothing changes. `isLate`: the caller's lease has ended, so another leader may have the message. */
export function recordOutcome (held: OutboxRow, { callId, attempt, now }: EndedCall, outcome: CallOutcome, isLate: boolean): Change | null {
  const change = endCall(held, callId, outcome, now) ?? (isLate ? lateOutcome(held, outcome, now) : null)
  const row = change?.row ?? held
  const calls = attempt === null ? row.calls : addCall(row.calls, callId, attemptFor(outcome, attempt))
  return change === null && calls === row.calls ? null : { row: { ...row, calls }, delta: change?.delta ?? {} }
}

/** The portal may accept a call and reject one of its messages. */
function attemptFor (outcome: CallOutcome, attempt: Attempt): Attempt {
  const isRefused = attempt.code === 'ok' && outcome.result === 'dead' && outcome.reason === 'rejected'
  return isRefused ? { ...attempt, code: 'rejected', words: outcome.words } : attempt
}

/** A call may be recorded twice if the answer to the first commit was lost. It is kept once. */
export function addCall (calls: OutboxRow['calls'], callId: string, attempt: Attempt): OutboxRow['calls'] {
  return calls.some(call => call.callId === callId) ? calls : [...calls, { callId, ...attempt }].slice(-KEPT_CALLS)
}
