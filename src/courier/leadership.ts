import { createAlarm } from '../base/alarm.ts'
import type { Log } from '../base/log.ts'
import type { HeldLease, Leases, Signal, Signals } from '../outbox/leases.ts'

/** The work of a portal's leader. */
interface Leader {
  /** An edit may be due at `dueAt`, or now. */
  wake (dueAt?: number): void
  /** The portal's record may have changed. */
  recheck (): void
  /** Another part of the relay has made a call to the portal. */
  countCall (): void
  /** Makes a call, which renews a refused token. */
  callPortal (): void
  /** Starts no more work and waits `graceMs` for running work. May be called again with a shorter time. */
  stop (graceMs: number): Promise<void>
}

interface LeadershipOptions<L extends Leader> {
  readonly portal: string
  /** A unique name of this process. */
  readonly replica: string
  readonly leases: Leases
  readonly signals: Signals
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number
  readonly log: Log
  /** Starts the leader's work. If it rejects, the lease is released. */
  readonly lead: (lease: HeldLease) => Promise<L>
}

/** Renewals during a lease: two may fail. */
const RENEWALS = 3

/** Running calls end within their response time-out. */
const LOST_GRACE_MS = 70_000

/** Competes for the lease of a portal and leads the portal while the lease runs. */
export function createLeadership<L extends Leader> ({ portal, replica, leases, signals, now, log, lead }: LeadershipOptions<L>) {
  const alarm = createAlarm()
  const former = new Set<L>()
  let held: { readonly epoch: number, readonly leader: L } | null = null
  /** The epoch of our lease, null when it is over, and when it ends by our clock. */
  let present: number | null = null
  let heldUntil = 0
  let isStopping = false
  const halt = new AbortController()
  let loop: Promise<void> = Promise.resolve()

  async function take (): Promise<void> {
    const asked = now()
    const lease = await leases.acquire(portal, replica)
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

  /** Renews or takes the lease. The leader also looks at the store, in case a signal was lost. */
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

  function obey (signal: Signal, dueAt?: number): void {
    if (signal === 'lease' && held === null) alarm.ring()
    if (signal === 'edits') held?.leader.wake(dueAt)
    if (signal === 'portal') held?.leader.recheck()
    if (signal === 'call') held?.leader.countCall()
    if (signal === 'token') held?.leader.callPortal()
  }

  signals.listen(portal, signal => obey(signal))

  return {
    /** Tells the leader, which may be another process. `dueAt`: when an edit is due. */
    tell (signal: Signal, dueAt?: number): void {
      if (held === null) signals.send(portal, signal)
      else obey(signal, dueAt)
    },

    /** Takes the lease if it is free. Rejects when the leader's work cannot start. */
    async start (): Promise<void> {
      await take()
      loop = run()
    },

    /** The leader's work; null while another process leads. */
    leader: (): L | null => held?.leader ?? null,

    /** Ends the work, then releases the lease, which is renewed until then. */
    async stop (graceMs: number): Promise<void> {
      isStopping = true
      await Promise.all([...former, ...held === null ? [] : [held.leader]].map(leader => leader.stop(graceMs)))
      halt.abort()
      alarm.ring()
      await loop
      if (held === null) return
      // A take that was already running may have brought a new lease.
      await held.leader.stop(graceMs)
      const { epoch } = held
      held = null
      present = null
      await leases.release(portal, epoch).catch((error: unknown) => log.error({ event: 'lease.failed', err: error }, 'lease.failed'))
      signals.send(portal, 'lease')
    },
  }
}
