import type { ClientProfile, PortalEdit } from '../../edit/edit.ts'
import type { ClaimedEdit } from '../outbox.ts'
import { addText } from './confirm.ts'
import { endCall } from './outcome.ts'
import type { Change, HeldEdit, OutboxRow } from './row.ts'

/** To fill a call of `limit` messages, an engine looks at this many times `limit` due rows: chunk limits exclude some. */
export const SCAN_FACTOR = 4

/** Chooses the rows for one call from the due ones, oldest first: no more than the chunk limit of any of them. */
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

export function claim (held: OutboxRow, callId: string, now: number): OutboxRow {
  // Another version than the quarantined one is due only after the quarantine.
  const isQuarantined = held.quarantineVersion === held.version
  return {
    ...held,
    callId,
    callVersion: held.version,
    dueAt: null,
    texts: addText(held, now),
    quarantineVersion: isQuarantined ? held.quarantineVersion : null,
    quarantineUntil: isQuarantined ? held.quarantineUntil : null,
  }
}

/** `known`: the client's newest profile. The edit's own may lack a name or be older. */
export function toClaimed (row: OutboxRow, known: ClientProfile | null): ClaimedEdit {
  const { user, message, chat, allowAnonymous } = row.edit as HeldEdit
  const { id, version, channel, revision, acceptedAt, history } = row
  return { id, version, channel, edit: { user: known ?? user, message, chat, allowAnonymous, revision } as PortalEdit, acceptedAt, history }
}

/** Takes a message out of a call that was never made. */
export function giveBack (held: OutboxRow, now: number): Change | null {
  if (held.callId === null || held.callVersion === null) return null
  return endCall(held, held.callId, { id: held.id, version: held.callVersion, result: 'retry', dueAt: now, history: held.history, quarantineUntil: null }, now)
}
