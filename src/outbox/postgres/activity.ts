import { ADD_TO_HELD, COUNT_COLUMNS, HOUR_MS, lastWebhooks, type Activity, type ActivityCount, type LastWebhook } from '../activity.ts'
import type { Client } from './connection.ts'
import type { Link } from './link.ts'
import type { ReadPool } from './read-pool.ts'

/** All replicas add in the same order, so they cannot deadlock. */
const ADD = `INSERT INTO activity AS held (outcome, channel, hour, count, last_at, detail)
  SELECT outcome, channel, hour, count, "lastAt", detail
  FROM json_to_recordset($1) AS fresh (outcome text, channel text, hour bigint, count bigint, "lastAt" bigint, detail text) ORDER BY 1, 2, 3 ${ADD_TO_HELD}`

export function createPostgresActivity (link: Link, pool: ReadPool): Activity {
  return {
    add: counts => link.run(async client => {
      await client.query({ name: 'add-activity', text: ADD, values: [JSON.stringify(counts)] })
    }),

    read: (since, until) => pool.run(async client => {
      const { rows } = await client.query<ActivityCount>(`SELECT ${COUNT_COLUMNS} FROM activity WHERE hour BETWEEN $1 AND $2 ORDER BY hour, outcome, channel`, [since, until])
      return rows
    }),

    latest: until => pool.run(client => readLatest(client, until)),

    prune: (endedBefore, limit) => link.run(async client => {
      const { rowCount } = await client.query(`DELETE FROM activity WHERE (outcome, channel, hour) IN (
        SELECT outcome, channel, hour FROM activity WHERE hour < $1 ORDER BY 1, 2, 3 LIMIT $2 FOR UPDATE SKIP LOCKED)`, [endedBefore - HOUR_MS, limit])
      return rowCount ?? 0
    }),
  }
}

async function readLatest (client: Client, until: number): Promise<readonly ActivityCount[]> {
  const { rows } = await client.query<ActivityCount>(`SELECT DISTINCT ON (outcome, channel) ${COUNT_COLUMNS} FROM activity WHERE hour <= $1 ORDER BY outcome, channel, hour DESC`, [until])
  return rows
}

export async function readLastWebhooks (client: Client): Promise<readonly LastWebhook[]> {
  return lastWebhooks(await readLatest(client, Number.MAX_SAFE_INTEGER))
}
