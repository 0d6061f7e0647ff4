import type { DatabaseSync } from 'node:sqlite'
import { profileId, type ClientProfile, isNamed } from '../../edit/edit.ts'
import { KEEP_NEWEST, type SeenProfile } from '../profiles.ts'

export type SqliteProfiles = ReturnType<typeof createSqliteProfiles>

/** The profiles' verbs, synchronous and without a transaction of their own. */
export function createSqliteProfiles (db: DatabaseSync) {
  const one = db.prepare('SELECT profile FROM profiles WHERE id = ?')
  const upsert = db.prepare(`INSERT INTO profiles AS held (id, at, tie, profile, seen_at) VALUES (?, ?, ?, ?, ?) ${KEEP_NEWEST}`)
  const remove = db.prepare('DELETE FROM profiles WHERE id IN (SELECT id FROM profiles WHERE seen_at < ? LIMIT ?)')

  return {
    remember (profiles: readonly SeenProfile[]): void {
      for (const { portal, connector, profile, revision, now } of profiles) {
        if (isNamed(profile)) upsert.run(profileId(portal, connector, profile.id), revision.at, revision.tie, JSON.stringify(profile), now)
      }
    },

    find (portal: string, connector: string, user: string): ClientProfile | null {
      const held = one.get(profileId(portal, connector, user))
      return held === undefined ? null : JSON.parse(held.profile as string) as ClientProfile
    },

    prune (seenBefore: number, limit: number): number {
      return Number(remove.run(seenBefore, limit).changes)
    },
  }
}
