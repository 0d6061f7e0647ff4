import type { DatabaseSync } from 'node:sqlite'
import { ADD_TO_HELD, COUNT_COLUMNS, HOUR_MS, type ActivityCount } from '../activity.ts'

/** The verbs of `Activity`, synchronous and without a transaction of their own. */
export function createSqliteActivity (db: DatabaseSync) {
  const upsert = db.prepare(`INSERT INTO activity AS held (outcome, channel, hour, count, last_at, detail) VALUES (?, ?, ?, ?, ?, ?) ${ADD_TO_HELD}`)
  const between = db.prepare(`SELECT ${COUNT_COLUMNS} FROM activity WHERE hour BETWEEN ? AND ? ORDER BY hour, outcome, channel`)
  // SQLite takes the other columns from the row with the maximum.
  const newest = db.prepare('SELECT channel, outcome, max(hour) AS hour, count, last_at AS "lastAt", detail FROM activity WHERE hour <= ? GROUP BY outcome, channel ORDER BY outcome, channel')
  const remove = db.prepare('DELETE FROM activity WHERE (outcome, channel, hour) IN (SELECT outcome, channel, hour FROM activity WHERE hour < ? LIMIT ?)')
  const toCounts = (rows: object[]): ActivityCount[] => rows.map(row => ({ ...row }) as ActivityCount)

  return {
    add (counts: readonly ActivityCount[]): void {
      for (const { outcome, channel, hour, count, lastAt, detail } of counts) upsert.run(outcome, channel, hour, count, lastAt, detail)
    },

    read: (since: number, until: number) => toCounts(between.all(since, until)),

    latest: (until: number) => toCounts(newest.all(until)),

    prune: (endedBefore: number, limit: number): number => Number(remove.run(endedBefore - HOUR_MS, limit).changes),
  }
}
