import type { DeadReason, EditedMessage, EditState, MessageKey, PortalEdit, RefusalReason, Revision } from '../edit/edit.ts'

/*
 * The interface of the outbox. All verbs are asynchronous. Once a write's promise is fulfilled it is durable: `kill -9` or a power cut loses
 * nothing. Times are milliseconds of the caller's clock.
 * A write that cannot be made durable rejects with StoreUnavailable. It has then changed nothing, or everything (if only the answer to the
 * commit was lost). Every verb may therefore be repeated.
 */

/** One edit from a webhook. If a guard refused it, the refusal is recorded, and the edit never replaces a pending one. */
export interface IncomingEdit {
  readonly key: MessageKey
  readonly channel: string
  readonly edit: PortalEdit
  readonly refusal: RefusalReason | null
  readonly now: number
  readonly settleMs: number
}

export interface IntakeResult {
  /** The message's row, as `messageRowId` names it. */
  readonly id: string
  readonly outcome: 'accepted' | 'duplicate' | 'stale' | 'refused'
  /** When an accepted edit is due, for its call or for the look-up of its client's name; null for any other outcome. */
  readonly dueAt: number | null
}

export interface Lane {
  readonly connector: string
  readonly line: number
}

/** The edits of one channel for one connector and line. The courier serves these lanes in turn. */
export interface ChannelLane extends Lane {
  readonly channel: string
}

export interface LaneDue extends ChannelLane {
  readonly dueAt: number
}

/** The level of our share of the portal's leaky bucket at the time `at`. */
export interface BucketLevel {
  readonly level: number
  readonly at: number
}

/** The lease under which a leader writes. If its epoch has ended, the verb changes nothing, unless it says otherwise. */
interface UnderLease {
  readonly portal: string
  readonly epoch: number
}

export interface ClaimRequest extends UnderLease {
  readonly lane: ChannelLane
  readonly callId: string
  readonly now: number
  readonly limit: number
  readonly bucket: BucketLevel
}

/** What the courier has learnt about an edit in earlier calls. Newer content of the message starts with an empty history. */
export interface DeliveryHistory {
  /** Calls that carried the edit and did not finish it. */
  readonly attempts: number
  /** The most messages in its call: halved when a whole call fails, 1 for an edit with files. */
  readonly chunkLimit: number
  /** Failures in a call of its own, which count towards `poison`, and the time of the last one. */
  readonly suspicions: number
  readonly suspectedAt: number | null
  /** Calls in which the portal did not know the user. */
  readonly unknownUserRepeats: number
  readonly flags: readonly EditFlag[]
}

/** `text-differs`: the portal reported another text than the one that was sent. */
export type EditFlag = 'unknown-user' | 'files-omitted' | 'text-differs'

export interface ClaimedEdit {
  readonly id: string
  /** Grows with each new content of the message that will be delivered. The outcome of a call names the version that it carried. */
  readonly version: number
  readonly channel: string
  readonly edit: PortalEdit
  readonly acceptedAt: number
  readonly history: DeliveryHistory
}

/** The outcome of one call for one message. */
export type CallOutcome = { readonly id: string, readonly version: number } & (
  | { readonly result: 'delivered', readonly flags: readonly EditFlag[], readonly portalUser?: string | undefined }
  | { readonly result: 'dead', readonly reason: DeadReason, readonly words: string | null, readonly quarantineUntil: number | null }
  | { readonly result: 'retry', readonly dueAt: number, readonly history: DeliveryHistory, readonly quarantineUntil: number | null }
)

/** One call as operators see it; the same for each message that it carried. */
export interface Attempt {
  readonly at: number
  readonly durationMs: number
  /** `ok`, the portal's code, or how the connection failed. */
  readonly code: string
  /** The error text of the portal, if any. */
  readonly words: string | null
}

export interface EndedCall extends UnderLease {
  readonly callId: string
  readonly outcomes: readonly CallOutcome[]
  /** Null when no call was made. */
  readonly attempt: Attempt | null
  readonly now: number
}

/** An edit that waits for its client's name. */
export interface NamelessEdit extends ClaimedEdit {
  readonly connector: string
}

/** The outcome of a name look-up for one edit. `named`: its client has a profile now. */
export type NameOutcome = { readonly id: string, readonly version: number } & (
  | { readonly result: 'named' }
  | { readonly result: 'retry', readonly askAt: number }
  | { readonly result: 'dead', readonly reason: DeadReason, readonly words: string | null }
)

export interface EndedQuestion extends UnderLease {
  readonly questionId: string
  readonly outcomes: readonly NameOutcome[]
  /** Null when the messenger was not asked. */
  readonly attempt: Attempt | null
  readonly now: number
}

/** Cumulative counts of revisions, written in the transaction of the change they count. Always accepted = superseded + delivered + dead + pending. */
export interface Ledger {
  readonly accepted: number
  readonly superseded: number
  readonly delivered: number
  readonly dead: number
  readonly pending: number
}

export interface Backlog {
  /** Pending revisions, counted from the rows and not from the ledger. */
  readonly pending: number
  readonly oldestPendingAt: number | null
}

/** A row as operators see it. */
export interface EditRow {
  readonly id: string
  readonly channel: string
  readonly connector: string
  readonly line: number
  readonly chat: string
  readonly message: string
  readonly state: EditState
  readonly reason: DeadReason | null
  readonly words: string | null
  readonly flags: readonly EditFlag[]
  readonly revision: Revision
  readonly attempts: number
  readonly acceptedAt: number
  readonly settledAt: number | null
  readonly dueAt: number | null
  /** The first call of the present version, and the portal's report that it found the message. */
  readonly calledAt: number | null
  readonly confirmedAt: number | null
  /** The portal's own id of the client, if a call has brought it. */
  readonly portalUser: string | null
  /** The newest revision that a guard refused. */
  readonly refused: { readonly revision: Revision, readonly reason: RefusalReason } | null
}

/** `confirmed`: found. `unconfirmed`: the portal ought to have reported it by now. `unknown`: nothing can be said. */
export const CONFIRMATIONS = ['confirmed', 'unconfirmed', 'unknown'] as const

export type Confirmation = typeof CONFIRMATIONS[number]

/** Delivered edits that were first called after `calledSince` and delivered before `deliveredBefore` ought to be confirmed. */
export interface ReportWindow {
  readonly calledSince: number
  readonly deliveredBefore: number
}

/** The portal has found a message by its ids. `text`: the text of the edit that it reports. */
export interface PortalReport {
  readonly key: MessageKey
  readonly text: string
  readonly receivedAt: number
}

/**
 * `confirmed`: the delivered edit, or the one in a call, was found. `repeated`: that was known. `older`: the report is of an older version. `early`: it
 * came before the present version was called. `unmatched`: no call has carried the message.
 */
export type ReportOutcome = 'confirmed' | 'repeated' | 'older' | 'early' | 'unmatched'

/** For an edit that is confirmed now: its channel, and how long after its delivery it was reported; 0 if its call still runs. */
export interface ReportResult {
  readonly outcome: ReportOutcome
  readonly confirmedAfterMs: number | null
  readonly channel: string | null
}

/** How many delivered edits of a channel for one connector and line are confirmed, ought to be, or neither. */
export interface ConfirmationTally extends ChannelLane {
  readonly confirmed: number
  readonly unconfirmed: number
  readonly unknown: number
}

export interface Recovery extends UnderLease {
  readonly now: number
  readonly quarantineUntil: number
  readonly latestDueAt: number
}

/** An absent field matches all rows. */
export interface EditFilter {
  readonly state?: EditState | undefined
  readonly reason?: DeadReason | undefined
  readonly channel?: string | undefined
  readonly chat?: string | undefined
  readonly message?: string | undefined
  readonly confirmation?: { readonly is: Confirmation, readonly window: ReportWindow } | undefined
}

/** A page of rows, the newest first; `next` is the cursor of the page after it, null on the last one. */
export interface EditPage {
  readonly edits: readonly EditRow[]
  readonly next: number | null
}

/** `pending`: the row already waits for a call. `nothing-held`: a guard refused its newest edit, so nothing may be sent. */
export type RedeliveryOutcome = 'redelivered' | 'pending' | 'nothing-held' | 'not-found'

export interface Outbox {
  /**
   * Takes edits and answers in the given order. Per message the greatest revision is kept. An older one is `stale`. Known content at the same
   * revision is `duplicate`, and so is a newer revision of the held content.
   */
  accept (edits: readonly IncomingEdit[]): Promise<IntakeResult[]>

  /** Takes reports of the portal and answers in the given order. In the same group commit as `accept`. */
  confirm (reports: readonly PortalReport[]): Promise<ReportResult[]>

  /** Counts the delivered edits of each lane. */
  tallyConfirmations (portal: string, window: ReportWindow): Promise<readonly ConfirmationTally[]>

  /** The portal's lanes with an edit that waits for a call, in a stable order, each with the time at which its next edit is due. */
  lanes (portal: string): Promise<LaneDue[]>

  /**
   * Puts the oldest due edits of a lane into the call `callId`: at most `limit`, and no more than the `chunkLimit` of any of them. Stores the
   * bucket's level in the same transaction. No other call gets a claimed message until the outcome is recorded. Each edit has the newest known
   * profile of its client, from whatever webhook.
   */
  claim (request: ClaimRequest): Promise<ClaimedEdit[]>

  /** Takes messages out of a call that was never made because the answer to its claim was lost. They are due at `now`. Returns how many. */
  giveBack (call: UnderLease & { readonly callId: string, readonly now: number }): Promise<number>

  /**
   * Ends a call for each of its messages. A message that has left the call, or is in it with another version, is not changed. No other version of
   * a message is sent before its `quarantineUntil`.
   * If the epoch has ended, the call may have shown an older version after a newer one. A message that was delivered since, or is in another call,
   * is then sent again, so the portal ends with the newest version.
   */
  record (call: EndedCall): Promise<void>

  /**
   * Ends every call that the former leader left open, with unknown outcome. Its messages may be sent again at once in the same version, but in
   * another version only after `quarantineUntil`. The clock may have been moved meanwhile, so running quarantines start again, and edits that are
   * due after `latestDueAt` become due then. Returns how many messages were in a call.
   */
  recover (recovery: Recovery): Promise<number>

  /**
   * Edits whose client's name is to be looked up at `now`: the oldest of each lane, at most `limit`. `nextAt` is the next time after `now` at which
   * one is to be looked up, or null. They are not claimed: only the leader asks, and asking twice does no harm.
   */
  nameless (portal: string, now: number, limit: number): Promise<{ readonly edits: readonly NamelessEdit[], readonly nextAt: number | null }>

  /** Records the outcome of a name look-up. An edit that no longer waits, or has another version, is not changed. */
  recordNames (question: EndedQuestion): Promise<void>

  /** Counts the portal's pending rows one by one, for the status and to check the ledger. */
  backlog (portal: string): Promise<Backlog>

  /**
   * Since when the portal's oldest pending edit waits, or null. Cheap enough for every scrape: in each lane it looks only at the edits in a call
   * and at the 1000 that are due first.
   */
  oldestPending (portal: string): Promise<number | null>

  ledger (): Promise<Ledger>

  find (id: string): Promise<EditRow | null>

  /** The newest content that a row holds; null if it has none, or there is no such row. For answers only, never for a log. */
  content (id: string): Promise<EditedMessage | null>

  /** The last calls that carried a message, the newest first. */
  attempts (id: string): Promise<readonly Attempt[]>

  /** Matching rows after the cursor `after`, newest first, at most `limit`. */
  list (filter: EditFilter, page: { readonly after: number | null, readonly limit: number }): Promise<EditPage>

  /** How many rows match after the cursor; counts no further than `upTo`. */
  count (filter: EditFilter, range: { readonly after: number | null, readonly upTo: number }): Promise<number>

  /** Makes finished edits due again, with the content that each row holds. Answers in the given order. */
  redeliver (ids: readonly string[], now: number): Promise<RedeliveryOutcome[]>

  /** Removes at most `limit` rows that were finished before `finishedBefore`; the ledger still counts them. Returns how many. */
  prune (finishedBefore: number, limit: number): Promise<number>
}
