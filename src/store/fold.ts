import { compareRevisions, type DeadReason, type EditState, type RefusalReason, type Revision } from '../edit.ts'
import type { IdentifiedEdit } from './identify.ts'
import type { Attempt, DeliveryHistory, EditFlag, IntakeResult, Settlement } from './store.ts'

/*
 * The rules of the outbox as pure functions over one row, shared by every engine: an engine reads the row inside
 * its transaction, asks here what becomes of it, and writes the answer and the ledger's change in the same transaction.
 */

/** One message's row. `revision` is null as long as only refused revisions of the message are known. */
export interface OutboxRow {
  readonly id: string
  readonly channel: string
  readonly revision: Revision | null
  /** The digests of the contents accepted at `revision`, in order of arrival; the last is the content held. */
  readonly seen: string
  /** The edit as JSON, or '' when none is held. */
  readonly content: string
  readonly version: number
  readonly state: EditState
  readonly reason: DeadReason | null
  readonly words: string | null
  readonly acceptedAt: number
  /** Since when, without a break, some content has been waiting for its first call. */
  readonly waitingSince: number | null
  readonly settledAt: number | null
  readonly dueAt: number | null
  readonly history: DeliveryHistory
  /** The call that carries the message now, and the version that it carries; a newer edit never touches them. */
  readonly callId: string | null
  readonly callVersion: number | null
  readonly quarantineVersion: number | null
  readonly quarantineUntil: number | null
  /** A late call of a former holder may have shown an older version while the present call was under way: it is not the last one. */
  readonly overtaken: boolean
  readonly refused: { readonly revision: Revision, readonly reason: RefusalReason, readonly seen: string } | null
}

export interface LedgerDelta {
  readonly accepted?: number
  readonly superseded?: number
  readonly delivered?: number
  readonly dead?: number
}

/** `row: null` means that nothing is to be written. */
export interface Folded {
  readonly outcome: IntakeResult['outcome']
  readonly row: OutboxRow | null
  readonly delta: LedgerDelta
}

export interface Settled {
  readonly row: OutboxRow
  readonly delta: LedgerDelta
}

export const MAX_CHUNK = 50

const DIGEST_LENGTH = 22
const MAX_SEEN = 32

/** A wait for a newer edit, and a message's youth, are at most this many times the settle time. */
const SETTLE_FACTOR = 5

export function freshHistory (files: number): DeliveryHistory {
  return { attempts: 0, chunkLimit: files > 0 ? 1 : MAX_CHUNK, suspicions: 0, suspectedAt: null, unknownUserRepeats: 0, flags: [] }
}

export function toIntakeResult ({ id }: IdentifiedEdit, { outcome, row }: Folded): IntakeResult {
  return { id, outcome, dueAt: outcome === 'accepted' && row !== null ? row.dueAt : null }
}

/** What one incoming edit does to the row that is held for its message, or to none. */
export function fold (held: OutboxRow | null, incoming: IdentifiedEdit): Folded {
  return incoming.refusal === null ? foldDeliverable(held, incoming) : foldRefused(held, incoming, incoming.refusal)
}

/**
 * Without a newer revision the last content that arrives wins, and one that was seen before is late. An edit that says what it replaces tells
 * more: what it replaced has been seen, even if it comes later or never, and a return to an earlier content is one if it replaces the last.
 */
function foldDeliverable (held: OutboxRow | null, incoming: IdentifiedEdit): Folded {
  const { edit, digest } = incoming
  let seen = remember('', incoming)
  if (held !== null && held.revision !== null) {
    const order = compareRevisions(edit.revision, held.revision)
    if (order < 0) return unchanged('stale')
    if (order === 0) {
      if (hasSeen(held.seen, digest) && !replacesLast(held.seen, incoming)) return repeated(held, incoming)
      seen = remember(held.seen, incoming)
    } else if (held.seen.endsWith(digest) && held.state !== 'dead') {
      return { outcome: 'duplicate', row: { ...held, revision: edit.revision, seen }, delta: {} }
    }
  }
  const supersedes = held !== null && isWaiting(held)
  const waitingSince = supersedes ? held.waitingSince ?? incoming.now : incoming.now
  const quarantineUntil = held?.quarantineUntil ?? null
  const row: OutboxRow = {
    ...(held ?? emptyRow(incoming)),
    channel: incoming.channel,
    revision: edit.revision,
    seen,
    content: serializeEdit(incoming),
    version: (held?.version ?? 0) + 1,
    state: 'pending',
    reason: null,
    words: null,
    acceptedAt: incoming.now,
    waitingSince,
    settledAt: null,
    dueAt: Math.max(settledDue(incoming, waitingSince), quarantineUntil ?? 0),
    history: freshHistory(edit.message.files.length),
  }
  return { outcome: 'accepted', row, delta: { accepted: 1, superseded: supersedes ? 1 : 0 } }
}

/** What a late edit replaced is older still: it stands first among the contents seen. */
function repeated (held: OutboxRow, { replaced = '' }: IdentifiedEdit): Folded {
  if (hasSeen(held.seen, replaced)) return unchanged('duplicate')
  return { outcome: 'duplicate', row: { ...held, seen: newest(replaced + held.seen) }, delta: {} }
}

/**
 * A refused revision is kept beside the deliverable one and never guards against it: were the refused one remembered as the
 * newest, an older deliverable edit that comes late would be lost although nothing newer can ever be shown.
 */
function foldRefused (held: OutboxRow | null, incoming: IdentifiedEdit, reason: RefusalReason): Folded {
  const { revision } = incoming.edit
  let seen = incoming.digest
  if (held?.refused) {
    const order = compareRevisions(revision, held.refused.revision)
    if (order < 0) return unchanged('stale')
    if (order === 0) {
      if (hasSeen(held.refused.seen, incoming.digest)) return unchanged('duplicate')
      seen = remember(held.refused.seen, incoming)
    }
  }
  if (held !== null && held.revision !== null && compareRevisions(revision, held.revision) < 0) return unchanged('stale')
  const refused = { revision, reason, seen }
  const delta = { accepted: 1, dead: 1 }
  if (held?.state === 'pending') return { outcome: 'refused', row: { ...held, refused }, delta }
  const row = { ...(held ?? emptyRow(incoming)), state: 'dead' as const, reason, words: null, acceptedAt: incoming.now, settledAt: incoming.now, dueAt: null, refused }
  return { outcome: 'refused', row, delta }
}

/** How a call ended for one message; null when the row no longer belongs to that call. */
export function settle (held: OutboxRow, callId: string, settlement: Settlement, now: number): Settled | null {
  if (held.callId !== callId || held.callVersion !== settlement.version) return null
  const newerWaits = held.version !== settlement.version
  const row = release(held, settlement.version, unknownUntil(settlement))
  // Until then the older version of the late call may appear, so that no repeat before it is the last.
  const notBefore = held.overtaken ? held.quarantineUntil ?? 0 : 0
  switch (settlement.result) {
    case 'delivered':
      if (held.overtaken && !newerWaits) return { row: { ...row, dueAt: Math.max(now, notBefore) }, delta: {} }
      return { row: newerWaits ? row : finished(row, now, 'delivered', null, null, settlement.flags), delta: { delivered: 1 } }
    case 'dead':
      return { row: newerWaits ? row : finished(row, now, 'dead', settlement.reason, settlement.words, row.history.flags), delta: { dead: 1 } }
    case 'retry':
      if (newerWaits) return { row, delta: { superseded: 1 } }
      return { row: { ...row, dueAt: Math.max(settlement.dueAt, notBefore), history: settlement.history }, delta: {} }
  }
}

/** Takes the row out of its call. A newer content that waits in it is not sent before the quarantine of the called version is over. */
function release (held: OutboxRow, calledVersion: number, quarantineUntil: number | null): OutboxRow {
  const row = { ...held, callId: null, callVersion: null, overtaken: false }
  return quarantineUntil === null ? row : quarantine(row, calledVersion, quarantineUntil)
}

/** Until that time `version` may still be applied by the portal, so that no other one is sent. */
function quarantine (row: OutboxRow, version: number, until: number): OutboxRow {
  const quarantineUntil = Math.max(until, row.quarantineUntil ?? until)
  const dueAt = row.dueAt === null || row.version === version ? row.dueAt : Math.max(row.dueAt, quarantineUntil)
  return { ...row, dueAt, quarantineVersion: version, quarantineUntil }
}

function unknownUntil (settlement: Settlement): number | null {
  return settlement.result === 'delivered' ? null : settlement.quarantineUntil
}

/**
 * What the end of a call means for a message that was taken from its maker, who held the lease no more: the portal may show its version now,
 * or later while the outcome is unknown, so a newer version that was delivered meanwhile is sent again. Null when nothing changes.
 */
export function settleLate (held: OutboxRow, settlement: Settlement, now: number): Settled | null {
  const until = unknownUntil(settlement)
  const row = until === null ? held : quarantine(held, settlement.version, until)
  const isOlder = held.version !== settlement.version
  if (isOlder && row.callId !== null && row.callVersion !== settlement.version) return { row: { ...row, overtaken: true }, delta: {} }
  if (isOlder && row.revision !== null && (row.state === 'delivered' || isDeadByRefusal(row))) return makeDue(row, now)
  return until === null ? null : { row, delta: {} }
}

/** What a call's attempt was for one of its messages: the portal may take the call and refuse the message, in words of its own. */
export function attemptFor (settlement: Settlement, attempt: Attempt): Attempt {
  const isRefused = attempt.code === 'ok' && settlement.result === 'dead' && settlement.reason === 'rejected'
  return isRefused ? { ...attempt, code: 'rejected', words: settlement.words } : attempt
}

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
export function take (held: OutboxRow, callId: string): OutboxRow {
  // A due row of another version than the quarantined one proves that the quarantine is over.
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

/** Takes the message of a call that was never made out of it again. */
export function giveBack (held: OutboxRow, now: number): Settled | null {
  if (held.callId === null || held.callVersion === null) return null
  return settle(held, held.callId, { id: held.id, version: held.callVersion, result: 'retry', dueAt: now, history: held.history, quarantineUntil: null }, now)
}

/** Ends the call that a former holder left open, as of unknown outcome. */
export function recover (held: OutboxRow, now: number, quarantineUntil: number): Settled | null {
  if (held.callId === null || held.callVersion === null) return null
  const history = { ...held.history, attempts: held.history.attempts + 1 }
  return settle(held, held.callId, { id: held.id, version: held.callVersion, result: 'retry', dueAt: now, history, quarantineUntil }, now)
}

/** Makes a finished row due again with the content that it holds, or says why not. */
export function redeliver (held: OutboxRow, now: number): Settled | 'pending' | 'nothing-held' {
  if (held.state === 'pending') return 'pending'
  if (held.revision === null || isDeadByRefusal(held)) return 'nothing-held'
  return makeDue(held, now)
}

/** Whether a newer edit was refused after all that could be delivered was finished: the content that is held is the older one. */
function isDeadByRefusal ({ refused, reason, revision }: OutboxRow): boolean {
  return refused !== null && reason === refused.reason && (revision === null || compareRevisions(refused.revision, revision) > 0)
}

function makeDue (held: OutboxRow, now: number): Settled {
  const dueAt = Math.max(now, held.quarantineVersion === held.version ? 0 : held.quarantineUntil ?? 0)
  const history = { ...freshHistory(0), chunkLimit: Math.min(held.history.chunkLimit, MAX_CHUNK), attempts: held.history.attempts }
  const row: OutboxRow = { ...held, state: 'pending', reason: null, words: null, waitingSince: now, settledAt: null, dueAt, history }
  return { row, delta: held.state === 'dead' ? { dead: -1 } : { delivered: -1 } }
}

/** What a row counts as in the ledger's `pending`: its waiting content, and the claimed one while a call carries it. */
export function pendingRevisions (row: OutboxRow): number {
  if (row.state !== 'pending') return 0
  return row.callId !== null && row.callVersion !== row.version ? 2 : 1
}

function finished (row: OutboxRow, now: number, state: EditState, reason: DeadReason | null, words: string | null, flags: readonly EditFlag[]): OutboxRow {
  return { ...row, state, reason, words, settledAt: now, dueAt: null, waitingSince: null, history: { ...row.history, attempts: row.history.attempts + 1, flags } }
}

function isWaiting (row: OutboxRow): boolean {
  return row.state === 'pending' && !(row.callId !== null && row.callVersion === row.version)
}

/** An update that overtakes its original is lost without a word (the portal stores the external id after the message), hence the youth. */
function settledDue (incoming: IdentifiedEdit, waitingSince: number): number {
  const { now, settleMs } = incoming
  const { date } = incoming.edit.message
  const settled = Math.min(now + settleMs, waitingSince + SETTLE_FACTOR * settleMs)
  const grown = date === undefined ? 0 : Math.min(date, now) + SETTLE_FACTOR * settleMs
  return Math.max(now, settled, grown)
}

function serializeEdit (incoming: IdentifiedEdit): string {
  const { user, message, chat } = incoming.edit
  return JSON.stringify({ user, message, chat })
}

function emptyRow (incoming: IdentifiedEdit): OutboxRow {
  return {
    id: incoming.id,
    channel: incoming.channel,
    revision: null,
    seen: '',
    content: '',
    version: 0,
    state: 'pending',
    reason: null,
    words: null,
    acceptedAt: incoming.now,
    waitingSince: null,
    settledAt: null,
    dueAt: null,
    history: freshHistory(0),
    callId: null,
    callVersion: null,
    quarantineVersion: null,
    quarantineUntil: null,
    overtaken: false,
    refused: null,
  }
}

function unchanged (outcome: IntakeResult['outcome']): Folded {
  return { outcome, row: null, delta: {} }
}

function hasSeen (seen: string, digest: string): boolean {
  for (let start = 0; start < seen.length; start += DIGEST_LENGTH) {
    if (seen.startsWith(digest, start)) return true
  }
  return false
}

function replacesLast (seen: string, { digest, replaced }: IdentifiedEdit): boolean {
  return replaced !== undefined && replaced !== digest && seen.endsWith(replaced)
}

function remember (seen: string, { digest, replaced = '' }: IdentifiedEdit): string {
  return newest(seen + (hasSeen(seen, replaced) ? '' : replaced) + digest)
}

function newest (seen: string): string {
  return seen.slice(-MAX_SEEN * DIGEST_LENGTH)
}
