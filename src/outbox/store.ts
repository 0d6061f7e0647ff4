import type { Leases, Signals } from './leases.ts'
import type { Outbox } from './outbox.ts'
import type { PortalRecord, Portals } from './portals.ts'
import type { Profiles } from './profiles.ts'

/** Called for each group commit with its number of jobs and its duration. */
export interface CommitObserver {
  (batch: { readonly jobs: number, readonly commitMs: number }): void
}

export interface Store {
  readonly outbox: Outbox
  readonly portals: Portals
  readonly profiles: Profiles
  readonly leases: Leases
  readonly signals: Signals
  /** Fulfilled when a write has just been made durable. */
  probe (): Promise<void>
  /** Waits for running work, then closes the database. */
  close (): Promise<void>
}

/** A look into a database, also while a relay uses it. */
export interface StoreSnapshot {
  /** The file, or hosts and database; nothing secret. */
  readonly name: string
  readonly record: PortalRecord
  readonly pending: number
}
