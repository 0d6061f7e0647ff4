import { randomUUID } from 'node:crypto'
import type { Session, SessionResult } from '../bitrix24/session.ts'
import type { HeldLease } from '../outbox/leases.ts'
import type { Log } from '../base/log.ts'
import type { PortalClock } from '../base/portal-clock.ts'
import { MAX_CHUNK } from '../outbox/rules/row.ts'
import type { ChannelLane, Lane, Outbox } from '../outbox/outbox.ts'
import type { Portals } from '../outbox/portals.ts'
import { createLoop } from '../base/loop.ts'
import { createBudget } from './budget.ts'
import { createDelivery, type Delivered, type CourierObserver } from './delivery.ts'
import { createBucket, createChunk, type BucketOptions } from './pace.ts'
import { createParks, laneName } from './parks.ts'
import { askedMs, backoffMs, LONGEST_WAIT_MS, QUARANTINE_MS } from './retry.ts'

/** Two, so that one slow call does not stop everything; more would only fill the portal's limits. */
const CALLS_IN_FLIGHT = 2

/** After more failures in a row than this, all calls pause for a while. Fewer may be the fault of single messages. */
const PATIENCE = 3
const LONGEST_PAUSE_MS = 60_000

/** The pause after a failure of the database. */
const STORE_RETRY_MS = 1000

export interface CourierOptions {
  readonly portal: string
  readonly lease: HeldLease
  readonly outbox: Outbox
  readonly portals: Portals
  readonly session: Pick<Session, 'call' | 'authorizeUrl'>
  readonly bucket: BucketOptions
  readonly log: Log
  /** For waits: milliseconds of a clock that never jumps. */
  readonly now: () => number
  /** For dates: milliseconds of the wall clock. */
  readonly wallTime: () => number
  readonly clock: Pick<PortalClock, 'time' | 'presentFor'>
  /** In [0, 1), for jitter. */
  readonly random: () => number
  readonly observer?: CourierObserver
}

export type Courier = Awaited<ReturnType<typeof createCourier>>

/** Delivers due edits from the outbox to one portal, within its limits, as long as the lease runs. */
export async function createCourier (options: CourierOptions) {
  const { portal, lease, outbox, portals, log, now, wallTime, clock, random, observer } = options
  const { epoch } = lease
  const recovered = await outbox.recover({ portal, epoch, now: now(), quarantineUntil: now() + QUARANTINE_MS, latestDueAt: now() + LONGEST_WAIT_MS })
  if (recovered > 0) log.warn({ event: 'courier.recovered', messages: recovered }, 'courier.recovered')
  const record = await portals.read(portal)

  const abort = new AbortController()
  const bucket = createBucket(options.bucket, record.bucket, now())
  // The former leader may have sent its last calls after it stored the level.
  if (lease.isOrphaned) bucket.take(now(), CALLS_IN_FLIGHT)
  const budget = createBudget({ now, wallTime, restsUntil: record.restsUntil })
  const chunk = createChunk(MAX_CHUNK)
  const session = { ...options.session, call }
  const parks = createParks({ portal, lease, portals, session, log, now, wallTime, signal: abort.signal, observer }, record)
  const deliver = createDelivery({ portal, lease, outbox, session, log, now, wallTime, clock, random, lastSuccessAt: () => lastSuccessAt, signal: abort.signal, observer })
  const calls = new Set<Promise<void>>()
  let pausedUntil = 0
  let failuresInARow = 0
  let lastSuccessAt: number | null = null
  let served = ''
  /** The call of a claim that may have been committed although it rejected. */
  let unsure: string | null = null

  /** Starts all calls that may be made now. Returns when to look again, unless the alarm rings earlier. */
  async function tick (): Promise<number> {
    while (!loop.isStopped() && calls.size < CALLS_IN_FLIGHT && lease.isHeld()) {
      if (unsure !== null) await outbox.giveBack({ portal, epoch, callId: unsure, now: now() })
      unsure = null
      const time = now()
      const heldUntil = Math.max(pausedUntil, budget.heldUntil(), time + bucket.waitMs(time))
      const probe = pausedUntil > time ? null : parks.dueProbe()
      if (probe !== null) {
        bucket.take(time, 1)
        start(probe())
        continue
      }
      if (parks.isParked('portal')) return Math.max(pausedUntil, parks.nextProbeAt())
      if (heldUntil > time) return heldUntil

      const lanes = (await outbox.lanes(portal)).filter(lane => !parks.isParked(lane))
      const lane = nextInTurn(lanes.filter(lane => lane.dueAt <= time), served)
      if (lane === null) return Math.min(parks.nextProbeAt(), ...lanes.map(lane => lane.dueAt))
      served = turnName(lane)
      const callId = randomUUID()
      unsure = callId
      const claimed = await outbox.claim({ portal, epoch, lane, callId, now: time, limit: chunk.size(), bucket: bucket.take(time, 1) })
      unsure = null
      if (claimed.length > 0) start(deliver(lane, callId, claimed, delivered => learn(lane, delivered).catch(reportFailure)))
      // The claim has counted a call that will not be made.
      else bucket.take(now(), -1)
    }
    return Infinity
  }

  /** Deliveries and probes both respect the portal's `Retry-After`. */
  async function call (...request: Parameters<Session['call']>): Promise<SessionResult> {
    const result = await options.session.call(...request)
    pause(askedMs(result))
    return result
  }

  /** Learns from a call about the portal and the line. Fulfilled when the state that the next leader needs is stored. */
  async function learn (lane: Lane, { messages, result, conclusion }: Delivered): Promise<void> {
    const restedUntil = budget.heldUntil()
    // The claim has counted one request. A refresh or a moved portal costs more, a missing token none.
    bucket.take(now(), result.requests - 1)
    if (result.kind === 'answered') budget.answered(result.time)
    if (result.kind === 'unknown') chunk.timedOut()
    failuresInARow = conclusion.action === 'none' ? 0 : failuresInARow + 1
    switch (conclusion.action) {
      case 'none':
        lastSuccessAt = now()
        bucket.recover()
        chunk.answered(messages, result.durationMs)
        parks.succeeded(lane)
        break
      case 'park-line':
        await parks.park(lane, conclusion.code)
        break
      case 'park-portal':
      case 'refresh':
        await parks.park('portal', conclusion.code, result.tokensVersion)
        break
      case 'pause-method':
        budget.blocked()
        break
      case 'slow-down':
        pause(backoffMs(failuresInARow, random()))
        await portals.write(portal, { bucket: bucket.slowDown(now()) }, { epoch })
        break
      case 'back-off':
      case 'retry': {
        const failures = result.kind === 'unreachable' ? failuresInARow : failuresInARow - PATIENCE
        if (failures > 0) pause(Math.min(LONGEST_PAUSE_MS, backoffMs(failures, random())))
      }
    }
    const restsUntil = budget.heldUntil()
    if (restsUntil !== restedUntil) await portals.write(portal, { restsUntil }, { epoch })
  }

  function pause (ms: number): void {
    pausedUntil = Math.max(pausedUntil, now() + ms)
  }

  function reportFailure (error: unknown): void {
    log.error({ event: 'courier.failed', err: error }, 'courier.failed')
  }

  function start (work: Promise<void>): void {
    const ended = work.catch(reportFailure).finally(() => {
      calls.delete(ended)
      loop.ring()
    })
    calls.add(ended)
  }

  const loop = createLoop(async () => {
    const next = await tick().catch((error: unknown) => {
      reportFailure(error)
      return now() + STORE_RETRY_MS
    })
    return Math.max(0, next - now())
  })

  return {
    start: loop.start,

    /** An edit may be due at `dueAt`, or now. The store is not queried earlier, however many edits arrive. */
    wake (dueAt?: number): void {
      loop.ring(dueAt === undefined ? 0 : dueAt - now())
    },

    /** The portal's record may have changed: any process may accept an install, which ends a park. */
    recheck (): void {
      parks.recheck().catch(reportFailure).finally(() => { loop.ring() })
    },

    /** Makes a cheap call, whose answer proves the clock, and which renews a refused token; none while the portal is parked. */
    callPortal (): void {
      if (loop.isStopped() || parks.isParked('portal')) return
      bucket.take(now(), 1)
      start(call('app.info', {}, { signal: abort.signal }).then(() => {}))
    },

    /** Starts no more calls. Waits `graceMs` for running calls, then aborts them (outcome unknown). Records all outcomes. */
    async stop (graceMs: number): Promise<void> {
      await loop.stop()
      const timer = setTimeout(() => abort.abort(), graceMs)
      while (calls.size > 0) await Promise.all(calls)
      clearTimeout(timer)
    },

    /** A call by another part of the relay, for an installation. */
    countCall (): void {
      bucket.take(now(), 1)
    },

    condition: parks.condition,

    /** Requests in our share of the portal's leaky bucket. */
    bucketLevel: (): number => bucket.take(now(), 0).level,
  }
}

/** The next lane after the last served one: a flood on one line or channel does not starve the others. */
function nextInTurn<Each extends ChannelLane> (lanes: readonly Each[], served: string): Each | null {
  const sorted = [...lanes].sort((a, b) => turnName(a) < turnName(b) ? -1 : 1)
  return sorted.find(lane => turnName(lane) > served) ?? sorted[0] ?? null
}

function turnName (lane: ChannelLane): string {
  return `${laneName(lane)}/${lane.channel}`
}
