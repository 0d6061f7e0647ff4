import type { EndedQuestion, NameOutcome } from '../outbox.ts'
import { finished } from './outcome.ts'
import { addCall } from './record.ts'
import type { Change, OutboxRow } from './row.ts'

/** Applies the outcome of a name look-up to an edit; null when the edit no longer waits for it. */
export function recordName (held: OutboxRow, { questionId, attempt, now }: EndedQuestion, outcome: NameOutcome): Change | null {
  if (held.askAt === null || held.version !== outcome.version) return null
  const { row, delta } = nameOutcome(held, outcome, now)
  return { row: attempt === null ? row : { ...row, calls: addCall(row.calls, questionId, attempt) }, delta }
}

function nameOutcome (held: OutboxRow, outcome: NameOutcome, now: number): Change {
  switch (outcome.result) {
    // The portal may still apply an older version until its quarantine ends.
    case 'named': return { row: { ...held, askAt: null, dueAt: Math.max(now, held.quarantineVersion === held.version ? 0 : held.quarantineUntil ?? 0) }, delta: {} }
    case 'retry': return { row: { ...held, askAt: outcome.askAt }, delta: {} }
    case 'dead': return { row: finished(held, now, 'dead', outcome.reason, outcome.words, held.history.flags), delta: { dead: 1 } }
  }
}
