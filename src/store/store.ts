import type { ClientProfile, DeadReason, EditState, MessageEdit, MessageKey, RefusalReason, Revision } from '../edit.ts'

/*
 * What the relay asks of a database. Every verb is asynchronous and, unless it only reads, durable once its promise is
 * fulfilled: `kill -9` or a power cut afterwards loses nothing of it. Times are milliseconds of the caller's clock.
 * A verb that cannot be made durable rejects with StoreUnavailable. It has changed nothing, or all that it was to change when a server's
 * word of the commit was lost: every verb may therefore be repeated.
 */

/** One edit on its way in. `refusal` is the guard's word: such an edit is recorded, and never displaces a pending one. */
export interface IncomingEdit {
  readonly key: MessageKey
  readonly channel: string
  readonly edit: MessageEdit
  readonly refusal: RefusalReason | null
  readonly now: number
  readonly settleMs: number
}

export interface IntakeResult {
  /** The message's row, as `messageRowId` names it. */
  readonly id: string
  readonly outcome: 'accepted' | 'duplicate' | 'stale' | 'refused'
  /** When an accepted edit may be called for; null for any other. */
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

/** The level of our share of the portal's leaky bucket, as it stood at a time. */
export interface BucketLevel {
  readonly level: number
  readonly at: number
}

export interface ClaimRequest {
  readonly portal: string
  readonly epoch: number
  readonly lane: ChannelLane
  readonly callId: string
  readonly now: number
  readonly limit: number
  readonly bucket: BucketLevel
}

/** What the courier has learnt about an edit on earlier tries. A newer content of the message starts anew. */
export interface DeliveryHistory {
  /** Calls that carried it and did not settle it. */
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
  /** Grows with each content of the message that is to be delivered; settling matches it. */
  readonly version: number
  readonly channel: string
  readonly edit: MessageEdit
  readonly acceptedAt: number
  readonly history: DeliveryHistory
}

export type Settlement = { readonly id: string, readonly version: number } & (
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

export interface Settling {
  readonly portal: string
  readonly epoch: number
  readonly callId: string
  readonly settlements: readonly Settlement[]
  /** What the call came to; null when its messages were found too old to be sent. */
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

export interface Recovery {
  readonly portal: string
  readonly epoch: number
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

/** A page of rows, the youngest first; `next` is the cursor of the page after it, null on the last one. */
export interface EditPage {
  readonly edits: readonly EditRow[]
  readonly next: number | null
}

/**
 * What a redelivery came to. `pending`: the row waits for a call already. `nothing-held`: a guard refused it, so there is no
 * content that may be sent.
 */
export type RedeliveryOutcome = 'redelivered' | 'pending' | 'nothing-held' | 'not-found'

/** What is known of a client, and from which revision of its profile. */
export interface SeenProfile {
  readonly portal: string
  readonly connector: string
  readonly profile: ClientProfile
  readonly revision: Revision
  readonly now: number
}

export interface Outbox {
  /**
   * Takes edits in the given order and answers in that order. Per message the greatest revision is kept:
   * older ones are `stale`, known content at the same revision or a newer revision of the held content is `duplicate`.
   */
  accept (edits: readonly IncomingEdit[]): Promise<IntakeResult[]>

  /** The portal's lanes in which an edit waits for a call, in a stable order, each with the time at which its next one is due. */
  lanes (portal: string): Promise<LaneDue[]>

  /**
   * Takes the oldest due edits of a lane under `callId`, at most `limit` and no more than any one's `chunkLimit`,
   * and stores the bucket's level in the same transaction. A claimed message is given to no other call until settled.
   * The client's profile is the newest one known, whichever webhook brought it. Under an epoch that is over nothing is taken.
   */
  claim (request: ClaimRequest): Promise<ClaimedEdit[]>

  /** Takes messages out of a call that was never made, because the word of its claim was lost; they are due at `now`. Returns how many. */
  giveBack (call: { readonly portal: string, readonly epoch: number, readonly callId: string, readonly now: number }): Promise<number>

  /**
   * Ends a call for each of its messages. What the row no longer holds under this call and version is left alone.
   * A `quarantineUntil` keeps every other version of the message waiting until that time, whatever happens meanwhile.
   * Under an epoch that is over the call may have shown an older version after a newer one: messages that were delivered, or in another
   * call, meanwhile are marked for sending again, so that the portal ends with the newest.
   */
  settle (settling: Settling): Promise<void>

  /**
   * Ends, as of unknown outcome, every call that a previous owner of the portal left open: its messages may be repeated at once
   * in the same version, and in another one only after `quarantineUntil`. Quarantines that still ran begin anew, and what is due
   * after `latestDueAt` becomes due then, since the clock may have been moved meanwhile. Returns how many messages were in a call.
   * Under an epoch that is over nothing changes.
   */
  recover (recovery: Recovery): Promise<number>

  /** Counts the portal's pending rows one by one: for status and proofs, not for the way of the data. */
  backlog (portal: string): Promise<Backlog>

  /**
   * Since when the portal's oldest pending edit has been waiting, or null. Cheap enough to be asked all the time: of each line only
   * the edits in a call and the 1000 that are due first are looked at.
   */
  oldestPending (portal: string): Promise<number | null>

  ledger (): Promise<Ledger>

  find (id: string): Promise<EditRow | null>

  /** The last calls that carried a message, the youngest first. */
  attempts (id: string): Promise<Attempt[]>

  /** Rows that match, the youngest first, at most `limit` and beyond the cursor `after`. */
  list (filter: EditFilter, page: { readonly after: number | null, readonly limit: number }): Promise<EditPage>

  /**
   * Makes finished edits due again, each in its own right; the newest content that the row holds is what is sent, so a newer edit is never
   * overwritten. Answers in the given order.
   */
  redeliver (ids: readonly string[], now: number): Promise<RedeliveryOutcome[]>

  /** Removes rows that were finished before `finishedBefore`, at most `limit`; the ledger keeps their count. Returns how many. */
  prune (finishedBefore: number, limit: number): Promise<number>
}

/** Clients as their webhooks describe them: a bare user block would rename a client, so it is completed from here. */
export interface Profiles {
  /** Keeps each profile unless a newer revision of it is held. An edit's own profile is kept by `accept`. */
  remember (profiles: readonly SeenProfile[]): Promise<void>
  /** The newest profile with a name that is known of a client, or null. */
  find (portal: string, connector: string, user: string): Promise<ClientProfile | null>
  /** Forgets clients of whom nothing was heard since `seenBefore`, at most `limit`. Returns how many. */
  prune (seenBefore: number, limit: number): Promise<number>
}

export interface PortalTokens {
  readonly accessToken: string
  readonly refreshToken: string
  /** When the portal said that the access token ends; only a hint, `expired_token` decides. */
  readonly accessExpiresAt: number | null
}

/** An open line that takes nothing at present. */
export interface ParkedLine extends Lane {
  readonly code: string
  readonly since: number
}

/** What the relay knows about a portal. Tokens are encrypted at rest when ENCRYPTION_KEY is given. */
export interface PortalRecord {
  readonly memberId: string | null
  readonly applicationToken: string | null
  /** Where calls go, for example `https://example.bitrix24.ru`, without a trailing slash. */
  readonly endpoint: string | null
  /** The OAuth server, for example `https://oauth.bitrix.info`. */
  readonly oauthUrl: string | null
  readonly tokens: PortalTokens | null
  /** Grows whenever tokens are written, so that a refresh can tell whether those that it started from are still the ones stored. */
  readonly tokensVersion: number
  /** The digest of the BITRIX24_REFRESH_TOKEN that was imported last, so that a rotated one is not used again. */
  readonly importedToken: string | null
  /** Set and committed before a refresh is sent, cleared with the new pair: what is left of a refresh whose answer was lost. */
  readonly refreshStartedAt: number | null
  readonly refreshTries: number
  readonly parked: { readonly code: string, readonly since: number } | null
  readonly parkedLines: readonly ParkedLine[]
  readonly bucket: BucketLevel | null
  /** Until when `imconnector.update.messages` rests, for the sake of its operating time. */
  readonly restsUntil: number | null
}

export type PortalPatch = Partial<Omit<PortalRecord, 'tokensVersion'>>

/** What has to hold at the moment of the write; a field that is absent is not asked. */
export interface WriteCondition {
  /** No other tenure has begun. */
  readonly epoch?: number
  readonly tokensVersion?: number
}

export interface Portals {
  /** The record, or one in which nothing is known. */
  read (portal: string): Promise<PortalRecord>
  /** Changes the named fields and no others; false, and nothing is changed, when the condition does not hold. */
  write (portal: string, patch: PortalPatch, condition?: WriteCondition): Promise<boolean>
}

/** What a holder that did not let go has begun ends within the time-outs of connecting and of the answer (10 s and 65 s); with a margin, in milliseconds. */
export const ORPHANED_MS = 80_000

/** The right to serve a portal: to call it, to renew its tokens, to write what becomes of its edits. */
export interface Tenure {
  /** Grows with each tenure of the portal. */
  readonly epoch: number
  /** The former holder, or less than ORPHANED_MS ago one before it, did not let go of the lease: it may still be alive, and its last request under way. */
  readonly isOrphaned: boolean
}

/** One process serves a portal at a time. It is known by its epoch, so that a former holder is told from the present one. */
export interface Leases {
  /** How long a lease runs unless it is renewed; Infinity where no other process can take it. */
  readonly leaseMs: number
  /** Begins a tenure, also when `holder` has the lease already; null while another has it. */
  acquire (portal: string, holder: string): Promise<Tenure | null>
  /** False when the tenure is over: another one has begun, or it was released. A lease that ran out and was not taken is renewed. */
  renew (portal: string, epoch: number): Promise<boolean>
  /** Lets go of the portal, so that another process may take it at once. */
  release (portal: string, epoch: number): Promise<void>
}

/** `edits`: there may be something due. `portal`: its record has changed. `lease`: it was released. */
export type Signal = 'edits' | 'portal' | 'lease'

/** What processes on one database tell each other. A signal may be lost: whoever waits for one also looks by itself, more rarely. */
export interface Signals {
  send (portal: string, signal: Signal): void
  /** `listener` hears the signals of other processes, and may hear its own. */
  listen (portal: string, listener: (signal: Signal) => void): void
}

/** Is told of each commit that webhooks shared. */
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
  /** Waits for what is under way, then lets go of the database. */
  close (): Promise<void>
}
