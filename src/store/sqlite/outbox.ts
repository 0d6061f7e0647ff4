import type { DatabaseSync } from 'node:sqlite'
import { attemptFor, fold, giveBack, recover, redeliver, settle, settleLate, take, toIntakeResult, travelTogether, type LedgerDelta, type OutboxRow, type Settled } from '../fold.ts'
import { identify } from '../identify.ts'
import type { ClaimedEdit, ClaimRequest, IncomingEdit, IntakeResult, LaneDue, Outbox, Recovery, RedeliveryOutcome, Settling } from '../store.ts'
import { COLUMNS, WRITTEN, toClaimed, toEdit, toOutboxRow, writtenValues, type SqlRow } from '../rows.ts'
import type { SqliteIds } from './ids.ts'
import type { SqliteLeases } from './leases.ts'
import type { SqliteProfiles } from './profiles.ts'

export type SqliteOutbox = ReturnType<typeof createSqliteOutbox>

/** An edit that waits for days behind a broken portal would gather hundreds. */
const KEPT_ATTEMPTS = 20

/** How many due rows are looked at beyond the limit, to find some that may travel together. */
const SCAN_FACTOR = 4

/** The outbox's verbs, synchronous and without a transaction of their own: the caller commits them. */
export function createSqliteOutbox (db: DatabaseSync, ids: SqliteIds, profiles: SqliteProfiles, leases: Pick<SqliteLeases, 'isCurrent'>) {
  const one = db.prepare(`SELECT ${COLUMNS} FROM outbox WHERE seq = ?`)
  const insert = db.prepare(`INSERT INTO outbox (seq, id, lane, chat, message, ${WRITTEN.join(', ')}) VALUES (?, ?, ?, ?, ?, ${WRITTEN.map(() => '?').join(', ')})`)
  const update = db.prepare(`UPDATE outbox SET ${WRITTEN.map(column => `${column} = ?`).join(', ')} WHERE seq = ?`)
  const due = db.prepare(`SELECT ${COLUMNS} FROM outbox WHERE lane = ? AND due_at <= ? AND call_id IS NULL ORDER BY due_at LIMIT ?`)
  const nextDue = db.prepare('SELECT min(due_at) AS due FROM outbox WHERE lane = ? AND due_at IS NOT NULL AND call_id IS NULL')
  const openCalls = db.prepare(`SELECT ${COLUMNS} FROM outbox WHERE call_id IS NOT NULL AND lane = ?`)
  const ofCall = db.prepare(`SELECT ${COLUMNS} FROM outbox WHERE call_id = ?`)
  const extendQuarantine = db.prepare(`UPDATE outbox SET quarantine_until = :until,
    due_at = CASE WHEN due_at IS NOT NULL AND version <> quarantine_version THEN max(due_at, :until) ELSE due_at END
    WHERE quarantine_until IS NOT NULL AND lane = :lane`)
  const lanesOf = db.prepare('SELECT id, connector, line, channel FROM lanes WHERE portal = ? ORDER BY id')
  const laneOf = db.prepare('SELECT id FROM lanes WHERE portal = ? AND connector = ? AND line = ? AND channel = ?')
  const addLane = db.prepare('INSERT INTO lanes (portal, connector, line, channel) VALUES (?, ?, ?, ?) RETURNING id')
  const count = db.prepare('UPDATE ledger SET accepted = accepted + ?, superseded = superseded + ?, delivered = delivered + ?, dead = dead + ?')
  const setBucket = db.prepare(`INSERT INTO portals (portal, bucket_level, bucket_at) VALUES (?1, ?2, ?3)
    ON CONFLICT (portal) DO UPDATE SET bucket_level = ?2, bucket_at = ?3`)
  const finishedRows = db.prepare("SELECT seq, id FROM outbox WHERE settled_at < ? AND state <> 'pending' LIMIT ?")
  const removeRow = db.prepare('DELETE FROM outbox WHERE seq = ?')
  const addAttempt = db.prepare('INSERT INTO attempts (edit, at, duration_ms, code, words) VALUES (?, ?, ?, ?, ?)')
  const removeOldAttempts = db.prepare(`DELETE FROM attempts WHERE edit = ?1
    AND seq NOT IN (SELECT seq FROM attempts WHERE edit = ?1 ORDER BY seq DESC LIMIT ${KEPT_ATTEMPTS})`)
  const removeAttempts = db.prepare('DELETE FROM attempts WHERE edit = ?')
  const bringForward = db.prepare('UPDATE outbox SET due_at = :latest WHERE lane = :lane AND due_at > :latest AND call_id IS NULL')

  const laneIds = new Map<string, number>()
  let counted = { accepted: 0, superseded: 0, delivered: 0, dead: 0 }

  function laneId (portal: string, connector: string, line: number, channel: string): number {
    const name = `${portal} ${connector} ${line} ${channel}`
    const known = laneIds.get(name)
    if (known !== undefined) return known
    const id = (laneOf.get(portal, connector, line, channel) ?? addLane.get(portal, connector, line, channel))?.id as number
    laneIds.set(name, id)
    return id
  }

  function load (id: string): OutboxRow | null {
    const seq = ids.find(id)
    // Where somebody has deleted rows by hand, an id leads nowhere.
    const sql = seq === null ? undefined : one.get(seq) as unknown as SqlRow | undefined
    return sql === undefined ? null : toOutboxRow(sql)
  }

  /** A row that is there. */
  function save (row: OutboxRow): void {
    update.run(...writtenValues(row), ids.find(row.id))
  }

  function write (settled: Settled | null): void {
    if (settled === null) return
    save(settled.row)
    add(settled.delta)
  }

  function add ({ accepted = 0, superseded = 0, delivered = 0, dead = 0 }: LedgerDelta): void {
    counted.accepted += accepted
    counted.superseded += superseded
    counted.delivered += delivered
    counted.dead += dead
  }

  return {
    /** At the start of each transaction. */
    begin (): void {
      ids.begin()
      counted = { accepted: 0, superseded: 0, delivered: 0, dead: 0 }
    },

    /** After a transaction was rolled back: what it had made is not there. */
    forgetMade (): void {
      laneIds.clear()
      ids.forget()
    },

    /** At the end of each transaction: the ledger changes once for all that the transaction counted. */
    end (): void {
      ids.end()
      const { accepted, superseded, delivered, dead } = counted
      if (accepted !== 0 || superseded !== 0 || delivered !== 0 || dead !== 0) count.run(accepted, superseded, delivered, dead)
    },

    accept (edits: readonly IncomingEdit[]): IntakeResult[] {
      return edits.map(identify).map(incoming => {
        const held = load(incoming.id)
        const folded = fold(held, incoming)
        const { row, delta } = folded
        if (row !== null && held !== null) save(row)
        if (row !== null && held === null) {
          const { portal, connector, line, chat, message } = incoming.key
          insert.run(ids.add(row.id), row.id, laneId(portal, connector, line, incoming.channel), chat, message, ...writtenValues(row))
        }
        add(delta)
        profiles.rememberOne({ portal: incoming.key.portal, connector: incoming.key.connector, profile: incoming.edit.user, revision: incoming.edit.revision, now: incoming.now })
        return toIntakeResult(incoming, folded)
      })
    },

    lanes (portal: string): LaneDue[] {
      return lanesOf.all(portal).flatMap(lane => {
        const dueAt = nextDue.get(lane.id as number)?.due as number | null
        return dueAt === null ? [] : [{ connector: lane.connector as string, line: lane.line as number, channel: lane.channel as string, dueAt }]
      })
    },

    claim (request: ClaimRequest): ClaimedEdit[] {
      const { portal, epoch, lane, callId, now, bucket } = request
      if (!leases.isCurrent(portal, epoch)) return []
      const candidates = due.all(laneId(portal, lane.connector, lane.line, lane.channel), now, request.limit * SCAN_FACTOR) as unknown as SqlRow[]
      const chosen = travelTogether(candidates.map(toOutboxRow), request.limit)
      for (const row of chosen) save(take(row, callId))
      setBucket.run(portal, bucket.level, bucket.at)
      return chosen.map(row => toClaimed(row, profiles.find(portal, lane.connector, toEdit(row).user.id)))
    },

    giveBack ({ portal, epoch, callId, now }: Parameters<Outbox['giveBack']>[0]): number {
      if (!leases.isCurrent(portal, epoch)) return 0
      const rows = ofCall.all(callId) as unknown as SqlRow[]
      for (const sql of rows) write(giveBack(toOutboxRow(sql), now))
      return rows.length
    },

    settle ({ portal, epoch, callId, settlements, attempt, now }: Settling): void {
      const isLate = !leases.isCurrent(portal, epoch)
      for (const settlement of settlements) {
        const held = load(settlement.id)
        if (held !== null) write(settle(held, callId, settlement, now) ?? (isLate ? settleLate(held, settlement, now) : null))
        const seq = ids.find(settlement.id)
        if (attempt === null || seq === null) continue
        const { at, durationMs, code, words } = attemptFor(settlement, attempt)
        addAttempt.run(seq, at, durationMs, code, words)
        removeOldAttempts.run(seq)
      }
    },

    recover ({ portal, epoch, now, quarantineUntil, latestDueAt }: Recovery): number {
      if (!leases.isCurrent(portal, epoch)) return 0
      let recovered = 0
      for (const lane of lanesOf.all(portal)) {
        bringForward.run({ lane: lane.id as number, latest: latestDueAt })
        extendQuarantine.run({ lane: lane.id as number, until: quarantineUntil })
        for (const sql of openCalls.all(lane.id as number) as unknown as SqlRow[]) {
          write(recover(toOutboxRow(sql), now, quarantineUntil))
          recovered++
        }
      }
      return recovered
    },

    redeliver (ids: readonly string[], now: number): RedeliveryOutcome[] {
      return ids.map(id => {
        const held = load(id)
        if (held === null) return 'not-found'
        const redelivered = redeliver(held, now)
        if (typeof redelivered === 'string') return redelivered
        save(redelivered.row)
        add(redelivered.delta)
        return 'redelivered'
      })
    },

    prune (finishedBefore: number, limit: number): number {
      const rows = finishedRows.all(finishedBefore, limit)
      for (const { seq, id } of rows) {
        removeAttempts.run(seq as number)
        removeRow.run(seq as number)
        ids.remove(id as string)
      }
      return rows.length
    },
  }
}
