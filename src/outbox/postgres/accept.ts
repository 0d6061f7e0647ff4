import type { IncomingEdit, IntakeResult, PortalReport, ReportResult } from '../outbox.ts'
import { accept, identify, seenProfile, type IdentifiedEdit } from '../rules/accept.ts'
import { confirm, confirmedAfterMs, identifyReport } from '../rules/confirm.ts'
import type { LedgerDelta } from '../rules/row.ts'
import type { Client } from './connection.ts'
import { rememberProfiles } from './profiles.ts'
import { addToLedger, lockRows, saveRows, type Held } from './rows.ts'

/**
 * Accepts a batch of edits and reports within a transaction: locks the rows that exist, applies the rules one by one, and writes the results.
 * Another replica may meanwhile write a row that is new here, which is a WriteConflict.
 */
export async function acceptBatch (client: Client, replica: string, batch: readonly IncomingEdit[], portalReports: readonly PortalReport[]): Promise<{ readonly accepted: IntakeResult[], readonly confirmed: ReportResult[] }> {
  const edits = batch.map(identify)
  const reports = portalReports.map(identifyReport)
  const [found, held] = await Promise.all([findLanes(client, edits), lockRows(client, [...new Set([...edits, ...reports].map(({ id }) => id))])])
  const lanes = edits.every(edit => found.has(nameOf(edit))) ? found : await makeLanes(client, edits)
  const laneOf = (edit: IdentifiedEdit): number => lanes.get(nameOf(edit)) as number
  const changed = new Map<string, Held>()
  const deltas: LedgerDelta[] = []
  const accepted = edits.map(incoming => {
    const before = changed.get(incoming.id) ?? held.get(incoming.id)
    const { result, row, delta } = accept(before?.row ?? null, incoming)
    deltas.push(delta)
    if (row !== null) changed.set(incoming.id, { lane: before?.lane ?? laneOf(incoming), seq: before?.seq ?? null, row })
    return result
  })
  const confirmed = reports.map(report => {
    const before = changed.get(report.id) ?? held.get(report.id)
    const { outcome, row } = confirm(before?.row ?? null, report)
    if (row !== null && before !== undefined) changed.set(report.id, { ...before, row })
    return { outcome, confirmedAfterMs: confirmedAfterMs(row), channel: row?.channel ?? null }
  })
  await Promise.all([saveRows(client, [...changed.values()]), rememberProfiles(client, edits.map(seenProfile)), addToLedger(client, replica, deltas)])
  return { accepted, confirmed }
}

const ASKED = 'unnest($1::text[], $2::text[], $3::integer[], $4::text[]) AS asked (portal, connector, line, channel)'

const FIND = `SELECT portal, connector, line, channel, id FROM lanes JOIN ${ASKED} USING (portal, connector, line, channel)`

/** All replicas insert in the same order, so they cannot deadlock. */
const ADD = `INSERT INTO lanes (portal, connector, line, channel) SELECT * FROM ${ASKED} ORDER BY 1, 2, 3, 4 ON CONFLICT DO NOTHING`

type LaneName = Pick<IncomingEdit, 'channel'> & { readonly key: Pick<IncomingEdit['key'], 'portal' | 'connector' | 'line'> }

/** Ids of lanes by their names. */
type LaneIds = ReadonlyMap<string, number>

function nameOf ({ key: { portal, connector, line }, channel }: LaneName): string {
  return JSON.stringify([portal, connector, line, channel])
}

/**
 * The lanes of edits, as far as they exist. Each transaction reads them again: after a fail-over or a restore, a remembered id may be gone or belong
 * to another lane.
 */
async function findLanes (client: Client, edits: readonly LaneName[]): Promise<LaneIds> {
  const { rows } = await client.query<Omit<LaneName, 'key'> & LaneName['key'] & { readonly id: number }>({ name: 'find-lanes', text: FIND, values: columnsOf(edits) })
  return new Map(rows.map(({ id, channel, ...key }) => [nameOf({ key, channel }), id]))
}

/** The lanes of edits; creates the missing ones. */
async function makeLanes (client: Client, edits: readonly LaneName[]): Promise<LaneIds> {
  await client.query(ADD, columnsOf(edits))
  return await findLanes(client, edits)
}

function columnsOf (edits: readonly LaneName[]): unknown[][] {
  const lanes = [...new Map(edits.map(edit => [nameOf(edit), edit])).values()]
  return [lanes.map(({ key }) => key.portal), lanes.map(({ key }) => key.connector), lanes.map(({ key }) => key.line), lanes.map(({ channel }) => channel)]
}
