import type { LedgerDelta, OutboxRow } from '../fold.ts'
import { COLUMNS, toOutboxRow, WRITTEN, writtenValues, type SqlRow } from '../rows.ts'
import type { Client, Statement } from './connection.ts'
import { toArray } from './values.ts'

/** A row with what the rules do not know of it. */
export interface Held {
  readonly row: OutboxRow
  readonly lane: number
  readonly chat: string
  readonly message: string
  /** As it was read; 0 when there was no row. */
  readonly stamp: number
}

const TEXTS = ['id', 'chat', 'message', 'channel', 'seen', 'content', 'state', 'reason', 'words', 'flags', 'call_id', 'refused_reason', 'refused_seen']
const STORED = ['id', 'lane', 'chat', 'message', 'stamp', ...WRITTEN]

const HELD = `SELECT ${COLUMNS}, lane, stamp FROM outbox WHERE id = ANY($1)`

/**
 * Rows are locked in the order of their ids, by every replica and every verb, so that none waits for another in a circle. A row that is not written
 * must fail the transaction on the server, since the commit may be on its way already: there is no plainer way to say so than to divide by zero.
 */
const SAVE = `WITH saved AS (INSERT INTO outbox AS held (${STORED.join(', ')}, seq)
  SELECT * FROM (
    SELECT fresh.*, nextval('outbox_seq') FROM unnest(${STORED.map((column, index) => `$${index + 1}::${TEXTS.includes(column) ? 'text' : 'bigint'}[]`).join(', ')}) AS fresh (${STORED.join(', ')}) OFFSET 0
  ) AS numbered ORDER BY id
  ON CONFLICT (id) DO UPDATE SET stamp = EXCLUDED.stamp, ${WRITTEN.map(column => `${column} = EXCLUDED.${column}`).join(', ')} WHERE held.stamp = EXCLUDED.stamp - 1
  RETURNING 1) SELECT 1 / (count(*) = $${STORED.length + 1})::integer FROM saved`

const COUNT = `INSERT INTO ledger AS held (replica, accepted, superseded, delivered, dead) VALUES ($1, $2, $3, $4, $5)
  ON CONFLICT (replica) DO UPDATE SET accepted = held.accepted + EXCLUDED.accepted, superseded = held.superseded + EXCLUDED.superseded,
    delivered = held.delivered + EXCLUDED.delivered, dead = held.dead + EXCLUDED.dead, written_at = now()`

/** The rows of messages as they are committed; `isLocked` keeps others from changing them until the transaction ends. */
export async function readHeld (client: Client, ids: readonly string[], isLocked: boolean): Promise<Map<string, Held>> {
  const { rows } = await client.query<StoredRow>({ name: isLocked ? 'lock' : 'held', text: isLocked ? `${HELD} ORDER BY id FOR UPDATE` : HELD, values: [ids] })
  return new Map(rows.map(sql => [sql.id, toHeld(sql)]))
}

export type StoredRow = SqlRow & { readonly lane: number, readonly stamp: number }

export function toHeld (sql: StoredRow): Held {
  const { lane, chat, message, stamp } = sql
  return { row: toOutboxRow(sql), lane, chat, message, stamp }
}

/** Writes rows. One that was written by somebody else since it was read fails the transaction, to be tried again. */
export function saving (rows: readonly Held[]): Statement[] {
  if (rows.length === 0) return []
  const records = rows.map(({ row, lane, chat, message, stamp }) => [row.id, lane, chat, message, stamp + 1, ...writtenValues(row)])
  return [{ name: 'save', text: SAVE, values: [...STORED.map((_, index) => toArray(records.map(record => record[index] ?? null))), rows.length] }]
}

/** Adds to this process's part of the ledger. */
export function counting (replica: string, deltas: readonly LedgerDelta[]): Statement[] {
  const sums = (['accepted', 'superseded', 'delivered', 'dead'] as const).map(name => deltas.reduce((sum, delta) => sum + (delta[name] ?? 0), 0))
  return sums.some(sum => sum !== 0) ? [{ name: 'count', text: COUNT, values: [replica, ...sums] }] : []
}
