import { compareRevisions, profileId, type ClientProfile, isNamed } from '../../edit/edit.ts'
import { KEEP_NEWEST, type Profiles, type SeenProfile } from '../profiles.ts'
import type { Client } from './connection.ts'
import type { Link } from './link.ts'

const REMEMBER = `INSERT INTO profiles AS held (id, at, tie, profile, seen_at)
  SELECT id, at, tie, profile, seen_at FROM json_to_recordset($1) AS fresh (id text, at bigint, tie bigint, profile text, seen_at bigint) ORDER BY id ${KEEP_NEWEST}`

/** Stores the newest profile of each client that has a name. */
export async function rememberProfiles (client: Client, profiles: readonly SeenProfile[]): Promise<void> {
  const newest = new Map<string, SeenProfile>()
  for (const seen of profiles) {
    if (!isNamed(seen.profile)) continue
    const id = profileId(seen.portal, seen.connector, seen.profile.id)
    const held = newest.get(id)
    if (held === undefined || compareRevisions(seen.revision, held.revision) >= 0) newest.set(id, seen)
  }
  if (newest.size === 0) return
  const rows = [...newest].map(([id, { profile, revision: { at, tie }, now }]) => ({ id, at, tie: String(tie), profile: JSON.stringify(profile), seen_at: now }))
  await client.query({ name: 'remember', text: REMEMBER, values: [JSON.stringify(rows)] })
}

/** The newest profiles of known clients, by the clients' ids. */
export async function findProfiles (client: Client, portal: string, connector: string, users: readonly string[]): Promise<Map<string, ClientProfile>> {
  const { rows } = await client.query<{ profile: string }>({
    name: 'profiles', text: 'SELECT profile FROM profiles WHERE id = ANY($1)', values: [users.map(user => profileId(portal, connector, user))],
  })
  return new Map(rows.map(row => JSON.parse(row.profile) as ClientProfile).map(profile => [profile.id, profile]))
}

/** Profiles are read on the connection that writes webhooks: an edit without a name needs its client's profile before it is accepted. */
export function createPostgresProfiles (writer: Link, courier: Link): Profiles {
  return {
    remember: profiles => writer.transact(client => rememberProfiles(client, profiles)),
    find: async (portal, connector, user) => (await writer.run(client => findProfiles(client, portal, connector, [user]))).get(user) ?? null,
    prune: (seenBefore, limit) => courier.run(async client => {
      const { rowCount } = await client.query(`DELETE FROM profiles WHERE id = ANY(ARRAY(
        SELECT id FROM profiles WHERE seen_at < $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED))`, [seenBefore, limit])
      return rowCount ?? 0
    }),
  }
}
