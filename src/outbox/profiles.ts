import type { ClientProfile, Revision } from '../edit/edit.ts'

/** A client's profile and its revision. */
export interface SeenProfile {
  readonly portal: string
  readonly connector: string
  readonly profile: ClientProfile
  readonly revision: Revision
  readonly now: number
}

/** `seen_at` is written at most once a day: it only protects the profile from retention. */
const SEEN_EVERY_MS = 24 * 3600_000

const IS_NEWER = '((excluded.at, excluded.tie) > (held.at, held.tie) OR ((excluded.at, excluded.tie) = (held.at, held.tie) AND excluded.profile <> held.profile))'
const IS_SEEN_AGAIN = `excluded.seen_at - held.seen_at > ${SEEN_EVERY_MS}`

/** How both engines update a known client's profile; the table is called `held`. A newer revision is stored even if the profile is the same. */
export const KEEP_NEWEST = `ON CONFLICT (id) DO UPDATE SET
  at = CASE WHEN ${IS_NEWER} THEN excluded.at ELSE held.at END,
  tie = CASE WHEN ${IS_NEWER} THEN excluded.tie ELSE held.tie END,
  profile = CASE WHEN ${IS_NEWER} THEN excluded.profile ELSE held.profile END,
  seen_at = CASE WHEN ${IS_SEEN_AGAIN} THEN excluded.seen_at ELSE held.seen_at END
  WHERE ${IS_NEWER} OR ${IS_SEEN_AGAIN}`

/** The clients' newest profiles. An edit without a name takes its client's profile from here: without a name the portal would show "Guest". */
export interface Profiles {
  /** Stores each profile that has a name, unless a newer revision of it is stored. `Outbox.accept` stores the profiles of its edits. */
  remember (profiles: readonly SeenProfile[]): Promise<void>
  /** The client's newest profile, or null if its name is not known. */
  find (portal: string, connector: string, user: string): Promise<ClientProfile | null>
  /** Removes at most `limit` clients that were last seen before `seenBefore`. Returns how many. */
  prune (seenBefore: number, limit: number): Promise<number>
}
