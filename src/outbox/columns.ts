import type { DeadReason, EditState, RefusalReason, Revision } from '../edit/edit.ts'
import type { Attempt, EditRow } from './outbox.ts'
import type { OutboxRow } from './rules/row.ts'

/*
 * How a row stands in a table of either engine: a column for each value that SQL asks about, and one column of JSON for the rest. JSON is
 * well-formed text whatever a client has sent, because it escapes half of a surrogate pair and U+0000, which databases refuse or replace.
 */

export const COLUMNS = ['id', 'channel', 'chat', 'message', 'version', 'state', 'reason', 'refused_reason', 'due_at', 'ask_at', 'waiting_since', 'finished_at',
  'call_id', 'call_version', 'quarantine_version', 'quarantine_until', 'rest'] as const

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
  rest: string
}

/** What no SQL asks about. A tie is text, because JSON numbers cannot hold every 64-bit integer. */
type Rest = Pick<OutboxRow, 'seen' | 'edit' | 'words' | 'acceptedAt' | 'history' | 'overtaken' | 'calls'> & {
  readonly revision: JsonRevision | null
  readonly refused: { readonly revision: JsonRevision, readonly seen: readonly string[] } | null
}

interface JsonRevision {
  readonly at: number
  readonly tie: string
}

export function toColumns (row: OutboxRow): Columns {
  const { seen, edit, words, acceptedAt, history, overtaken, calls, refused } = row
  const rest: Rest = {
    revision: row.revision === null ? null : toJson(row.revision),
    seen,
    edit,
    words,
    acceptedAt,
    history,
    overtaken,
    calls,
    refused: refused === null ? null : { revision: toJson(refused.revision), seen: refused.seen },
  }
  return {
    id: row.id,
    channel: row.channel,
    chat: searchable(row.chat),
    message: searchable(row.message),
    version: row.version,
    state: row.state,
    reason: row.reason,
    refused_reason: refused?.reason ?? null,
    due_at: row.dueAt,
    ask_at: row.askAt,
    waiting_since: row.waitingSince,
    finished_at: row.finishedAt,
    call_id: row.callId,
    call_version: row.callVersion,
    quarantine_version: row.quarantineVersion,
    quarantine_until: row.quarantineUntil,
    rest: JSON.stringify(rest),
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
    revision: revision === null ? null : fromJson(revision),
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
    refused: refused === null ? null : { revision: fromJson(refused.revision), reason: sql.refused_reason as RefusalReason, seen: refused.seen },
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
    flags: row.history.flags,
    revision: row.revision ?? (row.refused as { revision: Revision }).revision,
    attempts: row.history.attempts,
    acceptedAt: row.acceptedAt,
    settledAt: row.finishedAt,
    dueAt: row.dueAt ?? row.askAt,
    refused: row.refused === null ? null : { revision: row.refused.revision, reason: row.refused.reason },
  }
}

/** The last calls that carried the message, the newest first. */
export function toAttempts (sql: Columns): Attempt[] {
  return toRow(sql).calls.map(({ at, durationMs, code, words }) => ({ at, durationMs, code, words })).reverse()
}

/** An id as a column holds it and a filter asks for it. Neither engine holds half of a surrogate pair, and PostgreSQL no U+0000. */
export function searchable (id: string): string {
  return id.toWellFormed().replaceAll('\0', '\uFFFD')
}

function toJson ({ at, tie }: Revision): JsonRevision {
  return { at, tie: String(tie) }
}

function fromJson ({ at, tie }: JsonRevision): Revision {
  return { at, tie: BigInt(tie) }
}
