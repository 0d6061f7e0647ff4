/** A request that a crashed leader had started ends within the time-outs of connecting and of the answer (10 s and 65 s); with a margin, in milliseconds. */
export const ORPHANED_MS = 80_000

/** The right to lead a portal: to call it, to renew its tokens, to record what becomes of its edits. */
export interface Lease {
  /** Grows with each lease of the portal. */
  readonly epoch: number
  /** The former leader, or one less than ORPHANED_MS before it, did not release the lease: it may still be alive, with a request under way. */
  readonly isOrphaned: boolean
}

/** A lease as its leader has it. */
export interface HeldLease extends Lease {
  /**
   * Whether the lease still runs by our own clock, counted from before it was asked for: it ends for us before it ends for others. Asked before
   * anything leaves for the portal, because a process that was paused finds out here.
   */
  isHeld (): boolean
}

/** One process leads a portal at a time. Its epoch tells it from former leaders. */
export interface Leases {
  /** How long a lease runs unless it is renewed; Infinity where no other process can take it. */
  readonly leaseMs: number
  /** Starts a new lease, also when `holder` has one already; null while another process has it. */
  acquire (portal: string, holder: string): Promise<Lease | null>
  /** False when the lease is over: another one has started, or it was released. One that ran out and was not taken is renewed. */
  renew (portal: string, epoch: number): Promise<boolean>
  /** Another process may take the portal at once. */
  release (portal: string, epoch: number): Promise<void>
}

/** `edits`: something may be due. `portal`: its record has changed. `lease`: it was released. */
export type Signal = 'edits' | 'portal' | 'lease'

/** What processes on one database tell each other. A signal may be lost: its receivers also look by themselves, more rarely. */
export interface Signals {
  send (portal: string, signal: Signal): void
  /** `listener` gets the signals of other processes, and may get its own. */
  listen (portal: string, listener: (signal: Signal) => void): void
}
