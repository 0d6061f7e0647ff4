import type { ChannelLane, IncomingEdit } from '../store.ts'
import { StoreUnavailable } from '../../errors.ts'
import type { Client } from './connection.ts'

/** The ids of lanes, which never change while the server is the same, so that each is looked up once. */
export function createLanes () {
  const known = new Map<string, number>()

  async function look (client: Client): Promise<void> {
    const { rows } = await client.query<ChannelLane & { portal: string, id: number }>('SELECT portal, connector, line, channel, id FROM lanes')
    for (const { portal, connector, line, channel, id } of rows) known.set(nameOf(portal, connector, line, channel), id)
  }

  return {
    /** Makes the lanes of edits that have none yet. Outside of a transaction, since what is known must be committed. */
    async prepare (client: Client, edits: readonly IncomingEdit[]): Promise<void> {
      const missing = [...new Set(edits.map(({ key, channel }) => nameOf(key.portal, key.connector, key.line, channel)))].filter(name => !known.has(name)).sort()
      if (missing.length === 0) return
      const columns = [0, 1, 2, 3].map(index => missing.map(name => (JSON.parse(name) as unknown[])[index]))
      await client.query(`INSERT INTO lanes (portal, connector, line, channel) SELECT * FROM unnest($1::text[], $2::text[], $3::integer[], $4::text[])
        ON CONFLICT DO NOTHING`, columns)
      await look(client)
    },

    /** Of an edit whose lane was prepared; the connection may have been made anew since. */
    idOf ({ key, channel }: IncomingEdit): number {
      const id = known.get(nameOf(key.portal, key.connector, key.line, channel))
      if (id === undefined) throw new StoreUnavailable('the connection to PostgreSQL was made anew')
      return id
    },

    /** Another server may be behind a new connection, to which not all that was committed has come: a row for a lane of the former would be lost. */
    forget: () => { known.clear() },

    /** Null when nothing was ever accepted for it. */
    async find (client: Client, portal: string, { connector, line, channel }: ChannelLane): Promise<number | null> {
      const name = nameOf(portal, connector, line, channel)
      if (!known.has(name)) await look(client)
      return known.get(name) ?? null
    },
  }
}

export type Lanes = ReturnType<typeof createLanes>

function nameOf (portal: string, connector: string, line: number, channel: string): string {
  return JSON.stringify([portal, connector, line, channel])
}
