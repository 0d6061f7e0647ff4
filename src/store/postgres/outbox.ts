import { attemptFor, giveBack, recover, redeliver, settle, settleLate, take, travelTogether, type Settled } from '../fold.ts'
import { COLUMNS, toClaimed, toEdit } from '../rows.ts'
import type { Attempt, ClaimedEdit, ClaimRequest, LaneDue, Outbox, Recovery, RedeliveryOutcome, Settling } from '../store.ts'
import { send, type Client } from './connection.ts'
import type { Link } from './link.ts'
import { lockPortal } from './portals.ts'
import { findProfiles } from './profiles.ts'
import { counting, readHeld, saving, toHeld, type Held, type StoredRow } from './rows.ts'
import { storable } from './values.ts'

/** An edit that waits for days behind a broken portal would gather hundreds. */
const KEPT_ATTEMPTS = 20

/** How many due rows are looked at beyond the limit, to find some that may travel together. */
const SCAN_FACTOR = 4

/** An UPDATE would lock rows as it finds them. Each part has an index of its own; they may be many, so that only their number comes back. */
const LOCK_FOR_RECOVERY = `SELECT count(*) FROM (
    SELECT FROM outbox WHERE id IN (
      SELECT id FROM outbox WHERE lane = ANY($1) AND due_at > $2 AND call_id IS NULL
      UNION ALL SELECT id FROM outbox WHERE lane = ANY($1) AND call_id IS NOT NULL
      UNION ALL SELECT id FROM outbox WHERE lane = ANY($1) AND quarantine_until IS NOT NULL
    ) ORDER BY id FOR UPDATE
  ) AS locked`

export interface OutboxParts {
  readonly link: Link
  /** The name of this process's part of the ledger. */
  readonly replica: string
}

/** What the holder of a portal does with its edits, and what an operator changes. Each verb is a transaction. */
export function createPostgresOutbox ({ link, replica }: OutboxParts): Pick<Outbox, 'lanes' | 'claim' | 'giveBack' | 'settle' | 'recover' | 'redeliver' | 'prune'> {
  /** Writes what the rules made of rows that are locked. */
  async function write (client: Client, changes: ReadonlyArray<{ readonly held: Held, readonly settled: Settled | null }>): Promise<void> {
    const rows = changes.flatMap(({ held, settled }) => settled === null ? [] : [{ ...held, row: settled.row }])
    await send(client, [...saving(rows), ...counting(replica, changes.flatMap(({ settled }) => settled === null ? [] : [settled.delta]))])
  }

  async function lockCalls (client: Client, condition: string, values: unknown[]): Promise<Held[]> {
    const { rows } = await client.query<StoredRow>(`SELECT ${COLUMNS}, lane, stamp FROM outbox WHERE ${condition} ORDER BY id FOR UPDATE`, values)
    return rows.map(toHeld)
  }

  async function claim (client: Client, { portal, epoch, lane, callId, now, limit, bucket }: ClaimRequest): Promise<ClaimedEdit[]> {
    if (!await lockPortal(client, portal, epoch)) return []
    const due = await client.query<{ id: string }>({
      name: 'due',
      text: `SELECT id FROM outbox WHERE lane = (SELECT id FROM lanes WHERE portal = $1 AND connector = $2 AND line = $3 AND channel = $4)
        AND due_at <= $5 AND call_id IS NULL ORDER BY due_at, seq LIMIT $6`,
      values: [portal, lane.connector, lane.line, lane.channel, now, limit * SCAN_FACTOR],
    })
    const held = await readHeld(client, due.rows.map(row => row.id), true)
    // Until they were locked, others may have changed them.
    const stillDue = due.rows.flatMap(({ id }) => held.get(id)?.row ?? []).filter(row => row.dueAt !== null && row.dueAt <= now && row.callId === null)
    const chosen = travelTogether(stillDue, limit)
    const [known] = await Promise.all([
      findProfiles(client, portal, lane.connector, chosen.map(row => toEdit(row).user.id)),
      send(client, saving(chosen.map(row => ({ ...held.get(row.id) as Held, row: take(row, callId) })))),
      client.query(`INSERT INTO portals (portal, bucket_level, bucket_at) VALUES ($1, $2, $3)
        ON CONFLICT (portal) DO UPDATE SET bucket_level = EXCLUDED.bucket_level, bucket_at = EXCLUDED.bucket_at`, [portal, bucket.level, bucket.at]),
    ])
    return chosen.map(row => toClaimed(row, known.get(storable(toEdit(row).user.id)) ?? null))
  }

  async function endCall (client: Client, { portal, epoch, callId, settlements, attempt, now }: Settling): Promise<void> {
    const isLate = !await lockPortal(client, portal, epoch)
    const held = await readHeld(client, settlements.map(({ id }) => id), true)
    const changes = settlements.flatMap(settlement => {
      const before = held.get(settlement.id)
      if (before === undefined) return []
      return [{ held: before, settled: settle(before.row, callId, settlement, now) ?? (isLate ? settleLate(before.row, settlement, now) : null) }]
    })
    await write(client, changes)
    if (attempt !== null) await addAttempts(client, callId, settlements.filter(({ id }) => held.has(id)).map(settlement => ({ id: settlement.id, ...attemptFor(settlement, attempt) })))
  }

  async function takeOver (client: Client, { portal, epoch, now, quarantineUntil, latestDueAt }: Recovery): Promise<number> {
    if (!await lockPortal(client, portal, epoch)) return 0
    const { rows } = await client.query<{ id: number }>('SELECT id FROM lanes WHERE portal = $1', [portal])
    const ids = rows.map(row => row.id)
    await client.query(LOCK_FOR_RECOVERY, [ids, latestDueAt])
    await client.query('UPDATE outbox SET due_at = $2, stamp = stamp + 1 WHERE lane = ANY($1) AND due_at > $2 AND call_id IS NULL', [ids, latestDueAt])
    await client.query(`UPDATE outbox SET quarantine_until = $2, stamp = stamp + 1,
      due_at = CASE WHEN due_at IS NOT NULL AND version <> quarantine_version THEN greatest(due_at, $2) ELSE due_at END
      WHERE quarantine_until IS NOT NULL AND lane = ANY($1)`, [ids, quarantineUntil])
    const open = await lockCalls(client, 'call_id IS NOT NULL AND lane = ANY($1)', [ids])
    await write(client, open.map(held => ({ held, settled: recover(held.row, now, quarantineUntil) })))
    return open.length
  }

  async function sendAgain (client: Client, ids: readonly string[], now: number): Promise<RedeliveryOutcome[]> {
    const held = await readHeld(client, ids.map(storable), true)
    const changes: Array<{ held: Held, settled: Settled }> = []
    const outcomes = ids.map((id): RedeliveryOutcome => {
      const before = held.get(id)
      if (before === undefined) return 'not-found'
      const settled = redeliver(before.row, now)
      if (typeof settled === 'string') return settled
      changes.push({ held: before, settled })
      held.set(id, { ...before, row: settled.row })
      return 'redelivered'
    })
    await write(client, changes)
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

    claim: request => link.transact(client => claim(client, request)),

    giveBack: ({ portal, epoch, callId, now }) => link.transact(async client => {
      // The lock is waited for, and so is a claim that the server is still about to commit.
      if (!await lockPortal(client, portal, epoch)) return 0
      const open = await lockCalls(client, 'call_id = $1', [callId])
      await write(client, open.map(held => ({ held, settled: giveBack(held.row, now) })))
      return open.length
    }),

    settle: settling => link.transact(client => endCall(client, settling)),
    recover: recovery => link.transact(client => takeOver(client, recovery)),
    redeliver: (ids, now) => link.transact(client => sendAgain(client, ids, now)),

    prune: (finishedBefore, limit) => link.transact(async client => {
      await mergeLedger(client)
      const { rows: [row] } = await client.query<{ removed: number }>(`
        WITH old AS (SELECT id FROM outbox WHERE settled_at < $1 AND state <> 'pending' ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED),
          calls AS (DELETE FROM attempts WHERE edit IN (SELECT id FROM old)),
          gone AS (DELETE FROM outbox WHERE id IN (SELECT id FROM old) RETURNING id)
        SELECT count(*) AS removed FROM gone`, [finishedBefore, limit])
      return row?.removed ?? 0
    }),
  }
}

async function addAttempts (client: Client, callId: string, attempts: ReadonlyArray<Attempt & { readonly id: string }>): Promise<void> {
  const columns = (['id', 'at', 'durationMs', 'code', 'words'] as const).map(name => attempts.map(attempt => storable(attempt[name])))
  await client.query(`INSERT INTO attempts (edit, call_id, at, duration_ms, code, words)
    SELECT edit, $1, at, duration_ms, code, words FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::text[]) AS made (edit, at, duration_ms, code, words)
    ON CONFLICT DO NOTHING`, [callId, ...columns])
  await client.query(`DELETE FROM attempts WHERE edit = ANY($1)
    AND seq <= (SELECT seq FROM attempts AS newer WHERE newer.edit = attempts.edit ORDER BY seq DESC OFFSET ${KEPT_ATTEMPTS} LIMIT 1)`, [columns[0]])
}

/** Adds the parts of processes that are silent to one part. A process that is alive all the same begins a new one with its next count. */
async function mergeLedger (client: Client): Promise<void> {
  await client.query(`
    WITH gone AS (DELETE FROM ledger WHERE replica <> '' AND written_at < now() - interval '1 hour' RETURNING accepted, superseded, delivered, dead)
    INSERT INTO ledger AS held (replica, accepted, superseded, delivered, dead)
      SELECT '', sum(accepted), sum(superseded), sum(delivered), sum(dead) FROM gone HAVING count(*) > 0
    ON CONFLICT (replica) DO UPDATE SET accepted = held.accepted + EXCLUDED.accepted, superseded = held.superseded + EXCLUDED.superseded,
      delivered = held.delivered + EXCLUDED.delivered, dead = held.dead + EXCLUDED.dead`)
}
