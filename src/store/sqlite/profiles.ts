import type { DatabaseSync } from 'node:sqlite'
import { compareRevisions, type ClientProfile, type Revision } from '../../edit.ts'
import { isNamed } from '../../profile.ts'
import type { SeenProfile } from '../store.ts'

export type SqliteProfiles = ReturnType<typeof createSqliteProfiles>

/** That a client was heard of is written once a day at most: it only keeps the profile from being forgotten. */
const SEEN_EVERY_MS = 24 * 3600_000

/** The rows of so many clients are remembered, if they are no longer than this: to look one up was a tenth of what an edit takes. */
const MAX_RECENT = 1000
const MAX_RECENT_CHARACTERS = 2000

interface Row {
  readonly seq: number
  readonly revision: Revision
  /** As JSON. */
  readonly profile: string
  readonly seenAt: number
}

/** The profiles' verbs, synchronous and without a transaction of their own. */
export function createSqliteProfiles (db: DatabaseSync) {
  const one = db.prepare('SELECT seq, at, CAST(tie AS TEXT) AS tie_text, profile, seen_at FROM profiles WHERE portal = ? AND connector = ? AND user = ?')
  const insert = db.prepare('INSERT INTO profiles (portal, connector, user, at, tie, profile, seen_at) VALUES (?, ?, ?, ?, ?, ?, ?)')
  const update = db.prepare('UPDATE profiles SET at = ?, tie = ?, profile = ? WHERE seq = ?')
  const touch = db.prepare('UPDATE profiles SET seen_at = ? WHERE seq = ?')
  const remove = db.prepare('DELETE FROM profiles WHERE seq IN (SELECT seq FROM profiles WHERE seen_at < ? LIMIT ?)')

  /** Rows as they are now, the one that was added first at the beginning. This connection alone writes them. */
  const recent = new Map<string, Row>()

  function read (portal: string, connector: string, user: string): Row | null {
    const sql = one.get(portal, connector, user)
    if (sql === undefined) return null
    return { seq: sql.seq as number, revision: { at: sql.at as number, tie: BigInt(sql.tie_text as string) }, profile: sql.profile as string, seenAt: sql.seen_at as number }
  }

  function keep (name: string, row: Row): void {
    if (row.profile.length > MAX_RECENT_CHARACTERS) {
      recent.delete(name)
      return
    }
    recent.set(name, row)
    for (const first of recent.keys()) {
      if (recent.size <= MAX_RECENT) break
      recent.delete(first)
    }
  }

  function rememberOne ({ portal, connector, profile, revision, now }: SeenProfile): void {
    if (!isNamed(profile)) return
    const name = `${portal} ${connector} ${profile.id}`
    const json = JSON.stringify(profile)
    const held = recent.get(name) ?? read(portal, connector, profile.id)
    if (held === null) {
      const { lastInsertRowid } = insert.run(portal, connector, profile.id, revision.at, revision.tie, json, now)
      keep(name, { seq: Number(lastInsertRowid), revision, profile: json, seenAt: now })
      return
    }
    const order = compareRevisions(revision, held.revision)
    // A newer revision is kept also when nothing changed: what lies between is older than what is known.
    const isNewer = order > 0 || (order === 0 && held.profile !== json)
    const isDue = now - held.seenAt > SEEN_EVERY_MS
    if (isNewer) update.run(revision.at, revision.tie, json, held.seq)
    if (isDue) touch.run(now, held.seq)
    keep(name, { seq: held.seq, ...isNewer ? { revision, profile: json } : { revision: held.revision, profile: held.profile }, seenAt: isDue ? now : held.seenAt })
  }

  return {
    rememberOne,

    /** After a transaction was rolled back: what it had written is not there. */
    forgetRecent (): void {
      recent.clear()
    },

    remember (profiles: readonly SeenProfile[]): void {
      for (const profile of profiles) rememberOne(profile)
    },

    find (portal: string, connector: string, user: string): ClientProfile | null {
      const held = one.get(portal, connector, user)
      return held === undefined ? null : JSON.parse(held.profile as string) as ClientProfile
    },

    prune (seenBefore: number, limit: number): number {
      recent.clear()
      return Number(remove.run(seenBefore, limit).changes)
    },
  }
}
