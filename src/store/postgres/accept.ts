import { fold, toIntakeResult, type LedgerDelta } from '../fold.ts'
import type { IdentifiedEdit } from '../identify.ts'
import type { IntakeResult } from '../store.ts'
import type { Client } from './connection.ts'
import { findLanes, makeLanes, nameOf, type LaneIds } from './lanes.ts'
import type { Ending } from './link.ts'
import { remembering } from './profiles.ts'
import { counting, readHeld, saving, type Held } from './rows.ts'
import { storable } from './values.ts'

/**
 * Takes a batch within a transaction: what is held is read, the rules decide message by message in order of arrival, and what they decide is
 * written unless another replica was faster. Then the same is done with the rows locked, which can lose only against new rows.
 */
export async function acceptBatch (client: Client, edits: readonly IdentifiedEdit[], { replica, isLocked }: { replica: string, isLocked: boolean }): Promise<Ending<IntakeResult[]>> {
  const [found, held] = await Promise.all([findLanes(client, edits), readHeld(client, [...new Set(edits.map(edit => edit.id))], isLocked)])
  const lanes = edits.every(edit => found.has(nameOf(edit))) ? found : await makeLanes(client, edits)
  const changed = new Map<string, Held>()
  const deltas: LedgerDelta[] = []
  const results = edits.map(incoming => {
    const before = changed.get(incoming.id) ?? held.get(incoming.id)
    const folded = fold(before?.row ?? null, incoming)
    const { row, delta } = folded
    deltas.push(delta)
    if (row !== null) changed.set(incoming.id, { ...before ?? unknown(incoming, lanes), row })
    return toIntakeResult(incoming, folded)
  })
  const profiles = edits.map(({ key, edit, now }) => ({ portal: key.portal, connector: key.connector, profile: edit.user, revision: edit.revision, now }))
  return { result: results, writes: [...saving([...changed.values()]), ...remembering(profiles), ...counting(replica, deltas)] }
}

function unknown (incoming: IdentifiedEdit, lanes: LaneIds): Omit<Held, 'row'> {
  return { lane: lanes.get(nameOf(incoming)) as number, chat: storable(incoming.key.chat), message: storable(incoming.key.message), stamp: 0 }
}
