import type { ClientProfile, DeadReason, EditState, MessageEdit, RefusalReason, Revision } from '../edit.ts'
import type { ClaimedEdit, EditFlag, EditRow } from './store.ts'
import type { OutboxRow } from './fold.ts'

/** A row as both engines return it. The ties are read as text, since a JavaScript number cannot hold every 64-bit integer. */
export interface SqlRow {
  seq: number
  id: string
  channel: string
  connector: string
  line: number
  chat: string
  message: string
  at: number | null
  tie_text: string | null
  seen: string
  content: string
  version: number
  state: EditState
  reason: DeadReason | null
  words: string | null
  accepted_at: number
  waiting_since: number | null
  settled_at: number | null
  due_at: number | null
  attempts: number
  chunk_limit: number
  suspicions: number
  suspected_at: number | null
  unknown_user_repeats: number
  flags: string
  call_id: string | null
  call_version: number | null
  quarantine_version: number | null
  quarantine_until: number | null
  /** 0 or 1. */
  overtaken: number
  refused_at: number | null
  refused_tie_text: string | null
  refused_reason: RefusalReason | null
  refused_seen: string | null
}

export const COLUMNS = `seq, outbox.id AS id, outbox.channel AS channel, chat, message, at, CAST(tie AS TEXT) AS tie_text, seen, content, version, state, reason, words,
  accepted_at, waiting_since, settled_at, due_at, attempts, chunk_limit, suspicions, suspected_at, unknown_user_repeats, flags,
  call_id, call_version, quarantine_version, quarantine_until, overtaken,
  refused_at, CAST(refused_tie AS TEXT) AS refused_tie_text, refused_reason, refused_seen`

/** The columns that the rules may change, in the order of `writtenValues`. */
export const WRITTEN = ['channel', 'at', 'tie', 'seen', 'content', 'version', 'state', 'reason', 'words',
  'accepted_at', 'waiting_since', 'settled_at', 'due_at', 'attempts', 'chunk_limit', 'suspicions', 'suspected_at', 'unknown_user_repeats', 'flags',
  'call_id', 'call_version', 'quarantine_version', 'quarantine_until', 'overtaken',
  'refused_at', 'refused_tie', 'refused_reason', 'refused_seen'] as const

export function writtenValues (row: OutboxRow): Array<string | number | bigint | null> {
  const { history, revision, refused } = row
  return [row.channel, revision?.at ?? null, revision?.tie ?? null, row.seen, row.content, row.version, row.state, row.reason, row.words,
    row.acceptedAt, row.waitingSince, row.settledAt, row.dueAt, history.attempts, history.chunkLimit, history.suspicions, history.suspectedAt,
    history.unknownUserRepeats, history.flags.join(','),
    row.callId, row.callVersion, row.quarantineVersion, row.quarantineUntil, row.overtaken ? 1 : 0,
    refused?.revision.at ?? null, refused?.revision.tie ?? null, refused?.reason ?? null, refused?.seen ?? null]
}

export function toOutboxRow (sql: SqlRow): OutboxRow {
  const refusedRevision = toRevision(sql.refused_at, sql.refused_tie_text)
  return {
    id: sql.id,
    channel: sql.channel,
    revision: toRevision(sql.at, sql.tie_text),
    seen: sql.seen,
    content: sql.content,
    version: sql.version,
    state: sql.state,
    reason: sql.reason,
    words: sql.words,
    acceptedAt: sql.accepted_at,
    waitingSince: sql.waiting_since,
    settledAt: sql.settled_at,
    dueAt: sql.due_at,
    history: {
      attempts: sql.attempts,
      chunkLimit: sql.chunk_limit,
      suspicions: sql.suspicions,
      suspectedAt: sql.suspected_at,
      unknownUserRepeats: sql.unknown_user_repeats,
      flags: sql.flags === '' ? [] : sql.flags.split(',') as EditFlag[],
    },
    callId: sql.call_id,
    callVersion: sql.call_version,
    quarantineVersion: sql.quarantine_version,
    quarantineUntil: sql.quarantine_until,
    overtaken: sql.overtaken === 1,
    refused: refusedRevision === null
      ? null
      : { revision: refusedRevision, reason: sql.refused_reason as RefusalReason, seen: sql.refused_seen ?? '' },
  }
}

/** The edit that the row holds; its revision stands in columns of its own, where it can be raised without touching the content. */
export function toEdit (row: OutboxRow): MessageEdit {
  const { user, message, chat } = JSON.parse(row.content) as Omit<MessageEdit, 'revision'>
  return { user, message, chat, revision: row.revision as Revision }
}

/** An edit may have come without a name, or with an older one than another webhook brought since: `known` is the newest profile. */
export function toClaimed (row: OutboxRow, known: ClientProfile | null): ClaimedEdit {
  const edit = toEdit(row)
  return { id: row.id, version: row.version, channel: row.channel, edit: { ...edit, user: known ?? edit.user }, acceptedAt: row.acceptedAt, history: row.history }
}

export function toEditRow (sql: SqlRow): EditRow {
  const row = toOutboxRow(sql)
  return {
    id: row.id,
    channel: row.channel,
    connector: sql.connector,
    line: sql.line,
    chat: sql.chat,
    message: sql.message,
    state: row.state,
    reason: row.reason,
    words: row.words,
    flags: row.history.flags,
    revision: row.revision ?? (row.refused as { revision: Revision }).revision,
    attempts: row.history.attempts,
    acceptedAt: row.acceptedAt,
    settledAt: row.settledAt,
    dueAt: row.dueAt,
    refused: row.refused === null ? null : { revision: row.refused.revision, reason: row.refused.reason },
  }
}

function toRevision (at: number | null, tie: string | null): Revision | null {
  return at === null || tie === null ? null : { at, tie: BigInt(tie) }
}
