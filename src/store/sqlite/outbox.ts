import type { DatabaseSync } from 'node:sqlite'
import { fold, settle, type LedgerDelta, type OutboxRow } from '../fold.ts'
import type { Backlog, ClaimedEdit, ClaimRequest, EditRow, IncomingEdit, IntakeResult, LaneDue, Ledger, Settlement } from '../store.ts'
import { COLUMNS, WRITTEN, toEdit, toEditRow, toOutboxRow, writtenValues, type SqlRow } from './rows.ts'

export type SqliteOutbox = ReturnType<typeof createSqliteOutbox>

/** How many due rows are looked at beyond the limit, to find some that may travel together. */
const SCAN_FACTOR = 4

/** The outbox's verbs, synchronous and without a transaction of their own: the caller commits them. */
export function createSqliteOutbox (db: DatabaseSync) {
  const one = db.prepare(`SELECT ${COLUMNS} FROM outbox WHERE id = ?`)
  const oneNamed = db.prepare(`SELECT ${COLUMNS}, connector, line FROM outbox JOIN lanes ON lanes.id = lane WHERE outbox.id = ?`)
  const insert = db.prepare(`INSERT INTO outbox (id, lane, chat, message, ${WRITTEN.join(', ')}) VALUES (?, ?, ?, ?, ${WRITTEN.map(() => '?').join(', ')})`)
  const update = db.prepare(`UPDATE outbox SET ${WRITTEN.map(column => `${column} = ?`).join(', ')} WHERE id = ?`)
  const due = db.prepare(`SELECT ${COLUMNS} FROM outbox WHERE lane = ? AND due_at <= ? AND call_id IS NULL ORDER BY due_at LIMIT ?`)
  const nextDue = db.prepare('SELECT min(due_at) AS due FROM outbox WHERE lane = ? AND due_at IS NOT NULL AND call_id IS NULL')
  const takeCall = db.prepare('UPDATE outbox SET call_id = ?, call_version = version, due_at = NULL, quarantine_version = ?, quarantine_until = ? WHERE seq = ?')
  const openCalls = db.prepare(`SELECT ${COLUMNS} FROM outbox WHERE call_id IS NOT NULL AND lane = ?`)
  const extendQuarantine = db.prepare(`UPDATE outbox SET quarantine_until = :until,
    due_at = CASE WHEN due_at IS NOT NULL AND version <> quarantine_version THEN max(due_at, :until) ELSE due_at END
    WHERE quarantine_until IS NOT NULL AND lane = :lane`)
  const lanesOf = db.prepare('SELECT id, connector, line FROM lanes WHERE portal = ? ORDER BY id')
  const laneOf = db.prepare('SELECT id FROM lanes WHERE portal = ? AND connector = ? AND line = ?')
  const addLane = db.prepare('INSERT INTO lanes (portal, connector, line) VALUES (?, ?, ?) RETURNING id')
  const count = db.prepare('UPDATE ledger SET accepted = accepted + ?, superseded = superseded + ?, delivered = delivered + ?, dead = dead + ?')
  const readLedger = db.prepare('SELECT accepted, superseded, delivered, dead, accepted - superseded - delivered - dead AS pending FROM ledger')
  const countPending = db.prepare(`SELECT count(*) + coalesce(sum(call_id IS NOT NULL AND call_version <> version), 0) AS pending, min(waiting_since) AS oldest
    FROM outbox JOIN lanes ON lanes.id = lane WHERE state = 'pending' AND portal = ?`)
  const setBucket = db.prepare(`INSERT INTO portals (portal, bucket_level, bucket_at) VALUES (?1, ?2, ?3)
    ON CONFLICT (portal) DO UPDATE SET bucket_level = ?2, bucket_at = ?3`)
  const removeFinished = db.prepare('DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox WHERE settled_at < ? AND state <> \'pending\' LIMIT ?)')

  function laneId (portal: string, connector: string, line: number): number {
    const found = laneOf.get(portal, connector, line) ?? addLane.get(portal, connector, line)
    return found?.id as number
  }

  function load (id: string): OutboxRow | null {
    const sql = one.get(id) as unknown as SqlRow | undefined
    return sql === undefined ? null : toOutboxRow(sql)
  }

  function add (delta: LedgerDelta): void {
    const { accepted = 0, superseded = 0, delivered = 0, dead = 0 } = delta
    if (accepted !== 0 || superseded !== 0 || delivered !== 0 || dead !== 0) count.run(accepted, superseded, delivered, dead)
  }

  return {
    accept (edits: readonly IncomingEdit[]): IntakeResult[] {
      return edits.map(incoming => {
        const held = load(incoming.id)
        const { outcome, row, delta } = fold(held, incoming)
        if (row !== null && held !== null) update.run(...writtenValues(row), row.id)
        if (row !== null && held === null) {
          const { portal, connector, line, chat, message } = incoming.key
          insert.run(row.id, laneId(portal, connector, line), chat, message, ...writtenValues(row))
        }
        add(delta)
        return { id: incoming.id, outcome }
      })
    },

    lanes (portal: string): LaneDue[] {
      return lanesOf.all(portal).flatMap(lane => {
        const dueAt = nextDue.get(lane.id as number)?.due as number | null
        return dueAt === null ? [] : [{ connector: lane.connector as string, line: lane.line as number, dueAt }]
      })
    },

    claim (request: ClaimRequest): ClaimedEdit[] {
      const { portal, lane, callId, now, bucket } = request
      const candidates = due.all(laneId(portal, lane.connector, lane.line), now, request.limit * SCAN_FACTOR) as unknown as SqlRow[]
      const claimed: ClaimedEdit[] = []
      let limit = request.limit
      for (const sql of candidates) {
        if (claimed.length >= Math.min(limit, sql.chunk_limit)) continue
        limit = Math.min(limit, sql.chunk_limit)
        const row = toOutboxRow(sql)
        // A due row of another version than the quarantined one proves that the quarantine is over.
        const quarantined = row.quarantineVersion === row.version
        takeCall.run(callId, quarantined ? row.quarantineVersion : null, quarantined ? row.quarantineUntil : null, sql.seq)
        claimed.push({ id: row.id, version: row.version, channel: row.channel, edit: toEdit(row), acceptedAt: row.acceptedAt, history: row.history })
      }
      setBucket.run(portal, bucket.level, bucket.at)
      return claimed
    },

    settle (callId: string, settlements: readonly Settlement[], now: number): void {
      for (const settlement of settlements) {
        const held = load(settlement.id)
        const settled = held === null ? null : settle(held, callId, settlement, now)
        if (settled === null) continue
        update.run(...writtenValues(settled.row), settled.row.id)
        add(settled.delta)
      }
    },

    recover (portal: string, now: number, quarantineUntil: number): number {
      let recovered = 0
      for (const lane of lanesOf.all(portal)) {
        extendQuarantine.run({ lane: lane.id as number, until: quarantineUntil })
        for (const sql of openCalls.all(lane.id as number) as unknown as SqlRow[]) {
          const held = toOutboxRow(sql)
          const history = { ...held.history, attempts: held.history.attempts + 1 }
          const settlement: Settlement = { id: held.id, version: held.callVersion as number, result: 'retry', dueAt: now, history, quarantineUntil }
          const settled = settle(held, held.callId as string, settlement, now)
          if (settled === null) continue
          update.run(...writtenValues(settled.row), settled.row.id)
          add(settled.delta)
          recovered++
        }
      }
      return recovered
    },

    backlog (portal: string): Backlog {
      const counted = countPending.get(portal)
      return { pending: counted?.pending as number, oldestPendingAt: counted?.oldest as number | null }
    },

    ledger (): Ledger {
      return { ...readLedger.get() } as unknown as Ledger
    },

    find (id: string): EditRow | null {
      const sql = oneNamed.get(id) as unknown as SqlRow | undefined
      return sql === undefined ? null : toEditRow(sql)
    },

    prune (finishedBefore: number, limit: number): number {
      return Number(removeFinished.run(finishedBefore, limit).changes)
    },
  }
}
