import type { DatabaseSync } from 'node:sqlite'
import { compareRevisions, type ClientProfile } from '../../edit.ts'
import { isNamed } from '../../profile.ts'
import type { SeenProfile } from '../store.ts'

export type SqliteProfiles = ReturnType<typeof createSqliteProfiles>

/** That a client was heard of is written once a day at most: it only keeps the profile from being forgotten. */
const SEEN_EVERY_MS = 24 * 3600_000

/** The profiles' verbs, synchronous and without a transaction of their own. */
export function createSqliteProfiles (db: DatabaseSync) {
  const one = db.prepare('SELECT seq, at, CAST(tie AS TEXT) AS tie_text, profile, seen_at FROM profiles WHERE portal = ? AND connector = ? AND user = ?')
  const insert = db.prepare('INSERT INTO profiles (portal, connector, user, at, tie, profile, seen_at) VALUES (?, ?, ?, ?, ?, ?, ?)')
  const update = db.prepare('UPDATE profiles SET at = ?, tie = ?, profile = ? WHERE seq = ?')
  const touch = db.prepare('UPDATE profiles SET seen_at = ? WHERE seq = ?')
  const remove = db.prepare('DELETE FROM profiles WHERE seq IN (SELECT seq FROM profiles WHERE seen_at < ? LIMIT ?)')

  function rememberOne ({ portal, connector, profile, revision, now }: SeenProfile): void {
    if (!isNamed(profile)) return
    const held = one.get(portal, connector, profile.id)
    const json = JSON.stringify(profile)
    if (held === undefined) {
      insert.run(portal, connector, profile.id, revision.at, revision.tie, json, now)
      return
    }
    const order = compareRevisions(revision, { at: held.at as number, tie: BigInt(held.tie_text as string) })
    // A newer revision is kept also when nothing changed: what lies between is older than what is known.
    if (order > 0 || (order === 0 && held.profile !== json)) update.run(revision.at, revision.tie, json, held.seq as number)
    if (now - (held.seen_at as number) > SEEN_EVERY_MS) touch.run(now, held.seq as number)
  }

  return {
    rememberOne,

    remember (profiles: readonly SeenProfile[]): void {
      for (const profile of profiles) rememberOne(profile)
    },

    find (portal: string, connector: string, user: string): ClientProfile | null {
      const held = one.get(portal, connector, user)
      return held === undefined ? null : JSON.parse(held.profile as string) as ClientProfile
    },

    prune (seenBefore: number, limit: number): number {
      return Number(remove.run(seenBefore, limit).changes)
    },
  }
}
