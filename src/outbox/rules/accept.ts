import { compareRevisions, contentDigest, messageRowId, type RefusalReason } from '../../edit/edit.ts'
import type { IncomingEdit, IntakeResult } from '../outbox.ts'
import type { SeenProfile } from '../profiles.ts'
import { dueOrAsked, emptyRow, freshHistory, UNCONFIRMED, type LedgerDelta, type OutboxRow } from './row.ts'

/** An edit with its row's id and the digests of its contents. */
export interface IdentifiedEdit extends IncomingEdit {
  readonly id: string
  readonly digest: string
  /** The digest of the message's previous content, if the messenger tells it. */
  readonly replaced: string | null
}

/** `row: null` means that nothing is written. */
interface Acceptance {
  readonly result: IntakeResult
  readonly row: OutboxRow | null
  readonly delta: LedgerDelta
}

/** The most contents that a row remembers of one revision: more than anybody edits a message. They take 6 kB. */
const MAX_SEEN = 256

/** A debounce ends after this many times `settleMs`; a message younger than that is young. */
const DEBOUNCE_FACTOR = 5

export function identify (incoming: IncomingEdit): IdentifiedEdit {
  const { key, edit } = incoming
  return { ...incoming, id: messageRowId(key), digest: contentDigest(edit.message), replaced: edit.replaces === undefined ? null : contentDigest(edit.replaces) }
}

/** The client of an edit. A profile from the future would hide all later ones, so its time is now at the latest. */
export function seenProfile ({ key: { portal, connector }, edit: { user, revision }, now }: IncomingEdit): SeenProfile {
  return { portal, connector, profile: user, revision: { ...revision, at: Math.min(revision.at, now) }, now }
}

/** Applies one incoming edit to the row of its message, or to none. */
export function accept (held: OutboxRow | null, incoming: IdentifiedEdit): Acceptance {
  return incoming.refusal === null ? acceptDeliverable(held, incoming) : acceptRefused(held, incoming, incoming.refusal)
}

/**
 * At one revision the last new content wins; content already seen there is late. An edit may also say what it replaces. The replaced content then
 * counts as seen, even if it comes later or never. A return to an earlier content is real if it replaces the last one. Once no more contents can be
 * remembered, an unknown one may be one that was forgotten: then only an edit that replaces the last content is newer.
 */
function acceptDeliverable (held: OutboxRow | null, incoming: IdentifiedEdit): Acceptance {
  const { id, edit, digest, key, channel, now } = incoming
  let seen = remember([], incoming)
  if (held !== null && held.revision !== null) {
    const order = compareRevisions(edit.revision, held.revision)
    if (order < 0) return unchanged(id, 'stale')
    if (order === 0) {
      if (!replacesLast(held.seen, incoming)) {
        if (held.seen.includes(digest)) return repeated(held, incoming)
        if (isFull(held.seen)) return unchanged(id, 'stale')
      }
      seen = remember(held.seen, incoming)
    } else if (held.seen.at(-1) === digest && held.state !== 'dead') {
      return { ...unchanged(id, 'duplicate'), row: { ...held, revision: edit.revision, seen } }
    }
  }
  const supersedes = held !== null && isWaiting(held)
  const waitingSince = supersedes ? held.waitingSince ?? now : now
  const at = Math.max(debouncedUntil(incoming, waitingSince), held?.quarantineUntil ?? 0)
  const row: OutboxRow = {
    ...(held ?? emptyRow(id, key, channel, now)),
    channel,
    revision: edit.revision,
    seen,
    edit: { user: edit.user, message: edit.message, chat: edit.chat, allowAnonymous: edit.allowAnonymous },
    version: (held?.version ?? 0) + 1,
    state: 'pending',
    reason: null,
    words: null,
    acceptedAt: now,
    waitingSince,
    finishedAt: null,
    ...dueOrAsked(edit.user, at),
    history: freshHistory(edit.message.files.length),
    ...UNCONFIRMED,
  }
  return { result: { id, outcome: 'accepted', dueAt: at }, row, delta: { accepted: 1, superseded: supersedes ? 1 : 0 } }
}

/** The content that a late edit replaced is older still, so it becomes the first of the contents seen. */
function repeated (held: OutboxRow, { id, replaced }: IdentifiedEdit): Acceptance {
  if (replaced === null || held.seen.includes(replaced)) return unchanged(id, 'duplicate')
  return { ...unchanged(id, 'duplicate'), row: { ...held, seen: newest([replaced, ...held.seen]) } }
}

/**
 * A refused revision is kept beside the deliverable one and is never compared with deliverable edits. Otherwise a deliverable edit that is older
 * and comes late would be lost, although nothing newer can be shown.
 */
function acceptRefused (held: OutboxRow | null, incoming: IdentifiedEdit, reason: RefusalReason): Acceptance {
  const { id, digest, key, channel, now } = incoming
  const { revision } = incoming.edit
  let seen: readonly string[] = [digest]
  if (held?.refused) {
    const order = compareRevisions(revision, held.refused.revision)
    if (order < 0) return unchanged(id, 'stale')
    if (order === 0) {
      if (held.refused.seen.includes(digest)) return unchanged(id, 'duplicate')
      if (isFull(held.refused.seen)) return unchanged(id, 'stale')
      seen = remember(held.refused.seen, incoming)
    }
  }
  if (held !== null && held.revision !== null && compareRevisions(revision, held.revision) < 0) return unchanged(id, 'stale')
  const refused = { revision, reason, seen }
  const row: OutboxRow = held?.state === 'pending'
    ? { ...held, refused }
    : { ...(held ?? emptyRow(id, key, channel, now)), state: 'dead', reason, words: null, acceptedAt: now, finishedAt: now, dueAt: null, refused }
  return { result: { id, outcome: 'refused', dueAt: null }, row, delta: { accepted: 1, dead: 1 } }
}

function unchanged (id: string, outcome: IntakeResult['outcome']): Acceptance {
  return { result: { id, outcome, dueAt: null }, row: null, delta: {} }
}

function isWaiting (row: OutboxRow): boolean {
  return row.state === 'pending' && !(row.callId !== null && row.callVersion === row.version)
}

/** The edit of a young message waits too. The portal stores an original's external id after the message; an update that comes before is lost silently. */
function debouncedUntil ({ now, settleMs, edit: { message: { date } } }: IdentifiedEdit, waitingSince: number): number {
  const debounced = Math.min(now + settleMs, waitingSince + DEBOUNCE_FACTOR * settleMs)
  const grown = date === undefined ? 0 : Math.min(date, now) + DEBOUNCE_FACTOR * settleMs
  return Math.max(now, debounced, grown)
}

function isFull (seen: readonly string[]): boolean {
  return seen.length >= MAX_SEEN
}

function replacesLast (seen: readonly string[], { digest, replaced }: IdentifiedEdit): boolean {
  return replaced !== null && replaced !== digest && seen.at(-1) === replaced
}

function remember (seen: readonly string[], { digest, replaced }: IdentifiedEdit): readonly string[] {
  return newest([...seen, ...replaced === null || seen.includes(replaced) ? [] : [replaced], digest])
}

function newest (seen: readonly string[]): readonly string[] {
  return seen.slice(-MAX_SEEN)
}
