import { storable } from '../text/storable.ts'
import type { DeadReason, EditedMessage, EditState, RefusalReason, Revision } from '../edit/edit.ts'
import type { Attempt, EditFlag, EditRow } from './outbox.ts'
import type { OutboxRow } from './rules/row.ts'

/*
 * A row in the table of either engine: a column for each value that SQL queries, and one column of JSON for the rest. JSON escapes half of a
 * surrogate pair and U+0000, which databases refuse or replace, so it is valid text whatever a client has sent.
 */

export const COLUMNS = ['id', 'channel', 'chat', 'message', 'version', 'state', 'reason', 'refused_reason', 'due_at', 'ask_at', 'waiting_since', 'finished_at',
  'call_id', 'call_version', 'quarantine_version', 'quarantine_until', 'called_at', 'confirmed_at', 'rest'] as const

export interface Columns {
  id: string
  channel: string
  chat: string
  message: string
  version: number
  state: EditState
  reason: DeadReason | null
  refused_reason: RefusalReason | null
  due_at: number | null
  ask_at: number | null
  waiting_since: number | null
  finished_at: number | null
  call_id: string | null
  call_version: number | null
  quarantine_version: number | null
  quarantine_until: number | null
  called_at: number | null
  confirmed_at: number | null
  rest: string
}

/** The fields without a column, as JSON. */
type Rest = Pick<OutboxRow, 'seen' | 'edit' | 'words' | 'acceptedAt' | 'history' | 'overtaken' | 'texts' | 'textDiffers' | 'portalUser' | 'calls'> & {
  readonly revision: JsonRevision | null
  readonly refused: Omit<NonNullable<OutboxRow['refused']>, 'revision'> & { readonly revision: JsonRevision } | null
}

/** A tie is text, because JSON numbers cannot hold every 64-bit integer. */
interface JsonRevision {
  readonly at: number
  readonly tie: string
}

export function toColumns (row: OutboxRow): Columns {
  const {
    id, channel, chat, message, version, state, reason, dueAt, askAt, waitingSince, finishedAt, callId, callVersion, quarantineVersion, quarantineUntil,
    confirmedAt, revision, refused, ...rest
  } = row
  return {
    id,
    channel,
    chat: storable(chat),
    message: storable(message),
    version,
    state,
    reason,
    refused_reason: refused?.reason ?? null,
    due_at: dueAt,
    ask_at: askAt,
    waiting_since: waitingSince,
    finished_at: finishedAt,
    call_id: callId,
    call_version: callVersion,
    quarantine_version: quarantineVersion,
    quarantine_until: quarantineUntil,
    called_at: row.texts.at(-1)?.calledAt ?? null,
    confirmed_at: confirmedAt,
    rest: JSON.stringify({ ...rest, revision: revision && toJson(revision), refused: refused && { ...refused, revision: toJson(refused.revision) } }),
  }
}

export function toRow (sql: Columns): OutboxRow {
  const { revision, refused, ...rest } = JSON.parse(sql.rest) as Rest
  return {
    ...rest,
    id: sql.id,
    channel: sql.channel,
    chat: sql.chat,
    message: sql.message,
    revision: revision && fromJson(revision),
    version: sql.version,
    state: sql.state,
    reason: sql.reason,
    waitingSince: sql.waiting_since,
    finishedAt: sql.finished_at,
    dueAt: sql.due_at,
    askAt: sql.ask_at,
    callId: sql.call_id,
    callVersion: sql.call_version,
    quarantineVersion: sql.quarantine_version,
    quarantineUntil: sql.quarantine_until,
    confirmedAt: sql.confirmed_at,
    refused: refused && { ...refused, revision: fromJson(refused.revision) },
  }
}

export function toEditRow (sql: Columns & { readonly connector: string, readonly line: number }): EditRow {
  const row = toRow(sql)
  return {
    id: row.id,
    channel: row.channel,
    connector: sql.connector,
    line: sql.line,
    chat: row.chat,
    message: row.message,
    state: row.state,
    reason: row.reason,
    words: row.words,
    flags: flagsOf(row),
    calledAt: sql.called_at,
    confirmedAt: row.confirmedAt,
    portalUser: row.portalUser,
    revision: row.revision ?? (row.refused as { revision: Revision }).revision,
    attempts: row.history.attempts,
    acceptedAt: row.acceptedAt,
    settledAt: row.finishedAt,
    dueAt: row.dueAt ?? row.askAt,
    refused: row.refused === null ? null : { revision: row.refused.revision, reason: row.refused.reason },
  }
}

function flagsOf ({ state, history, textDiffers }: OutboxRow): EditFlag[] {
  const isUnknown = state === 'pending' && history.unknownUserRepeats > 0
  return [...history.flags, ...isUnknown ? ['unknown-user' as const] : [], ...textDiffers ? ['text-differs' as const] : []]
}

export function toContent (sql: Columns): EditedMessage | null {
  return toRow(sql).edit?.message ?? null
}

/** The last calls that carried the message, the newest first. */
export function toAttempts (sql: Columns): Attempt[] {
  return toRow(sql).calls.map(({ at, durationMs, code, words }) => ({ at, durationMs, code, words })).reverse()
}

function toJson ({ at, tie }: Revision): JsonRevision {
  return { at, tie: String(tie) }
}

function fromJson ({ at, tie }: JsonRevision): Revision {
  return { at, tie: BigInt(tie) }
}
