import { COLUMNS, toEditRow, type SqlRow } from '../rows.ts'
import type { Attempt, Backlog, Ledger, Outbox } from '../store.ts'
import type { Client } from './connection.ts'
import type { Link } from './link.ts'
import { storable } from './values.ts'

const NAMED = `SELECT ${COLUMNS}, connector, line FROM outbox JOIN lanes ON lanes.id = lane`

/** What an operator asks of the outbox; it may look through many rows, so it has a connection of its own. */
export function createPostgresReading (link: Link): Pick<Outbox, 'ledger' | 'backlog' | 'oldestPending' | 'find' | 'attempts' | 'list'> {
  return {
    ledger: () => link.run(async client => {
      const { rows: [row] } = await client.query<Ledger>(`SELECT accepted, superseded, delivered, dead, accepted - superseded - delivered - dead AS pending FROM (
        SELECT coalesce(sum(accepted), 0)::bigint AS accepted, coalesce(sum(superseded), 0)::bigint AS superseded,
          coalesce(sum(delivered), 0)::bigint AS delivered, coalesce(sum(dead), 0)::bigint AS dead FROM ledger) AS sums`)
      return row as Ledger
    }),

    backlog: portal => link.run(client => readBacklog(client, portal)),

    oldestPending: portal => link.run(async client => {
      const { rows: [row] } = await client.query<{ oldest: number | null }>(`SELECT min(waiting_since) AS oldest FROM lanes, LATERAL (
        (SELECT waiting_since FROM outbox WHERE lane = lanes.id AND due_at IS NOT NULL AND call_id IS NULL ORDER BY due_at LIMIT 1000)
        UNION ALL SELECT waiting_since FROM outbox WHERE lane = lanes.id AND call_id IS NOT NULL AND state = 'pending') AS waiting WHERE portal = $1`, [portal])
      return row?.oldest ?? null
    }),

    find: id => link.run(async client => {
      const { rows: [row] } = await client.query<SqlRow>(`${NAMED} WHERE outbox.id = $1`, [storable(id)])
      return row === undefined ? null : toEditRow(row)
    }),

    attempts: id => link.run(async client => {
      const { rows } = await client.query<Attempt>('SELECT at, duration_ms AS "durationMs", code, words FROM attempts WHERE edit = $1 ORDER BY seq DESC', [storable(id)])
      return rows
    }),

    list: (filter, { after, limit }) => link.run(async client => {
      const { state = null, reason = null, channel = null, chat = null, message = null } = filter
      const { rows } = await client.query<SqlRow>(`${NAMED} WHERE seq < coalesce($1::bigint, seq + 1)
        AND ($2::text IS NULL OR state = $2) AND ($3::text IS NULL OR reason = $3 OR refused_reason = $3)
        AND ($4::text IS NULL OR outbox.channel = $4) AND ($5::text IS NULL OR chat = $5) AND ($6::text IS NULL OR message = $6)
        ORDER BY seq DESC LIMIT $7`, [after, state, reason, channel, chat, message].map(storable).concat(limit + 1))
      const edits = rows.slice(0, limit)
      return { edits: edits.map(toEditRow), next: rows.length > limit ? edits.at(-1)?.seq ?? null : null }
    }),
  }
}

export async function readBacklog (client: Client, portal: string): Promise<Backlog> {
  const { rows: [row] } = await client.query<{ pending: number, oldest: number | null }>(`
    SELECT count(*) + count(*) FILTER (WHERE call_id IS NOT NULL AND call_version <> version) AS pending, min(waiting_since) AS oldest
    FROM outbox JOIN lanes ON lanes.id = lane WHERE state = 'pending' AND portal = $1`, [portal])
  return { pending: row?.pending ?? 0, oldestPendingAt: row?.oldest ?? null }
}
