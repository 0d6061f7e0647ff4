import { compareRevisions, type ClientProfile } from '../../edit.ts'
import { isTooLong } from '../../courier/guard.ts'
import { isNamed } from '../../profile.ts'
import type { Profiles, SeenProfile } from '../store.ts'
import { send, type Client, type Statement } from './connection.ts'
import type { Link } from './link.ts'
import { storable, toArray } from './values.ts'

/** That a client was heard of is written once a day at most: it only keeps the profile from being forgotten. */
const SEEN_EVERY_MS = 24 * 3600_000

const IS_NEWER = '((EXCLUDED.at, EXCLUDED.tie) > (held.at, held.tie) OR ((EXCLUDED.at, EXCLUDED.tie) = (held.at, held.tie) AND EXCLUDED.profile <> held.profile))'

// A newer revision is kept also when nothing changed: what lies between is older than what is known.
const REMEMBER = `INSERT INTO profiles AS held (portal, connector, client, at, tie, profile, seen_at)
  SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::bigint[]) AS fresh ORDER BY 1, 2, 3
  ON CONFLICT (portal, connector, client) DO UPDATE SET
    at = CASE WHEN ${IS_NEWER} THEN EXCLUDED.at ELSE held.at END,
    tie = CASE WHEN ${IS_NEWER} THEN EXCLUDED.tie ELSE held.tie END,
    profile = CASE WHEN ${IS_NEWER} THEN EXCLUDED.profile ELSE held.profile END,
    seen_at = CASE WHEN EXCLUDED.seen_at - held.seen_at > ${SEEN_EVERY_MS} THEN EXCLUDED.seen_at ELSE held.seen_at END
  WHERE ${IS_NEWER} OR EXCLUDED.seen_at - held.seen_at > ${SEEN_EVERY_MS}`

/** Keeps the named ones of the profiles, of each client the newest. An id that the portal would refuse may be too long for an index as well. */
export function remembering (profiles: readonly SeenProfile[]): Statement[] {
  const newest = new Map<string, SeenProfile>()
  for (const seen of profiles) {
    if (!isNamed(seen.profile) || isTooLong(seen.profile.id)) continue
    const key = JSON.stringify([seen.portal, seen.connector, seen.profile.id])
    const held = newest.get(key)
    if (held === undefined || compareRevisions(seen.revision, held.revision) >= 0) newest.set(key, seen)
  }
  if (newest.size === 0) return []
  const rows = [...newest.values()].map(({ portal, connector, profile, revision, now }) => [portal, connector, profile.id, revision.at, revision.tie, JSON.stringify(profile), now])
  return [{ name: 'remember', text: REMEMBER, values: [0, 1, 2, 3, 4, 5, 6].map(column => toArray(rows.map(row => row[column] ?? null))) }]
}

/** The newest profile of each of the clients who are known, by their ids. */
export async function findProfiles (client: Client, portal: string, connector: string, clients: readonly string[]): Promise<Map<string, ClientProfile>> {
  const { rows } = await client.query<{ client: string, profile: string }>({
    name: 'profiles', text: 'SELECT client, profile FROM profiles WHERE portal = $1 AND connector = $2 AND client = ANY($3)', values: [portal, connector, clients.map(storable)],
  })
  return new Map(rows.map(row => [row.client, JSON.parse(row.profile) as ClientProfile]))
}

export function createPostgresProfiles (writer: Link, reader: Link): Profiles {
  return {
    remember: profiles => writer.transact(client => send(client, remembering(profiles))),
    find: async (portal, connector, user) => (await reader.run(client => findProfiles(client, portal, connector, [user]))).get(storable(user)) ?? null,
    prune: (seenBefore, limit) => reader.run(async client => {
      const { rowCount } = await client.query(`DELETE FROM profiles WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM profiles WHERE seen_at < $1 ORDER BY portal, connector, client LIMIT $2 FOR UPDATE SKIP LOCKED))`, [seenBefore, limit])
      return rowCount ?? 0
    }),
  }
}
