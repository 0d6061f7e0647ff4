import { COLUMNS, toColumns, toRow, type Columns } from '../columns.ts'
import { sumDeltas, type LedgerDelta, type OutboxRow } from '../rules/row.ts'
import type { Client } from './connection.ts'
import { WriteConflict } from './errors.ts'

/** A row with its lane and place, which the rules do not need. */
export interface Held {
  readonly row: OutboxRow
  readonly lane: number
  /** Null when there was no row. */
  readonly seq: number | null
}

type StoredColumns = Columns & { readonly lane: number, readonly seq: number }

const NUMBERS: readonly string[] = ['version', 'due_at', 'ask_at', 'waiting_since', 'finished_at', 'call_version', 'quarantine_version', 'quarantine_until', 'called_at', 'confirmed_at']

const SELECT = `SELECT ${COLUMNS.join(', ')}, lane, seq FROM outbox`

/**
 * `seq` follows the order of arrival. All replicas and verbs write rows, and so lock them, in the order of their ids, so they cannot deadlock. Rows that
 * were found are locked. Another replica may have created one that was not: it has another `seq` then, and is not written.
 */
const SAVE = `INSERT INTO outbox AS held (lane, ${COLUMNS.join(', ')}, seq)
  SELECT * FROM (
    SELECT lane, ${COLUMNS.join(', ')}, coalesce(seq, nextval('outbox_seq'))
    FROM json_to_recordset($1) AS fresh (lane integer, seq bigint, ${COLUMNS.map(name => `${name} ${NUMBERS.includes(name) ? 'bigint' : 'text'}`).join(', ')}) OFFSET 0
  ) AS numbered ORDER BY id
  ON CONFLICT (id) DO UPDATE SET ${COLUMNS.map(name => `${name} = excluded.${name}`).join(', ')} WHERE held.seq = excluded.seq`

const COUNT = `INSERT INTO ledger AS held (replica, accepted, superseded, delivered, dead) VALUES ($1, $2, $3, $4, $5)
  ON CONFLICT (replica) DO UPDATE SET accepted = held.accepted + excluded.accepted, superseded = held.superseded + excluded.superseded,
    delivered = held.delivered + excluded.delivered, dead = held.dead + excluded.dead, written_at = now()`

/** The rows of messages by their ids, locked until the transaction ends. */
export async function lockRows (client: Client, ids: readonly string[]): Promise<Map<string, Held>> {
  const { rows } = await client.query<StoredColumns>({ name: 'lock-rows', text: `${SELECT} WHERE id = ANY($1) ORDER BY id FOR UPDATE`, values: [ids] })
  return new Map(rows.map(sql => [sql.id, toHeld(sql)]))
}

/** The rows that a condition selects, locked until the transaction ends. */
export async function lockRowsWhere (client: Client, condition: string, values: unknown[]): Promise<Held[]> {
  const { rows } = await client.query<StoredColumns>(`${SELECT} WHERE ${condition} ORDER BY id FOR UPDATE`, values)
  return rows.map(toHeld)
}

/** Writes rows. Rejects with WriteConflict when another replica has created one meanwhile. */
export async function saveRows (client: Client, rows: readonly Held[]): Promise<void> {
  if (rows.length === 0) return
  const { rowCount } = await client.query({ name: 'save-rows', text: SAVE, values: [JSON.stringify(rows.map(({ row, lane, seq }) => ({ lane, seq, ...toColumns(row) })))] })
  if (rowCount !== rows.length) throw new WriteConflict('another replica has created a message meanwhile')
}

/** Adds to this process's part of the ledger. */
export async function addToLedger (client: Client, replica: string, deltas: readonly LedgerDelta[]): Promise<void> {
  const sums = Object.values(sumDeltas(deltas))
  if (sums.some(sum => sum !== 0)) await client.query({ name: 'count', text: COUNT, values: [replica, ...sums] })
}

function toHeld (sql: StoredColumns): Held {
  return { row: toRow(sql), lane: sql.lane, seq: sql.seq }
}
