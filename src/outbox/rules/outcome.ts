import type { DeadReason, EditState } from '../../edit/edit.ts'
import type { CallOutcome, EditFlag } from '../outbox.ts'
import type { Change, OutboxRow } from './row.ts'

/** Ends a call for one message; null when the row is no longer in that call. */
export function endCall (held: OutboxRow, callId: string, outcome: CallOutcome, now: number): Change | null {
  if (held.callId !== callId || held.callVersion !== outcome.version) return null
  const newerWaits = held.version !== outcome.version
  const row = release(held, outcome)
  // A late call may show its older version until then. A repeat before that could be overtaken by it.
  const notBefore = held.overtaken ? held.quarantineUntil ?? 0 : 0
  switch (outcome.result) {
    case 'delivered':
      if (held.overtaken && !newerWaits) return { row: { ...row, dueAt: Math.max(now, notBefore) }, delta: {} }
      return { row: newerWaits ? row : { ...finished(row, now, 'delivered', null, null, outcome.flags), portalUser: outcome.portalUser ?? row.portalUser }, delta: { delivered: 1 } }
    case 'dead':
      return { row: newerWaits ? row : finished(row, now, 'dead', outcome.reason, outcome.words, row.history.flags), delta: { dead: 1 } }
    case 'retry':
      if (newerWaits) return { row, delta: { superseded: 1 } }
      return { row: { ...row, dueAt: Math.max(outcome.dueAt, notBefore), history: outcome.history }, delta: {} }
  }
}

/** Takes the row out of its call. Newer content is not sent before the quarantine of the called version ends. */
function release (held: OutboxRow, outcome: CallOutcome): OutboxRow {
  return quarantine({ ...held, callId: null, callVersion: null, overtaken: false }, outcome)
}

/** As long as the portal may still apply the version of the call, no other version is sent. */
export function quarantine (row: OutboxRow, outcome: CallOutcome): OutboxRow {
  if (outcome.result === 'delivered' || outcome.quarantineUntil === null) return row
  const quarantineUntil = Math.max(outcome.quarantineUntil, row.quarantineUntil ?? 0)
  const dueAt = row.dueAt === null || row.version === outcome.version ? row.dueAt : Math.max(row.dueAt, quarantineUntil)
  return { ...row, dueAt, quarantineVersion: outcome.version, quarantineUntil }
}

/** Finishes a row and counts the call that finished it. */
export function finished (row: OutboxRow, now: number, state: EditState, reason: DeadReason | null, words: string | null, flags: readonly EditFlag[]): OutboxRow {
  return { ...row, state, reason, words, finishedAt: now, dueAt: null, askAt: null, waitingSince: null, history: { ...row.history, attempts: row.history.attempts + 1, flags } }
}
