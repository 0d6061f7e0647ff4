import type { ClientProfile, PortalEdit } from '../../edit/edit.ts'
import type { ClaimedEdit } from '../outbox.ts'
import { endCall } from './outcome.ts'
import type { Change, HeldEdit, OutboxRow } from './row.ts'

/** How many due rows an engine looks at for a claim of `limit`, to find some that may travel together. */
export const SCAN_FACTOR = 4

/** Of due rows, the oldest first, those that go into one call: no more than any one's chunk limit. */
export function travelTogether (due: readonly OutboxRow[], limit: number): OutboxRow[] {
  const chosen: OutboxRow[] = []
  let most = limit
  for (const row of due) {
    if (chosen.length >= Math.min(most, row.history.chunkLimit)) continue
    most = Math.min(most, row.history.chunkLimit)
    chosen.push(row)
  }
  return chosen
}

/** Puts a due row into a call. */
export function claim (held: OutboxRow, callId: string): OutboxRow {
  // If another version than the quarantined one is due, the quarantine is over.
  const isQuarantined = held.quarantineVersion === held.version
  return {
    ...held,
    callId,
    callVersion: held.version,
    dueAt: null,
    quarantineVersion: isQuarantined ? held.quarantineVersion : null,
    quarantineUntil: isQuarantined ? held.quarantineUntil : null,
  }
}

/** An edit may have come without a name, or with an older one than another webhook has brought since: `known` is the newest profile. */
export function toClaimed (row: OutboxRow, known: ClientProfile | null): ClaimedEdit {
  const { user, message, chat, allowAnonymous } = row.edit as HeldEdit
  return { id: row.id, version: row.version, channel: row.channel, edit: { user: known ?? user, message, chat, allowAnonymous, revision: row.revision } as PortalEdit, acceptedAt: row.acceptedAt, history: row.history }
}

/** Takes a message out of a call that was never made. */
export function giveBack (held: OutboxRow, now: number): Change | null {
  if (held.callId === null || held.callVersion === null) return null
  return endCall(held, held.callId, { id: held.id, version: held.callVersion, result: 'retry', dueAt: now, history: held.history, quarantineUntil: null }, now)
}
