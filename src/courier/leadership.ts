import { createAlarm } from '../base/alarm.ts'
import type { Log } from '../base/log.ts'
import type { HeldLease, Leases, Signals } from '../outbox/leases.ts'

/** What the leader of a portal does. */
export interface Leader {
  /** Something may be due at a time, or now. */
  wake (dueAt?: number): void
  /** The portal's record may have changed. */
  recheck (): void
  /** Takes nothing more and gives running work `graceMs` to end; may be called again with a shorter time. */
  stop (graceMs: number): Promise<void>
}

export interface LeadershipOptions<L extends Leader> {
  readonly portal: string
  /** A name of this process that no other has. */
  readonly holder: string
  readonly leases: Leases
  readonly signals: Signals
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number
  readonly log: Log
  /** Starts the leader's work. If it rejects, the lease is released. */
  readonly lead: (lease: HeldLease) => Promise<L>
}

export type Leadership<L extends Leader> = ReturnType<typeof createLeadership<L>>

/** Renewals in the time of a lease: two may fail. */
const RENEWALS = 3

/** What a former leader has started ends within a call's response time-out. */
const LOST_GRACE_MS = 70_000

/** Competes for the lease of a portal and leads it as long as the lease is held. */
export function createLeadership<L extends Leader> ({ portal, holder, leases, signals, now, log, lead }: LeadershipOptions<L>) {
  const alarm = createAlarm()
  const former = new Set<L>()
  let held: { readonly epoch: number, readonly leader: L } | null = null
  /** The epoch of the last lease, unless it is known to be over, and when it ends by our clock. */
  let present: number | null = null
  let heldUntil = 0
  let isStopping = false
  const halt = new AbortController()
  let loop: Promise<void> = Promise.resolve()

  async function take (): Promise<void> {
    const asked = now()
    const lease = await leases.acquire(portal, holder)
    if (lease === null) return
    const { epoch } = lease
    heldUntil = asked + leases.leaseMs
    present = epoch
    log.info({ event: 'lease.taken', portal, epoch, orphaned: lease.isOrphaned }, 'lease.taken')
    try {
      held = { epoch, leader: await lead({ ...lease, isHeld: () => present === epoch && now() < heldUntil }) }
    } catch (error) {
      present = null
      await leases.release(portal, epoch)
      throw error
    }
  }

  async function renew (epoch: number): Promise<void> {
    const asked = now()
    if (await leases.renew(portal, epoch)) heldUntil = asked + leases.leaseMs
    else heldUntil = 0
  }

  function lose (): void {
    if (held === null) return
    const { leader, epoch } = held
    log.warn({ event: 'lease.lost', portal, epoch }, 'lease.lost')
    present = null
    held = null
    former.add(leader)
    leader.stop(LOST_GRACE_MS).finally(() => former.delete(leader))
  }

  /** Looks at the lease, and has the leader look at the store, in case that a signal was lost. */
  async function look (): Promise<void> {
    if (held === null) {
      if (!isStopping) await take()
    } else {
      await renew(held.epoch).finally(() => { if (now() >= heldUntil) lose() })
      held?.leader.recheck()
    }
  }

  async function run (): Promise<void> {
    while (!halt.signal.aborted) {
      await alarm.sleep(leases.leaseMs / RENEWALS)
      if (!halt.signal.aborted) await look().catch((error: unknown) => log.error({ event: 'lease.failed', err: error }, 'lease.failed'))
    }
  }

  signals.listen(portal, signal => {
    if (signal === 'lease' && held === null) alarm.ring()
    if (signal === 'edits') held?.leader.wake()
    if (signal === 'portal') held?.leader.recheck()
  })

  return {
    /** Takes the lease if it is free. Rejects when the leader's work cannot start. */
    async start (): Promise<void> {
      await take()
      loop = run()
    },

    /** This process's work for the portal; null while another process leads. */
    leader: (): L | null => held?.leader ?? null,

    /** Ends the work and hands the lease over at once. It is renewed until then. */
    async stop (graceMs: number): Promise<void> {
      isStopping = true
      await Promise.all([...former, ...held === null ? [] : [held.leader]].map(leader => leader.stop(graceMs)))
      halt.abort()
      alarm.ring()
      await loop
      if (held === null) return
      // A new lease may have been taken while the first leaders were ending.
      await held.leader.stop(graceMs)
      const { epoch } = held
      held = null
      present = null
      await leases.release(portal, epoch).catch((error: unknown) => log.error({ event: 'lease.failed', err: error }, 'lease.failed'))
      signals.send(portal, 'lease')
    },
  }
}
