import type { Activity, LastWebhook } from './activity.ts'
import type { Leases, Signals } from './leases.ts'
import type { ChannelLane, ConfirmationTally, Outbox } from './outbox.ts'
import type { PortalRecord, Portals } from './portals.ts'
import type { Profiles } from './profiles.ts'

/** Called for each group commit with its number of jobs and its duration. */
export interface CommitObserver {
  (batch: { readonly jobs: number, readonly commitMs: number }): void
}

export interface Store {
  /** The id of the database's portal. The first relay on a new database makes it. */
  readonly portal: string
  readonly outbox: Outbox
  readonly portals: Portals
  readonly profiles: Profiles
  readonly activity: Activity
  readonly leases: Leases
  readonly signals: Signals
  /** Fulfilled when a write has just been made durable. */
  probe (): Promise<void>
  /** Waits for running work, then closes the database. */
  close (): Promise<void>
}

/** How many revisions of one channel for one connector and line are pending. */
export interface PendingLane extends ChannelLane {
  readonly pending: number
}

/** A look into a database, also while a relay uses it. */
export interface StoreSnapshot {
  /** The file, or hosts and database; nothing secret. */
  readonly name: string
  readonly portal: string
  readonly record: PortalRecord
  readonly pending: readonly PendingLane[]
  readonly confirmations: readonly ConfirmationTally[]
  /** A channel without a webhook within RETENTION_DAYS is absent. */
  readonly activity: readonly LastWebhook[]
}
