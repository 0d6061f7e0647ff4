import type { IncomingEdit, IntakeResult } from '../outbox.ts'
import { accept, identify, type IdentifiedEdit } from '../rules/accept.ts'
import type { LedgerDelta } from '../rules/row.ts'
import type { Client } from './connection.ts'
import { findLanes, makeLanes, nameOf } from './lanes.ts'
import { rememberProfiles } from './profiles.ts'
import { addToLedger, lockRows, saveRows, type Held } from './rows.ts'

/**
 * Takes a batch within a transaction: locks the rows that are there, asks the rules message by message in order of arrival, and writes what they
 * say. Only a new row can be written by another replica meanwhile, which is a WriteConflict.
 */
export async function acceptBatch (client: Client, replica: string, batch: readonly IncomingEdit[]): Promise<IntakeResult[]> {
  const edits = batch.map(identify)
  const [found, held] = await Promise.all([findLanes(client, edits), lockRows(client, [...new Set(edits.map(edit => edit.id))])])
  const lanes = edits.every(edit => found.has(nameOf(edit))) ? found : await makeLanes(client, edits)
  const laneOf = (edit: IdentifiedEdit): number => lanes.get(nameOf(edit)) as number
  const changed = new Map<string, Held>()
  const deltas: LedgerDelta[] = []
  const results = edits.map(incoming => {
    const before = changed.get(incoming.id) ?? held.get(incoming.id)
    const { result, row, delta } = accept(before?.row ?? null, incoming)
    deltas.push(delta)
    if (row !== null) changed.set(incoming.id, { lane: before?.lane ?? laneOf(incoming), stamp: before?.stamp ?? 0, row })
    return result
  })
  const profiles = edits.map(({ key, edit, now }) => ({ portal: key.portal, connector: key.connector, profile: edit.user, revision: edit.revision, now }))
  await Promise.all([saveRows(client, [...changed.values()]), rememberProfiles(client, profiles), addToLedger(client, replica, deltas)])
  return results
}
