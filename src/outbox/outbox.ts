import type { DeadReason, EditState, MessageKey, PortalEdit, RefusalReason, Revision } from '../edit/edit.ts'

/*
 * What the relay asks of the outbox. Every verb is asynchronous. A verb that writes is durable once its promise is fulfilled: `kill -9` or a
 * power cut afterwards loses nothing. Times are milliseconds of the caller's clock.
 * A verb that cannot be made durable rejects with StoreUnavailable. It has then changed nothing, or everything (when only the answer to a
 * commit was lost), so every verb may be repeated.
 */

/** One edit on its way in. A guard's `refusal` is recorded; such an edit never displaces a pending one. */
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
  /** When an accepted edit may be called for, or its client's name asked for; null for any other. */
  readonly dueAt: number | null
}

export interface Lane {
  readonly connector: string
  readonly line: number
}

/** What is served in turn: the edits of one channel for one connector and line. */
export interface ChannelLane extends Lane {
  readonly channel: string
}

export interface LaneDue extends ChannelLane {
  readonly dueAt: number
}

/** The level of our share of the portal's leaky bucket at a time. */
export interface BucketLevel {
  readonly level: number
  readonly at: number
}

/** Who acts for a portal: a verb under an epoch that has ended changes nothing, unless it says otherwise. */
export interface Holder {
  readonly portal: string
  readonly epoch: number
}

export interface ClaimRequest extends Holder {
  readonly lane: ChannelLane
  readonly callId: string
  readonly now: number
  readonly limit: number
  readonly bucket: BucketLevel
}

/** What the courier has learnt about an edit on earlier tries. A newer content of the message starts with an empty one. */
export interface DeliveryHistory {
  /** Calls that carried it without ending it. */
  readonly attempts: number
  /** The most messages it may travel with: halves when a whole chunk fails, 1 for an edit with files. */
  readonly chunkLimit: number
  /** Failures alone that count towards `poison`, and when the last of them was. */
  readonly suspicions: number
  readonly suspectedAt: number | null
  /** Calls in which the portal did not know the user. */
  readonly unknownUserRepeats: number
  readonly flags: readonly EditFlag[]
}

export type EditFlag = 'unknown-user' | 'files-omitted'

export interface ClaimedEdit {
  readonly id: string
  /** Grows with each content of the message that is to be delivered; the outcome of a call matches it. */
  readonly version: number
  readonly channel: string
  readonly edit: PortalEdit
  readonly acceptedAt: number
  readonly history: DeliveryHistory
}

/** What one call came to for one message. */
export type CallOutcome = { readonly id: string, readonly version: number } & (
  | { readonly result: 'delivered', readonly flags: readonly EditFlag[] }
  | { readonly result: 'dead', readonly reason: DeadReason, readonly words: string | null, readonly quarantineUntil: number | null }
  | { readonly result: 'retry', readonly dueAt: number, readonly history: DeliveryHistory, readonly quarantineUntil: number | null }
)

/** One call as an operator sees it afterwards, the same for each message that it carried. */
export interface Attempt {
  readonly at: number
  readonly durationMs: number
  /** `ok`, the portal's code, or how the connection failed. */
  readonly code: string
  /** The portal's own words, if it had any. */
  readonly words: string | null
}

export interface EndedCall extends Holder {
  readonly callId: string
  readonly outcomes: readonly CallOutcome[]
  /** The call itself; null when none was made. */
  readonly attempt: Attempt | null
  readonly now: number
}

/** An edit that waits until its client has a name. */
export interface NamelessEdit extends ClaimedEdit {
  readonly connector: string
}

/** What a question for names came to for one edit. `named`: its client has a profile now. */
export type NameOutcome = { readonly id: string, readonly version: number } & (
  | { readonly result: 'named' }
  | { readonly result: 'retry', readonly askAt: number }
  | { readonly result: 'dead', readonly reason: DeadReason, readonly words: string | null }
)

export interface EndedQuestion extends Holder {
  readonly questionId: string
  readonly outcomes: readonly NameOutcome[]
  /** The question itself; null when none was asked. */
  readonly attempt: Attempt | null
  readonly now: number
}

/**
 * Cumulative counts of revisions, each changed in the transaction of the event it counts:
 * accepted = superseded + delivered + dead + pending, at every moment.
 */
export interface Ledger {
  readonly accepted: number
  readonly superseded: number
  readonly delivered: number
  readonly dead: number
  readonly pending: number
}

export interface Backlog {
  /** Revisions that rows hold as pending, counted from the rows and not from the ledger. */
  readonly pending: number
  readonly oldestPendingAt: number | null
}

/** A row as an operator sees it. */
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
  /** The newest refused revision, kept beside the one that is being delivered. */
  readonly refused: { readonly revision: Revision, readonly reason: RefusalReason } | null
}

export interface Recovery extends Holder {
  readonly now: number
  readonly quarantineUntil: number
  readonly latestDueAt: number
}

/** Which rows an operator asks for; a field that is absent matches all. */
export interface EditFilter {
  readonly state?: EditState | undefined
  readonly reason?: DeadReason | undefined
  readonly channel?: string | undefined
  readonly chat?: string | undefined
  readonly message?: string | undefined
}

/** A page of rows, the newest first; `next` is the cursor of the page after it, null on the last one. */
export interface EditPage {
  readonly edits: readonly EditRow[]
  readonly next: number | null
}

/** `pending`: the row waits for a call already. `nothing-held`: a guard refused it, so there is no content that may be sent. */
export type RedeliveryOutcome = 'redelivered' | 'pending' | 'nothing-held' | 'not-found'

export interface Outbox {
  /**
   * Takes edits in the given order and answers in that order. Per message the greatest revision is kept:
   * older ones are `stale`, known content at the same revision or a newer revision of the held content is `duplicate`.
   */
  accept (edits: readonly IncomingEdit[]): Promise<IntakeResult[]>

  /** The portal's lanes in which an edit waits for a call, in a stable order, each with the time at which its next one is due. */
  lanes (portal: string): Promise<LaneDue[]>

  /**
   * Takes the oldest due edits of a lane under `callId`, at most `limit` and no more than any one's `chunkLimit`, and stores the bucket's level
   * in the same transaction. No other call gets a claimed message until the outcome is recorded. Each edit carries the newest profile that is
   * known of its client, whichever webhook brought it.
   */
  claim (request: ClaimRequest): Promise<ClaimedEdit[]>

  /** Takes messages out of a call that was never made, because the answer to its claim was lost; they are due at `now`. Returns how many. */
  giveBack (call: Holder & { readonly callId: string, readonly now: number }): Promise<number>

  /**
   * Ends a call for each of its messages. A message that has left the call, or has another version in it, is left alone. A `quarantineUntil`
   * keeps every other version of the message waiting until that time, whatever happens meanwhile.
   * Under an epoch that has ended, the call may have shown an older version after a newer one: messages that were delivered, or in another call,
   * meanwhile are sent again, and the portal ends with the newest.
   */
  record (call: EndedCall): Promise<void>

  /**
   * Ends, with unknown outcome, every call that the former leader left open: its messages may be repeated at once in the same version, and in
   * another one only after `quarantineUntil`. Running quarantines start again, and what is due after `latestDueAt` becomes due then, since the
   * clock may have been moved meanwhile. Returns how many messages were in a call.
   */
  recover (recovery: Recovery): Promise<number>

  /**
   * Edits whose client's name may be asked for at `now`: of each lane the oldest, at most `limit`. `nextAt` is when to look again, or null when
   * no edit waits for a name. They are not claimed: one leader asks, and what it asks for twice does no harm.
   */
  nameless (portal: string, now: number, limit: number): Promise<{ readonly edits: readonly NamelessEdit[], readonly nextAt: number | null }>

  /** Records what a question for names came to. An edit that is not waiting any more, or has another version, is left alone. */
  recordNames (question: EndedQuestion): Promise<void>

  /** Counts the portal's pending rows one by one, for status and proofs. */
  backlog (portal: string): Promise<Backlog>

  /**
   * Since when the portal's oldest pending edit has been waiting, or null. Cheap enough for every scrape: of each lane it looks only at
   * the edits in a call and the 1000 that are due first.
   */
  oldestPending (portal: string): Promise<number | null>

  ledger (): Promise<Ledger>

  find (id: string): Promise<EditRow | null>

  /** The last calls that carried a message, the newest first. */
  attempts (id: string): Promise<readonly Attempt[]>

  /** Rows that match, the newest first, at most `limit` and beyond the cursor `after`. */
  list (filter: EditFilter, page: { readonly after: number | null, readonly limit: number }): Promise<EditPage>

  /** Makes finished edits due again with the newest content that each row holds. Answers in the given order. */
  redeliver (ids: readonly string[], now: number): Promise<RedeliveryOutcome[]>

  /** Removes rows that were finished before `finishedBefore`, at most `limit`; the ledger keeps their count. Returns how many. */
  prune (finishedBefore: number, limit: number): Promise<number>
}
