/** A crashed leader's last request ends within the time-outs for connecting (10 s) and for the answer (65 s). This adds a margin. */
export const ORPHANED_MS = 80_000

/** The right to lead a portal: to call it, to renew its tokens and to record the outcomes of its edits. */
export interface Lease {
  /** Grows with each lease of the portal. */
  readonly epoch: number
  /** The last leader, or one within ORPHANED_MS before it, did not release the lease. It may still be alive and have a request running. */
  readonly isOrphaned: boolean
}

/** A lease as its leader sees it. */
export interface HeldLease extends Lease {
  /**
   * Whether the lease still runs by our own clock. We count from before we asked for it, so it ends for us before it ends for others. Ask this
   * before each request to the portal: a process that was paused finds out here.
   */
  isHeld (): boolean
}

/** One process leads a portal at a time. Its epoch tells it from former leaders. */
export interface Leases {
  /** How long a lease runs unless it is renewed; Infinity where no other process can take it. */
  readonly leaseMs: number
  /** Starts a new lease for the process that is called `replica`, also if it has one already; null while another process has it. */
  acquire (portal: string, replica: string): Promise<Lease | null>
  /** False when another lease has started, or this one was released. A lease that ran out and was not taken is renewed. */
  renew (portal: string, epoch: number): Promise<boolean>
  /** Another process may take the portal at once. */
  release (portal: string, epoch: number): Promise<void>
}

/** `edits`: an edit may be due. `portal`: its record has changed. `call`: a call was made to it. `token`: it has refused the access token. `lease`: it was released. */
export type Signal = 'edits' | 'portal' | 'call' | 'token' | 'lease'

/** Messages between processes on one database. A signal may be lost, so receivers also look by themselves, less often. */
export interface Signals {
  send (portal: string, signal: Signal): void
  /** `listener` gets the signals of other processes, and may get its own. */
  listen (portal: string, listener: (signal: Signal) => void): void
}
