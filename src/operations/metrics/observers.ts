import type { Renewal } from '../../bitrix24/refresher.ts'
import type { LookUpReport } from '../../names/names.ts'
import type { CourierObserver } from '../../courier/observer.ts'
import type { EditResult } from '../../messengers/messenger.ts'
import type { CommitObserver } from '../../outbox/store.ts'
import type { Passage } from '../../forward/connector.ts'

/** What the webhook routes tell; a webhook for no channel has the channel null. */
export interface WebhookObserver {
  onReceived (channel: string, edits: ReadonlyArray<{ readonly result: EditResult }>): void
  onRejected (channel: string | null, status: number): void
}

/** What the parts of one relay tell while they work, as functions to hand to them, so that none of them knows who counts. */
export interface Observers {
  readonly courier: CourierObserver
  readonly webhooks: WebhookObserver
  readonly onForwarded: (channel: string, passage: Passage) => void
  readonly onLookUp: (report: LookUpReport) => void
  readonly onCommit: CommitObserver
  readonly onRenewal: (renewal: Renewal) => void
}
