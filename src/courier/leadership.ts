import { createAlarm } from '../base/alarm.ts'
import type { Log } from '../base/log.ts'
import type { Leases, Signals, Tenure } from '../outbox/leases.ts'

/** A tenure as its holder has it. */
export interface Lease extends Tenure {
  /**
   * Whether the lease still runs by our own clock, counted from before it was asked for, so that it ends for us before it ends for others.
   * Asked before anything leaves for the portal: a process that was paused finds out here.
   */
  isHeld (): boolean
}

/** What a holder does for its portal. */
export interface Duty {
  /** Something may be due at a time, or now. */
  wake (dueAt?: number): void
  /** The portal's record may have changed. */
  recheck (): void
  /** Takes nothing more and lets what is under way end for `graceMs`; may be asked again with less patience. */
  stop (graceMs: number): Promise<void>
}

export interface KeeperOptions<D extends Duty> {
  readonly portal: string
  /** A name of this process that no other has. */
  readonly holder: string
  readonly leases: Leases
  readonly signals: Signals
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number
  readonly log: Log
  /** Begins the work of a tenure. What it rejects with ends the tenure. */
  readonly begin: (lease: Lease) => Promise<D>
}

export type Keeper<D extends Duty> = ReturnType<typeof createKeeper<D>>

/** Renewals in the time of a lease: two may fail. */
const RENEWALS = 3

/** What a former tenure began has to end within a call's response time-out. */
const LOST_GRACE_MS = 70_000

/** Competes for the lease of a portal and does its duty as long as it is held. */
export function createKeeper<D extends Duty> ({ portal, holder, leases, signals, now, log, begin }: KeeperOptions<D>) {
  const alarm = createAlarm()
  const former = new Set<D>()
  let held: { readonly epoch: number, readonly duty: D } | null = null
  /** The epoch of the last tenure, unless it is known to be over, and when it ends by our clock. */
  let present: number | null = null
  let heldUntil = 0
  let isStopping = false
  const halt = new AbortController()
  let loop: Promise<void> = Promise.resolve()

  async function take (): Promise<void> {
    const asked = now()
    const tenure = await leases.acquire(portal, holder)
    if (tenure === null) return
    const { epoch } = tenure
    heldUntil = asked + leases.leaseMs
    present = epoch
    log.info({ event: 'lease.taken', portal, epoch, orphaned: tenure.isOrphaned }, 'lease.taken')
    try {
      held = { epoch, duty: await begin({ ...tenure, isHeld: () => present === epoch && now() < heldUntil }) }
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
    const { duty, epoch } = held
    log.warn({ event: 'lease.lost', portal, epoch }, 'lease.lost')
    present = null
    held = null
    former.add(duty)
    duty.stop(LOST_GRACE_MS).finally(() => former.delete(duty))
  }

  /** One look at the lease; the courier looks at the store as often, in case that a signal was lost. */
  async function look (): Promise<void> {
    if (held === null) {
      if (!isStopping) await take()
    } else {
      await renew(held.epoch).finally(() => { if (now() >= heldUntil) lose() })
      held?.duty.recheck()
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
    if (signal === 'edits') held?.duty.wake()
    if (signal === 'portal') held?.duty.recheck()
  })

  return {
    /** Takes the lease if it is to be had. Rejects when the work of a tenure cannot begin. */
    async start (): Promise<void> {
      await take()
      loop = run()
    },

    /** The work that this process does for the portal; null while another process has the lease. */
    duty: (): D | null => held?.duty ?? null,

    /** Ends the work and hands the lease over at once. It is renewed until then. */
    async stop (graceMs: number): Promise<void> {
      isStopping = true
      await Promise.all([...former, ...held === null ? [] : [held.duty]].map(duty => duty.stop(graceMs)))
      halt.abort()
      alarm.ring()
      await loop
      if (held === null) return
      // A tenure may have begun while the first were ending.
      await held.duty.stop(graceMs)
      const { epoch } = held
      held = null
      present = null
      await leases.release(portal, epoch).catch((error: unknown) => log.error({ event: 'lease.failed', err: error }, 'lease.failed'))
      signals.send(portal, 'lease')
    },
  }
}
