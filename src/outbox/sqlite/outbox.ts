import type { DatabaseSync } from 'node:sqlite'
import { COLUMNS, toColumns, toRow, type Columns } from '../columns.ts'
import type { ClaimedEdit, ClaimRequest, EndedCall, EndedQuestion, IncomingEdit, IntakeResult, LaneDue, Outbox, PortalReport, Recovery, RedeliveryOutcome, ReportResult } from '../outbox.ts'
import { accept, identify, seenProfile } from '../rules/accept.ts'
import { claim, giveBack, SCAN_FACTOR, toClaimed, travelTogether } from '../rules/claim.ts'
import { confirm, confirmedAfterMs, identifyReport } from '../rules/confirm.ts'
import { recover } from '../rules/fencing.ts'
import { recordName } from '../rules/naming.ts'
import { recordOutcome } from '../rules/record.ts'
import { redeliver } from '../rules/redelivery.ts'
import { sumDeltas, type Change, type HeldEdit, type LedgerDelta, type OutboxRow } from '../rules/row.ts'
import type { SqliteLeases } from './leases.ts'
import type { SqlitePortals } from './portals.ts'
import type { SqliteProfiles } from './profiles.ts'

export interface OutboxParts {
  readonly portals: Pick<SqlitePortals, 'write'>
  readonly profiles: Pick<SqliteProfiles, 'find' | 'remember'>
  readonly leases: Pick<SqliteLeases, 'isCurrent'>
}

/** The columns that an update writes. */
const WRITTEN = COLUMNS.filter(name => name !== 'id')

/** The outbox's verbs, synchronous and without a transaction of their own: the caller commits them. */
export function createSqliteOutbox (db: DatabaseSync, { portals, profiles, leases }: OutboxParts) {
  const select = `SELECT ${COLUMNS.join(', ')} FROM outbox`
  const one = db.prepare(`${select} WHERE id = ?`)
  const due = db.prepare(`${select} WHERE lane = ? AND due_at <= ? AND call_id IS NULL ORDER BY due_at LIMIT ?`)
  const openCalls = db.prepare(`${select} WHERE call_id IS NOT NULL AND lane = ?`)
  const ofCall = db.prepare(`${select} WHERE call_id = ?`)
  const insert = db.prepare(`INSERT INTO outbox (id, lane, ${WRITTEN.join(', ')}) VALUES (?, ?, ${WRITTEN.map(() => '?').join(', ')})`)
  const update = db.prepare(`UPDATE outbox SET ${WRITTEN.map(name => `${name} = ?`).join(', ')} WHERE id = ?`)
  const remove = db.prepare("DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox WHERE finished_at < ? AND state <> 'pending' LIMIT ?)")
  const bringForward = db.prepare('UPDATE outbox SET due_at = :latest WHERE lane = :lane AND due_at > :latest AND call_id IS NULL')
  const askSooner = db.prepare('UPDATE outbox SET ask_at = :latest WHERE lane = :lane AND ask_at > :latest')
  const extendQuarantine = db.prepare(`UPDATE outbox SET quarantine_until = :until,
    due_at = CASE WHEN due_at IS NOT NULL AND version <> quarantine_version THEN max(due_at, :until) ELSE due_at END
    WHERE quarantine_until IS NOT NULL AND lane = :lane`)
  const lanesOf = db.prepare('SELECT id, connector, line, channel FROM lanes WHERE portal = ? ORDER BY id')
  const laneOf = db.prepare('SELECT id FROM lanes WHERE portal = ? AND connector = ? AND line = ? AND channel = ?')
  const addLane = db.prepare('INSERT INTO lanes (portal, connector, line, channel) VALUES (?, ?, ?, ?) RETURNING id')
  const nextDue = db.prepare('SELECT min(due_at) AS due FROM outbox WHERE lane = ? AND due_at IS NOT NULL AND call_id IS NULL')
  const toBeAsked = db.prepare(`${select} WHERE lane = ? AND ask_at <= ? ORDER BY ask_at LIMIT ?`)
  const nextAsked = db.prepare('SELECT min(ask_at) AS next FROM outbox WHERE lane = ? AND ask_at > ?')
  const count = db.prepare('UPDATE ledger SET accepted = accepted + ?, superseded = superseded + ?, delivered = delivered + ?, dead = dead + ?')

  function load (id: string): OutboxRow | null {
    const sql = one.get(id)
    return sql === undefined ? null : read(sql)
  }

  /** Writes the changes of existing rows. */
  function apply (changes: ReadonlyArray<Change | null>): void {
    const made = changes.filter(change => change !== null)
    for (const { row } of made) update.run(...written(row), row.id)
    addToLedger(made.map(({ delta }) => delta))
  }

  function addToLedger (deltas: readonly LedgerDelta[]): void {
    const sums = Object.values(sumDeltas(deltas))
    if (sums.some(sum => sum !== 0)) count.run(...sums)
  }

  function laneId (portal: string, connector: string, line: number, channel: string): number {
    return (laneOf.get(portal, connector, line, channel) ?? addLane.get(portal, connector, line, channel))?.id as number
  }

  return {
    accept (edits: readonly IncomingEdit[]): IntakeResult[] {
      const deltas: LedgerDelta[] = []
      const results = edits.map(edit => {
        const incoming = identify(edit)
        const { portal, connector, line } = incoming.key
        const held = load(incoming.id)
        const { result, row, delta } = accept(held, incoming)
        if (row !== null && held === null) insert.run(row.id, laneId(portal, connector, line, incoming.channel), ...written(row))
        if (row !== null && held !== null) update.run(...written(row), row.id)
        deltas.push(delta)
        profiles.remember([seenProfile(incoming)])
        return result
      })
      addToLedger(deltas)
      return results
    },

    confirm (reports: readonly PortalReport[]): ReportResult[] {
      return reports.map(identifyReport).map(report => {
        const { outcome, row } = confirm(load(report.id), report)
        if (row !== null) update.run(...written(row), row.id)
        return { outcome, confirmedAfterMs: confirmedAfterMs(row), channel: row?.channel ?? null }
      })
    },

    lanes (portal: string): LaneDue[] {
      return lanesOf.all(portal).flatMap(lane => {
        const dueAt = nextDue.get(lane.id as number)?.due as number | null
        return dueAt === null ? [] : [{ connector: lane.connector as string, line: lane.line as number, channel: lane.channel as string, dueAt }]
      })
    },

    claim ({ portal, epoch, lane, callId, now, limit, bucket }: ClaimRequest): ClaimedEdit[] {
      if (!leases.isCurrent(portal, epoch)) return []
      const candidates = due.all(laneId(portal, lane.connector, lane.line, lane.channel), now, limit * SCAN_FACTOR)
      const chosen = travelTogether(candidates.map(read), limit)
      apply(chosen.map(row => ({ row: claim(row, callId, now), delta: {} })))
      portals.write(portal, { bucket })
      return chosen.map(row => toClaimed(row, profiles.find(portal, lane.connector, (row.edit as HeldEdit).user.id)))
    },

    giveBack ({ portal, epoch, callId, now }: Parameters<Outbox['giveBack']>[0]): number {
      if (!leases.isCurrent(portal, epoch)) return 0
      const rows = ofCall.all(callId)
      apply(rows.map(sql => giveBack(read(sql), now)))
      return rows.length
    },

    record (call: EndedCall): void {
      const isLate = !leases.isCurrent(call.portal, call.epoch)
      for (const outcome of call.outcomes) {
        const held = load(outcome.id)
        if (held !== null) apply([recordOutcome(held, call, outcome, isLate)])
      }
    },

    nameless (portal: string, now: number, limit: number): Awaited<ReturnType<Outbox['nameless']>> {
      const lanes = lanesOf.all(portal)
      const edits = lanes.flatMap(({ id, connector }) => toBeAsked.all(id as number, now, limit).map(sql => ({ ...toClaimed(read(sql), null), connector: connector as string })))
      const times = lanes.map(({ id }) => nextAsked.get(id as number, now)?.next as number | null).filter(time => time !== null)
      return { edits, nextAt: times.length === 0 ? null : Math.min(...times) }
    },

    recordNames (question: EndedQuestion): void {
      if (!leases.isCurrent(question.portal, question.epoch)) return
      for (const outcome of question.outcomes) {
        const held = load(outcome.id)
        if (held !== null) apply([recordName(held, question, outcome)])
      }
    },

    recover ({ portal, epoch, now, quarantineUntil, latestDueAt }: Recovery): number {
      if (!leases.isCurrent(portal, epoch)) return 0
      let recovered = 0
      for (const { id } of lanesOf.all(portal)) {
        const lane = id as number
        bringForward.run({ lane, latest: latestDueAt })
        askSooner.run({ lane, latest: latestDueAt })
        extendQuarantine.run({ lane, until: quarantineUntil })
        const open = openCalls.all(lane)
        apply(open.map(sql => recover(read(sql), { now, quarantineUntil, latestDueAt })))
        recovered += open.length
      }
      return recovered
    },

    redeliver (ids: readonly string[], now: number): RedeliveryOutcome[] {
      return ids.map(id => {
        const held = load(id)
        if (held === null) return 'not-found'
        const change = redeliver(held, now)
        if (typeof change === 'string') return change
        apply([change])
        return 'redelivered'
      })
    },

    prune (finishedBefore: number, limit: number): number {
      return Number(remove.run(finishedBefore, limit).changes)
    },
  }
}

/** By position: node:sqlite takes four times as long to bind by name. */
function written (row: OutboxRow): Array<string | number | null> {
  const columns = toColumns(row)
  return WRITTEN.map(name => columns[name])
}

function read (sql: object): OutboxRow {
  return toRow(sql as Columns)
}
