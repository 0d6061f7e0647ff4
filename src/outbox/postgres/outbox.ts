import { storable } from '../../text/storable.ts'
import type { ClaimedEdit, ClaimRequest, LaneDue, Outbox, Recovery, RedeliveryOutcome } from '../outbox.ts'
import { COLUMNS, toRow, type Columns } from '../columns.ts'
import { claim, giveBack, SCAN_FACTOR, toClaimed, travelTogether } from '../rules/claim.ts'
import { recover } from '../rules/fencing.ts'
import { recordName } from '../rules/naming.ts'
import { recordOutcome } from '../rules/record.ts'
import { redeliver } from '../rules/redelivery.ts'
import type { Change, HeldEdit, OutboxRow } from '../rules/row.ts'
import type { Client } from './connection.ts'
import type { Link } from './link.ts'
import { lockPortal, writePortal } from './portals.ts'
import { findProfiles } from './profiles.ts'
import { addToLedger, lockRows, lockRowsWhere, saveRows, type Held } from './rows.ts'

/** Locks in the order of ids; an UPDATE would lock in any order. Each part has an index. There may be many rows, so only their count is returned. */
const LOCK_FOR_RECOVERY = `SELECT count(*) FROM (
    SELECT FROM outbox WHERE id IN (
      SELECT id FROM outbox WHERE lane = ANY($1) AND due_at > $2 AND call_id IS NULL
      UNION ALL SELECT id FROM outbox WHERE lane = ANY($1) AND ask_at > $2
      UNION ALL SELECT id FROM outbox WHERE lane = ANY($1) AND call_id IS NOT NULL
      UNION ALL SELECT id FROM outbox WHERE lane = ANY($1) AND quarantine_until IS NOT NULL
    ) ORDER BY id FOR UPDATE
  ) AS locked`

const NAMELESS = `SELECT ${COLUMNS.map(name => `asked.${name}`).join(', ')}, connector FROM lanes,
  LATERAL (SELECT * FROM outbox WHERE lane = lanes.id AND ask_at <= $2 ORDER BY ask_at LIMIT $3) AS asked WHERE portal = $1`

const NEXT_ASKED = `SELECT min(ask_at) AS next FROM lanes, LATERAL (SELECT min(ask_at) AS ask_at FROM outbox WHERE lane = lanes.id AND ask_at > $2) AS asked
  WHERE portal = $1`

export interface OutboxParts {
  readonly link: Link
  /** The name of this process's part of the ledger. */
  readonly replica: string
}

type Changes = ReadonlyArray<readonly [held: Held, change: Change | null]>

/** The verbs of the leader, and the operator's changes. Each verb is a transaction. */
export function createPostgresOutbox ({ link, replica }: OutboxParts): Pick<Outbox, 'lanes' | 'claim' | 'giveBack' | 'record' | 'recover' | 'nameless' | 'recordNames' | 'redeliver' | 'prune'> {
  /** Writes the changes of locked rows. */
  async function apply (client: Client, changes: Changes): Promise<void> {
    const made = changes.flatMap(([held, change]) => change === null ? [] : [{ held: { ...held, row: change.row }, delta: change.delta }])
    await Promise.all([saveRows(client, made.map(({ held }) => held)), addToLedger(client, replica, made.map(({ delta }) => delta))])
  }

  async function claimDue (client: Client, { portal, epoch, lane, callId, now, limit, bucket }: ClaimRequest): Promise<ClaimedEdit[]> {
    const held = await lockPortal(client, portal)
    if (held.epoch !== epoch) return []
    const due = await client.query<{ id: string }>({
      name: 'due',
      text: `SELECT id FROM outbox WHERE lane = (SELECT id FROM lanes WHERE portal = $1 AND connector = $2 AND line = $3 AND channel = $4)
        AND due_at <= $5 AND call_id IS NULL ORDER BY due_at, seq LIMIT $6`,
      values: [portal, lane.connector, lane.line, lane.channel, now, limit * SCAN_FACTOR],
    })
    const rows = await lockRows(client, due.rows.map(row => row.id))
    // Others may have changed them before they were locked.
    const stillDue = due.rows.flatMap(({ id }) => rows.get(id)?.row ?? []).filter(row => row.dueAt !== null && row.dueAt <= now && row.callId === null)
    const chosen = travelTogether(stillDue, limit)
    const [known] = await Promise.all([
      findProfiles(client, portal, lane.connector, chosen.map(row => (row.edit as HeldEdit).user.id)),
      saveRows(client, chosen.map(row => ({ ...rows.get(row.id) as Held, row: claim(row, callId, now) }))),
      writePortal(client, portal, held.record, { bucket }),
    ])
    return chosen.map(row => toClaimed(row, known.get((row.edit as HeldEdit).user.id) ?? null))
  }

  /** Applies a rule to the row of each outcome, if there is still one. */
  async function applyOutcomes<Outcome extends { readonly id: string }> (client: Client, outcomes: readonly Outcome[], rule: (row: OutboxRow, outcome: Outcome) => Change | null): Promise<void> {
    const rows = await lockRows(client, outcomes.map(({ id }) => id))
    await apply(client, outcomes.flatMap(outcome => {
      const held = rows.get(outcome.id)
      return held === undefined ? [] : [[held, rule(held.row, outcome)] as const]
    }))
  }

  async function takeOver (client: Client, { portal, epoch, now, quarantineUntil, latestDueAt }: Recovery): Promise<number> {
    if ((await lockPortal(client, portal)).epoch !== epoch) return 0
    const { rows } = await client.query<{ id: number }>('SELECT id FROM lanes WHERE portal = $1', [portal])
    const lanes = rows.map(row => row.id)
    await client.query(LOCK_FOR_RECOVERY, [lanes, latestDueAt])
    await client.query('UPDATE outbox SET due_at = $2 WHERE lane = ANY($1) AND due_at > $2 AND call_id IS NULL', [lanes, latestDueAt])
    await client.query('UPDATE outbox SET ask_at = $2 WHERE lane = ANY($1) AND ask_at > $2', [lanes, latestDueAt])
    await client.query(`UPDATE outbox SET quarantine_until = $2,
      due_at = CASE WHEN due_at IS NOT NULL AND version <> quarantine_version THEN greatest(due_at, $2) ELSE due_at END
      WHERE quarantine_until IS NOT NULL AND lane = ANY($1)`, [lanes, quarantineUntil])
    const open = await lockRowsWhere(client, 'call_id IS NOT NULL AND lane = ANY($1)', [lanes])
    await apply(client, open.map(held => [held, recover(held.row, { now, quarantineUntil, latestDueAt })]))
    return open.length
  }

  async function sendAgain (client: Client, ids: readonly string[], now: number): Promise<RedeliveryOutcome[]> {
    const rows = await lockRows(client, ids.map(storable))
    const changes = new Map<string, readonly [Held, Change]>()
    const outcomes = ids.map((id): RedeliveryOutcome => {
      const held = rows.get(id)
      if (held === undefined) return 'not-found'
      const change = redeliver(changes.get(id)?.[1].row ?? held.row, now)
      if (typeof change === 'string') return change
      changes.set(id, [held, change])
      return 'redelivered'
    })
    await apply(client, [...changes.values()])
    return outcomes
  }

  return {
    lanes: portal => link.run(async client => {
      const { rows } = await client.query<LaneDue>({
        name: 'lanes',
        text: `SELECT connector, line, channel, due AS "dueAt" FROM lanes, LATERAL (SELECT min(due_at) AS due FROM outbox WHERE lane = lanes.id AND due_at IS NOT NULL AND call_id IS NULL) AS next
          WHERE portal = $1 AND due IS NOT NULL ORDER BY id`,
        values: [portal],
      })
      return rows
    }),

    claim: request => link.transact(client => claimDue(client, request)),

    giveBack: ({ portal, epoch, callId, now }) => link.transact(async client => {
      // The lock waits for a claim that the server may still commit.
      if ((await lockPortal(client, portal)).epoch !== epoch) return 0
      const open = await lockRowsWhere(client, 'call_id = $1', [callId])
      await apply(client, open.map(held => [held, giveBack(held.row, now)]))
      return open.length
    }),

    record: call => link.transact(async client => {
      const isLate = (await lockPortal(client, call.portal)).epoch !== call.epoch
      await applyOutcomes(client, call.outcomes, (row, outcome) => recordOutcome(row, call, outcome, isLate))
    }),

    nameless: (portal, now, limit) => link.run(async client => {
      const [{ rows }, { rows: [next] }] = await Promise.all([
        client.query<Columns & { readonly connector: string }>({ name: 'nameless', text: NAMELESS, values: [portal, now, limit] }),
        client.query<{ next: number | null }>({ name: 'next-asked', text: NEXT_ASKED, values: [portal, now] }),
      ])
      return { edits: rows.map(sql => ({ ...toClaimed(toRow(sql), null), connector: sql.connector })), nextAt: next?.next ?? null }
    }),

    recordNames: question => link.transact(async client => {
      if ((await lockPortal(client, question.portal)).epoch !== question.epoch) return
      await applyOutcomes(client, question.outcomes, (row, outcome) => recordName(row, question, outcome))
    }),
    recover: recovery => link.transact(client => takeOver(client, recovery)),
    redeliver: (ids, now) => link.transact(client => sendAgain(client, ids, now)),

    prune: (finishedBefore, limit) => link.transact(async client => {
      await mergeLedger(client)
      const { rowCount } = await client.query(`DELETE FROM outbox WHERE id IN (
        SELECT id FROM outbox WHERE finished_at < $1 AND state <> 'pending' ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED)`, [finishedBefore, limit])
      return rowCount ?? 0
    }),
  }
}

/** Adds up the parts of processes that have ended. Each process writes a part of its own. */
async function mergeLedger (client: Client): Promise<void> {
  await client.query(`
    WITH gone AS (DELETE FROM ledger WHERE replica <> '' AND written_at < now() - interval '1 hour' RETURNING accepted, superseded, delivered, dead)
    INSERT INTO ledger AS held (replica, accepted, superseded, delivered, dead)
      SELECT '', sum(accepted), sum(superseded), sum(delivered), sum(dead) FROM gone HAVING count(*) > 0
    ON CONFLICT (replica) DO UPDATE SET accepted = held.accepted + excluded.accepted, superseded = held.superseded + excluded.superseded,
      delivered = held.delivered + excluded.delivered, dead = held.dead + excluded.dead`)
}
