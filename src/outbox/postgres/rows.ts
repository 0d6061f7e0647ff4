import { COLUMNS, toColumns, toRow, type Columns } from '../columns.ts'
import { sumDeltas, type LedgerDelta, type OutboxRow } from '../rules/row.ts'
import type { Client } from './connection.ts'
import { WriteConflict } from './errors.ts'

/** A row with its lane and stamp, which the rules do not need. */
export interface Held {
  readonly row: OutboxRow
  readonly lane: number
  /** As it was read; 0 when there was no row. */
  readonly stamp: number
}

type StoredColumns = Columns & { readonly lane: number, readonly stamp: number }

const NUMBERS: readonly string[] = ['version', 'due_at', 'ask_at', 'waiting_since', 'finished_at', 'call_version', 'quarantine_version', 'quarantine_until', 'called_at', 'confirmed_at']

const SELECT = `SELECT ${COLUMNS.join(', ')}, lane, stamp FROM outbox`

/**
 * `seq` follows the order of arrival. All replicas and verbs write rows, and so lock them, in the order of their ids, so they cannot deadlock. The
 * stamp shows whether another replica has written a row since it was read.
 */
const SAVE = `INSERT INTO outbox AS held (lane, stamp, ${COLUMNS.join(', ')}, seq)
  SELECT * FROM (
    SELECT lane, stamp, ${COLUMNS.join(', ')}, nextval('outbox_seq')
    FROM json_to_recordset($1) AS fresh (lane integer, stamp bigint, ${COLUMNS.map(name => `${name} ${NUMBERS.includes(name) ? 'bigint' : 'text'}`).join(', ')}) OFFSET 0
  ) AS numbered ORDER BY id
  ON CONFLICT (id) DO UPDATE SET stamp = excluded.stamp, ${COLUMNS.map(name => `${name} = excluded.${name}`).join(', ')} WHERE held.stamp = excluded.stamp - 1`

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

/** Writes rows. Rejects with WriteConflict when another replica has written one since it was read. */
export async function saveRows (client: Client, rows: readonly Held[]): Promise<void> {
  if (rows.length === 0) return
  const { rowCount } = await client.query({ name: 'save-rows', text: SAVE, values: [JSON.stringify(rows.map(({ row, lane, stamp }) => ({ lane, stamp: stamp + 1, ...toColumns(row) })))] })
  if (rowCount !== rows.length) throw new WriteConflict('another replica has written a message meanwhile')
}

/** Adds to this process's part of the ledger. */
export async function addToLedger (client: Client, replica: string, deltas: readonly LedgerDelta[]): Promise<void> {
  const sums = Object.values(sumDeltas(deltas))
  if (sums.some(sum => sum !== 0)) await client.query({ name: 'count', text: COUNT, values: [replica, ...sums] })
}

function toHeld (sql: StoredColumns): Held {
  return { row: toRow(sql), lane: sql.lane, stamp: sql.stamp }
}
