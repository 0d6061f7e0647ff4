export const HOUR_MS = 3600_000

/**
 * What is counted for each channel. `webhooks`: authentic ones, whatever became of them. From `accepted` to `refused`: their edits; `unreadable` also
 * counts webhooks that got 400. `unauthentic` and `rejected`: webhooks that were not acknowledged. `forwarded` and `forwardFailed`: webhooks for the
 * connector behind the channel. From `delivered` on: edits.
 */
export const ACTIVITY_OUTCOMES = ['webhooks', 'accepted', 'duplicate', 'stale', 'ignored', 'unreadable', 'refused', 'unauthentic', 'rejected', 'forwarded',
  'forwardFailed', 'delivered', 'dead', 'confirmed'] as const

export type ActivityOutcome = typeof ACTIVITY_OUTCOMES[number]

/** How often something happened on a channel within an hour. */
export interface ActivityCount {
  readonly channel: string
  readonly outcome: ActivityOutcome
  /** When the hour began. */
  readonly hour: number
  readonly count: number
  /** When it happened last, and what is known of that time. */
  readonly lastAt: number
  readonly detail: string | null
}

/** Counts of all processes on the database. They are written apart from webhooks: a failure here concerns no webhook. */
export interface Activity {
  /**
   * Adds to the stored counts. Each outcome of a channel and hour may be given once. Rejects with StoreUnavailable if nothing was added; but if only
   * the answer to the commit was lost, a repeat counts twice.
   */
  add (counts: readonly ActivityCount[]): Promise<void>
  /** The counts of the hours that began from `since` to `until`. */
  read (since: number, until: number): Promise<readonly ActivityCount[]>
  /** The count of the newest hour of each outcome of each channel; of hours that began until `until`. */
  latest (until: number): Promise<readonly ActivityCount[]>
  /** Removes at most `limit` counts of hours that ended before `endedBefore`. Returns how many. */
  prune (endedBefore: number, limit: number): Promise<number>
}

/** How both engines add to a count that is stored; the table is called `held`. */
export const ADD_TO_HELD = `ON CONFLICT (outcome, channel, hour) DO UPDATE SET
  count = held.count + excluded.count,
  detail = CASE WHEN excluded.last_at >= held.last_at THEN excluded.detail ELSE held.detail END,
  last_at = CASE WHEN excluded.last_at >= held.last_at THEN excluded.last_at ELSE held.last_at END`

export const COUNT_COLUMNS = 'channel, outcome, hour, count, last_at AS "lastAt", detail'

/** When a channel last got an authentic webhook. */
export interface LastWebhook {
  readonly channel: string
  readonly lastWebhookAt: number
}

export function lastWebhooks (latest: readonly ActivityCount[]): LastWebhook[] {
  return latest.filter(({ outcome }) => outcome === 'webhooks').map(({ channel, lastAt }) => ({ channel, lastWebhookAt: lastAt }))
}
