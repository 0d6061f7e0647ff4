import type { Lease } from '../../src/courier/leadership.ts'

/** The lease of whoever has no rival: of a portal that nobody has taken before, the epoch is 0. */
export const HELD: Lease = { epoch: 0, isOrphaned: false, isHeld: () => true }
