import { isNamed, type ClientProfile, type DeadReason, type EditState, type MessageKey, type PortalEdit, type RefusalReason, type Revision } from '../../edit/edit.ts'
import type { Attempt, DeliveryHistory, Ledger } from '../outbox.ts'

/*
 * The rules of the outbox are pure functions over one row. In one transaction an engine reads the row, applies a rule to it, and writes the new
 * row and the change of the ledger.
 */

/** One message's row. */
export interface OutboxRow {
  readonly id: string
  readonly channel: string
  readonly chat: string
  readonly message: string
  /** Null while only refused revisions of the message are known. */
  readonly revision: Revision | null
  /** The digests of the contents accepted at `revision`, in order of arrival; the last is the content held. */
  readonly seen: readonly string[]
  /** The content held, or null. Its revision is a field of its own: a newer revision of the same content changes only that. */
  readonly edit: HeldEdit | null
  readonly version: number
  readonly state: EditState
  readonly reason: DeadReason | null
  readonly words: string | null
  readonly acceptedAt: number
  /** Since when some content has been waiting for its first call, without a break. */
  readonly waitingSince: number | null
  readonly finishedAt: number | null
  readonly dueAt: number | null
  /** When to look up the client's name. Until the name is known, the edit is not due. */
  readonly askAt: number | null
  readonly history: DeliveryHistory
  /** The call that carries the message now, and the version in it. A newer edit does not change them. */
  readonly callId: string | null
  readonly callVersion: number | null
  /** Until then the portal may still apply `quarantineVersion`, and no other version is sent. */
  readonly quarantineVersion: number | null
  readonly quarantineUntil: number | null
  /** A late call of a former leader may have shown an older version during the present call. So the message is sent once more. */
  readonly overtaken: boolean
  readonly refused: RefusedRevision | null
  /** The texts of the last versions that calls have carried, with the time of each one's first call. */
  readonly texts: ReadonlyArray<{ readonly version: number, readonly digest: string, readonly calledAt: number }>
  /** When the portal reported that it found the message with the present version; and whether the report's text was another. */
  readonly confirmedAt: number | null
  readonly textDiffers: boolean
  /** The portal's own id of the client, from the answer to the last call. */
  readonly portalUser: string | null
  /** The last calls that carried the message, the oldest first. */
  readonly calls: ReadonlyArray<Attempt & { readonly callId: string }>
}

export type HeldEdit = Pick<PortalEdit, 'user' | 'message' | 'chat' | 'allowAnonymous'>

interface RefusedRevision {
  readonly revision: Revision
  readonly reason: RefusalReason
  readonly seen: readonly string[]
}

export type LedgerDelta = Partial<Omit<Ledger, 'pending'>>

/** A changed row, and what the change adds to the ledger. */
export interface Change {
  readonly row: OutboxRow
  readonly delta: LedgerDelta
}

export const MAX_CHUNK = 50

export function freshHistory (files: number): DeliveryHistory {
  return { attempts: 0, chunkLimit: files > 0 ? 1 : MAX_CHUNK, suspicions: 0, suspectedAt: null, unknownUserRepeats: 0, flags: [] }
}

export function emptyRow (id: string, { chat, message }: MessageKey, channel: string, now: number): OutboxRow {
  return {
    id,
    channel,
    chat,
    message,
    revision: null,
    seen: [],
    edit: null,
    version: 0,
    state: 'pending',
    reason: null,
    words: null,
    acceptedAt: now,
    waitingSince: null,
    finishedAt: null,
    dueAt: null,
    askAt: null,
    history: freshHistory(0),
    callId: null,
    callVersion: null,
    quarantineVersion: null,
    quarantineUntil: null,
    overtaken: false,
    refused: null,
    texts: [],
    ...UNCONFIRMED,
    portalUser: null,
    calls: [],
  }
}

export const UNCONFIRMED = { confirmedAt: null, textDiffers: false } as const

/** When the edit is due for its call; or, if its client has no name yet, when to look that up. */
export function dueOrAsked (user: ClientProfile, at: number): Pick<OutboxRow, 'dueAt' | 'askAt'> {
  const waitsForName = user.lookUpId !== undefined && !isNamed(user)
  return waitsForName ? { dueAt: null, askAt: at } : { dueAt: at, askAt: null }
}

export function sumDeltas (deltas: readonly LedgerDelta[]): Omit<Ledger, 'pending'> {
  const sum = { accepted: 0, superseded: 0, delivered: 0, dead: 0 }
  for (const { accepted = 0, superseded = 0, delivered = 0, dead = 0 } of deltas) {
    sum.accepted += accepted
    sum.superseded += superseded
    sum.delivered += delivered
    sum.dead += dead
  }
  return sum
}
