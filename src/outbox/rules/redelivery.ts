import { compareRevisions } from '../../edit/edit.ts'
import { dueOrAsked, freshHistory, UNCONFIRMED, type Change, type HeldEdit, type OutboxRow } from './row.ts'

/** Makes a finished row due again with the content that it holds, or returns why not. */
export function redeliver (held: OutboxRow, now: number): Change | 'pending' | 'nothing-held' {
  if (held.state === 'pending') return 'pending'
  if (held.revision === null || isDeadByRefusal(held)) return 'nothing-held'
  return makeDue(held, now)
}

/** Whether a guard refused the row's newest edit, so that the held content is older. */
export function isDeadByRefusal ({ refused, reason, revision }: OutboxRow): boolean {
  return refused !== null && reason === refused.reason && (revision === null || compareRevisions(refused.revision, revision) >= 0)
}

export function makeDue (held: OutboxRow, now: number): Change {
  const at = Math.max(now, held.quarantineVersion === held.version ? 0 : held.quarantineUntil ?? 0)
  const history = { ...freshHistory(0), chunkLimit: held.history.chunkLimit, attempts: held.history.attempts }
  const row: OutboxRow = { ...held, state: 'pending', reason: null, words: null, waitingSince: now, finishedAt: null, ...dueOrAsked((held.edit as HeldEdit).user, at), history, texts: held.texts.filter(({ version }) => version !== held.version), ...UNCONFIRMED }
  return { row, delta: held.state === 'dead' ? { dead: -1 } : { delivered: -1 } }
}
