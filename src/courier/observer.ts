import type { SessionResult } from '../bitrix24/session.ts'
import type { ClaimedEdit, CallOutcome } from '../outbox/outbox.ts'
import type { Conclusion } from './conclude.ts'

/** Is told of the courier's work as it happens. It stands in the way of the data, so it is cheap and never throws. */
export interface CourierObserver {
  /** A call of `imconnector.update.messages` has ended. */
  onCall (call: { readonly messages: number, readonly result: SessionResult, readonly action: Conclusion['action'] }): void
  /** What became of the claimed edits is on disk, at `now` of the courier's clock. */
  onRecorded (claimed: readonly ClaimedEdit[], outcomes: readonly CallOutcome[], now: number): void
  onParked (what: 'portal' | 'line', code: string): void
}
