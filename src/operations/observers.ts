import type { EventOutcome } from '../bitrix24/events.ts'
import type { Renewal } from '../bitrix24/refresher.ts'
import type { CourierObserver } from '../courier/delivery.ts'
import type { DeadReason } from '../edit/edit.ts'
import type { Passage } from '../forward/connector.ts'
import type { EditResult } from '../messengers/messenger.ts'
import type { LookUpReport } from '../names/names.ts'
import type { CommitObserver } from '../outbox/store.ts'

/** Called by the webhook routes. `channel` is null if there is no such channel. */
export interface WebhookObserver {
  /** An authentic webhook; what becomes of it follows. */
  onVerified (channel: string): void
  onReceived (channel: string, edits: ReadonlyArray<{ readonly result: EditResult, readonly detail?: string | undefined }>): void
  /** `unreadable`: why an authentic webhook cannot be read; null for any other cause. It quotes nothing from the client. */
  onRejected (channel: string | null, status: number, unreadable: string | null): void
}

/** The parts of a relay call these functions and do not know who counts. They are cheap and never throw. */
export interface Observers {
  readonly courier: CourierObserver
  readonly webhooks: WebhookObserver
  readonly onForwarded: (channel: string, passage: Passage) => void
  readonly onLookUp: (report: LookUpReport) => void
  /** An edit whose client has no name has ended as dead. */
  readonly onDead: (channel: string, reason: DeadReason) => void
  readonly onCommit: CommitObserver
  readonly onRenewal: (renewal: Renewal) => void
  /** `confirmedAfterMs` and `channel` are those of an edit that is confirmed now. */
  readonly onEvent: (outcome: EventOutcome, confirmedAfterMs: number | null, channel: string | null) => void
}
