import { storable } from '../../text/storable.ts'
import { COLUMNS, toAttempts, toContent, toEditRow, type Columns } from '../columns.ts'
import type { Backlog, ConfirmationTally, Ledger, Outbox, ReportWindow } from '../outbox.ts'
import { confirmationSql, countEdits, selectEdits } from '../selection.ts'
import type { PendingLane } from '../store.ts'
import type { Client } from './connection.ts'
import type { ReadPool } from './read-pool.ts'

type NamedColumns = Columns & { readonly seq: number, readonly connector: string, readonly line: number }

const NAMED = `SELECT seq, ${COLUMNS.map(name => `outbox.${name}`).join(', ')}, connector, line FROM outbox JOIN lanes ON lanes.id = lane`

const TALLY = ['confirmed', 'unconfirmed', 'unknown'].map(each => `count(*) FILTER (WHERE ${confirmationSql('$2', '$3')} = '${each}') AS ${each}`).join(', ')

/** The operator's queries. They may read many rows, so they have connections of their own. */
export function createPostgresQueries (pool: ReadPool): Pick<Outbox, 'tallyConfirmations' | 'ledger' | 'backlog' | 'oldestPending' | 'find' | 'content' | 'attempts' | 'list' | 'count'> {
  const find = (id: string): Promise<NamedColumns | undefined> => pool.run(async client => {
    const { rows: [row] } = await client.query<NamedColumns>(`${NAMED} WHERE outbox.id = $1`, [storable(id)])
    return row
  })

  return {
    tallyConfirmations: (portal, window) => pool.run(client => tallyConfirmations(client, portal, window)),

    ledger: () => pool.run(async client => {
      const { rows: [row] } = await client.query<Ledger>(`SELECT accepted, superseded, delivered, dead, accepted - superseded - delivered - dead AS pending FROM (
        SELECT coalesce(sum(accepted), 0)::bigint AS accepted, coalesce(sum(superseded), 0)::bigint AS superseded,
          coalesce(sum(delivered), 0)::bigint AS delivered, coalesce(sum(dead), 0)::bigint AS dead FROM ledger) AS sums`)
      return row as Ledger
    }),

    backlog: portal => pool.run(client => readBacklog(client, portal)),

    oldestPending: portal => pool.run(async client => {
      const { rows: [row] } = await client.query<{ oldest: number | null }>(`SELECT min(waiting_since) AS oldest FROM lanes, LATERAL (
        (SELECT waiting_since FROM outbox WHERE lane = lanes.id AND due_at IS NOT NULL AND call_id IS NULL ORDER BY due_at LIMIT 1000)
        UNION ALL (SELECT waiting_since FROM outbox WHERE lane = lanes.id AND ask_at IS NOT NULL ORDER BY ask_at LIMIT 1000)
        UNION ALL SELECT waiting_since FROM outbox WHERE lane = lanes.id AND call_id IS NOT NULL AND state = 'pending') AS waiting WHERE portal = $1`, [portal])
      return row?.oldest ?? null
    }),

    async find (id) {
      const sql = await find(id)
      return sql === undefined ? null : toEditRow(sql)
    },

    async content (id) {
      const sql = await find(id)
      return sql === undefined ? null : toContent(sql)
    },

    async attempts (id) {
      const sql = await find(id)
      return sql === undefined ? [] : toAttempts(sql)
    },

    list: (filter, { after, limit }) => pool.run(async client => {
      const { sql, values } = selectEdits(filter, { after, limit: limit + 1 }, '$')
      const { rows } = await client.query<NamedColumns>(`${NAMED} WHERE seq IN (${sql}) ORDER BY seq DESC`, [...values])
      const edits = rows.slice(0, limit)
      return { edits: edits.map(toEditRow), next: rows.length > limit ? edits.at(-1)?.seq ?? null : null }
    }),

    count: (filter, { after, upTo }) => pool.run(async client => {
      const { sql, values } = countEdits(filter, { after, limit: upTo }, '$')
      const { rows: [row] } = await client.query<{ found: number }>(sql, [...values])
      return row?.found ?? 0
    }),
  }
}

const COUNT = "count(*) FILTER (WHERE state = 'pending') + count(*) FILTER (WHERE call_id IS NOT NULL AND call_version <> version) AS pending"
const PENDING = "FROM outbox JOIN lanes ON lanes.id = lane WHERE (state = 'pending' OR call_id IS NOT NULL) AND portal = $1"

async function readBacklog (client: Client, portal: string): Promise<Backlog> {
  const { rows: [row] } = await client.query<{ pending: number, oldest: number | null }>(`SELECT ${COUNT}, min(waiting_since) AS oldest ${PENDING}`, [portal])
  return { pending: row?.pending ?? 0, oldestPendingAt: row?.oldest ?? null }
}

export async function readPendingByLane (client: Client, portal: string): Promise<readonly PendingLane[]> {
  const { rows } = await client.query<PendingLane>(`SELECT connector, line, lanes.channel, ${COUNT} ${PENDING} GROUP BY lanes.id ORDER BY lanes.id`, [portal])
  return rows
}

export async function tallyConfirmations (client: Client, portal: string, { calledSince, deliveredBefore }: ReportWindow): Promise<readonly ConfirmationTally[]> {
  const { rows } = await client.query<ConfirmationTally>(`SELECT connector, line, lanes.channel, ${TALLY} FROM lanes JOIN outbox ON lane = lanes.id
    WHERE portal = $1 AND finished_at IS NOT NULL AND state = 'delivered' GROUP BY lanes.id ORDER BY lanes.id`, [portal, calledSince, deliveredBefore])
  return rows
}
