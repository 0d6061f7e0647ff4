import type { HeldLease } from '../../src/outbox/leases.ts'

/** The lease of whoever has no rival: of a portal that nobody has taken before, the epoch is 0. */
export const HELD: HeldLease = { epoch: 0, isOrphaned: false, isHeld: () => true }
