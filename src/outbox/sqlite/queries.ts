import type { DatabaseSync } from 'node:sqlite'
import type { EditedMessage } from '../../edit/edit.ts'
import { COLUMNS, toAttempts, toContent, toEditRow, type Columns } from '../columns.ts'
import type { Attempt, Backlog, ConfirmationTally, EditFilter, EditPage, EditRow, Ledger, ReportWindow } from '../outbox.ts'
import { confirmationSql, countEdits, selectEdits } from '../selection.ts'
import type { PendingLane } from '../store.ts'

type NamedColumns = Columns & { readonly seq: number, readonly connector: string, readonly line: number }

const CONFIRMATION = confirmationSql(':calledSince', ':deliveredBefore')

const TALLY = ['confirmed', 'unconfirmed', 'unknown'].map(each => `sum(${CONFIRMATION} = '${each}') AS ${each}`).join(', ')

/** The operator's queries. They may read many rows, so they run beside the writer. */
export function createSqliteQueries (db: DatabaseSync) {
  const named = `SELECT seq, ${COLUMNS.map(name => `outbox.${name}`).join(', ')}, connector, line FROM outbox JOIN lanes ON lanes.id = lane`
  const one = db.prepare(`${named} WHERE outbox.id = ?`)
  const readLedger = db.prepare('SELECT accepted, superseded, delivered, dead, accepted - superseded - delivered - dead AS pending FROM ledger')
  const count = "coalesce(sum((state = 'pending') + (call_id IS NOT NULL AND call_version <> version)), 0) AS pending"
  const pendingOf = "FROM outbox JOIN lanes ON lanes.id = lane WHERE (state = 'pending' OR call_id IS NOT NULL) AND portal = ?"
  const countPending = db.prepare(`SELECT ${count}, min(waiting_since) AS oldest ${pendingOf}`)
  const countByLane = db.prepare(`SELECT connector, line, lanes.channel, ${count} ${pendingOf} GROUP BY lanes.id ORDER BY lanes.id`)
  const tally = db.prepare(`SELECT lanes.connector, lanes.line, lanes.channel, ${TALLY} FROM lanes JOIN outbox ON lane = lanes.id
    WHERE portal = :portal AND finished_at IS NOT NULL AND state = 'delivered' GROUP BY lanes.id ORDER BY lanes.id`)
  const lanesOf = db.prepare('SELECT id FROM lanes WHERE portal = ?')
  const oldestOf = db.prepare(`SELECT min(waiting_since) AS oldest FROM (
    SELECT waiting_since FROM (SELECT waiting_since FROM outbox WHERE lane = ?1 AND due_at IS NOT NULL AND call_id IS NULL ORDER BY due_at LIMIT 1000)
    UNION ALL SELECT waiting_since FROM (SELECT waiting_since FROM outbox WHERE lane = ?1 AND ask_at IS NOT NULL ORDER BY ask_at LIMIT 1000)
    UNION ALL SELECT waiting_since FROM outbox WHERE lane = ?1 AND call_id IS NOT NULL AND state = 'pending')`)

  const find = (id: string): NamedColumns | undefined => one.get(id) as NamedColumns | undefined

  return {
    ledger (): Ledger {
      return { ...readLedger.get() } as unknown as Ledger
    },

    backlog (portal: string): Backlog {
      const counted = countPending.get(portal)
      return { pending: counted?.pending as number, oldestPendingAt: counted?.oldest as number | null }
    },

    tallyConfirmations: (portal: string, window: ReportWindow) => tally.all({ portal, ...window }).map(sql => ({ ...sql })) as unknown as readonly ConfirmationTally[],

    pendingByLane: (portal: string): readonly PendingLane[] => countByLane.all(portal).map(sql => ({ ...sql })) as unknown as readonly PendingLane[],

    oldestPending (portal: string): number | null {
      const times = lanesOf.all(portal).map(lane => oldestOf.get(lane.id as number)?.oldest as number | null).filter(time => time !== null)
      return times.length === 0 ? null : Math.min(...times)
    },

    find (id: string): EditRow | null {
      const sql = find(id)
      return sql === undefined ? null : toEditRow(sql)
    },

    content (id: string): EditedMessage | null {
      const sql = find(id)
      return sql === undefined ? null : toContent(sql)
    },

    attempts (id: string): readonly Attempt[] {
      const sql = find(id)
      return sql === undefined ? [] : toAttempts(sql)
    },

    list (filter: EditFilter, { after, limit }: { readonly after: number | null, readonly limit: number }): EditPage {
      const { sql, values } = selectEdits(filter, { after, limit: limit + 1 }, '?')
      const rows = db.prepare(`${named} WHERE seq IN (${sql}) ORDER BY seq DESC`).all(...values) as unknown as NamedColumns[]
      const edits = rows.slice(0, limit)
      return { edits: edits.map(toEditRow), next: rows.length > limit ? edits.at(-1)?.seq ?? null : null }
    },

    count (filter: EditFilter, { after, upTo }: { readonly after: number | null, readonly upTo: number }): number {
      const { sql, values } = countEdits(filter, { after, limit: upTo }, '?')
      return db.prepare(sql).get(...values)?.found as number
    },
  }
}
