import type { IncomingEdit } from '../outbox.ts'
import type { Client } from './connection.ts'

const ASKED = 'unnest($1::text[], $2::text[], $3::integer[], $4::text[]) AS asked (portal, connector, line, channel)'

const FIND = `SELECT portal, connector, line, channel, id FROM lanes JOIN ${ASKED} USING (portal, connector, line, channel)`

/** In one order, by every replica, so that none waits for another in a circle. */
const ADD = `INSERT INTO lanes (portal, connector, line, channel) SELECT * FROM ${ASKED} ORDER BY 1, 2, 3, 4 ON CONFLICT DO NOTHING`

type LaneName = Pick<IncomingEdit, 'channel'> & { readonly key: Pick<IncomingEdit['key'], 'portal' | 'connector' | 'line'> }

/** Ids of lanes by their names. */
export type LaneIds = ReadonlyMap<string, number>

export function nameOf ({ key: { portal, connector, line }, channel }: LaneName): string {
  return JSON.stringify([portal, connector, line, channel])
}

/**
 * The lanes of edits, as far as there are any yet. They are asked for in each transaction that adds to them: after a fail-over or a restore an id
 * that was remembered may be gone, or be that of another lane.
 */
export async function findLanes (client: Client, edits: readonly LaneName[]): Promise<LaneIds> {
  const { rows } = await client.query<Omit<LaneName, 'key'> & LaneName['key'] & { readonly id: number }>({ name: 'find-lanes', text: FIND, values: columnsOf(edits) })
  return new Map(rows.map(({ id, channel, ...key }) => [nameOf({ key, channel }), id]))
}

/** The lanes of edits, made where there are none yet. */
export async function makeLanes (client: Client, edits: readonly LaneName[]): Promise<LaneIds> {
  await client.query(ADD, columnsOf(edits))
  return await findLanes(client, edits)
}

function columnsOf (edits: readonly LaneName[]): unknown[][] {
  const lanes = [...new Map(edits.map(edit => [nameOf(edit), edit])).values()]
  return [lanes.map(({ key }) => key.portal), lanes.map(({ key }) => key.connector), lanes.map(({ key }) => key.line), lanes.map(({ channel }) => channel)]
}
