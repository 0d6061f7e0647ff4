import type { ClientProfile, Revision } from '../edit/edit.ts'

/** What is known of a client, and from which revision of its profile. */
export interface SeenProfile {
  readonly portal: string
  readonly connector: string
  readonly profile: ClientProfile
  readonly revision: Revision
  readonly now: number
}

/** That a client was seen again is written once a day at most: it only keeps the profile from being forgotten. */
const SEEN_EVERY_MS = 24 * 3600_000

const IS_NEWER = '((excluded.at, excluded.tie) > (held.at, held.tie) OR ((excluded.at, excluded.tie) = (held.at, held.tie) AND excluded.profile <> held.profile))'
const IS_SEEN_AGAIN = `excluded.seen_at - held.seen_at > ${SEEN_EVERY_MS}`

/**
 * What both engines do with a profile of a client that is known; the table is called `held`. A newer revision is kept also when nothing else has
 * changed: what lies between is older than what is known.
 */
export const KEEP_NEWEST = `ON CONFLICT (id) DO UPDATE SET
  at = CASE WHEN ${IS_NEWER} THEN excluded.at ELSE held.at END,
  tie = CASE WHEN ${IS_NEWER} THEN excluded.tie ELSE held.tie END,
  profile = CASE WHEN ${IS_NEWER} THEN excluded.profile ELSE held.profile END,
  seen_at = CASE WHEN ${IS_SEEN_AGAIN} THEN excluded.seen_at ELSE held.seen_at END
  WHERE ${IS_NEWER} OR ${IS_SEEN_AGAIN}`

/** Clients as their webhooks describe them: a bare user block would rename a client, so it is completed from here. */
export interface Profiles {
  /** Keeps each profile that has a name, unless a newer revision of it is held. `Outbox.accept` keeps an edit's own profile. */
  remember (profiles: readonly SeenProfile[]): Promise<void>
  /** The newest profile with a name that is known of a client, or null. */
  find (portal: string, connector: string, user: string): Promise<ClientProfile | null>
  /** Forgets clients that have not been seen since `seenBefore`, at most `limit`. Returns how many. */
  prune (seenBefore: number, limit: number): Promise<number>
}
