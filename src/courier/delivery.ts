import { setTimeout as sleep } from 'node:timers/promises'
import { toWire, UPDATE_MESSAGES } from '../bitrix24/update-messages.ts'
import type { Session, SessionResult } from '../bitrix24/session.ts'
import { StoreUnavailable } from '../base/errors.ts'
import type { PortalClock } from '../base/portal-clock.ts'
import type { HeldLease } from '../outbox/leases.ts'
import type { Log } from '../base/log.ts'
import type { ClaimedEdit, Lane, Outbox, CallOutcome, Attempt } from '../outbox/outbox.ts'
import { guard, timesOf } from '../edit/guard.ts'
import { conclude, type Conclusion } from './conclude.ts'

interface DeliveryOptions {
  readonly portal: string
  readonly lease: Pick<HeldLease, 'epoch'>
  readonly outbox: Outbox
  readonly session: Pick<Session, 'call'>
  readonly log: Log
  readonly now: () => number
  readonly wallTime: () => number
  readonly clock: Pick<PortalClock, 'time' | 'presentFor'>
  readonly random: () => number
  readonly lastSuccessAt: () => number | null
  readonly signal: AbortSignal
  readonly observer?: CourierObserver | undefined
}

export interface Delivered {
  readonly messages: number
  readonly result: SessionResult
  readonly conclusion: Conclusion
}

/** The database is tried again after this long when it could not write. */
const STORE_RETRY_MS = 1000

/** Delivers claimed edits of one lane to the portal and records their outcomes. */
export function createDelivery ({ portal, lease, outbox, session, log, now, wallTime, clock, random, lastSuccessAt, signal, observer }: DeliveryOptions) {
  /** Records outcomes, repeatedly if the database fails. Rejects only once `signal` is aborted. */
  async function record (callId: string, claimed: readonly ClaimedEdit[], outcomes: readonly CallOutcome[], attempt: Attempt | null): Promise<void> {
    for (;;) {
      try {
        await outbox.record({ portal, epoch: lease.epoch, callId, outcomes, attempt, now: now() })
        return observer?.onRecorded(claimed, outcomes, now())
      } catch (error) {
        // The call is over and only its record is missing. After a restart its outcome would be unknown and it would be repeated.
        if (signal.aborted) throw error
        log.error({ event: 'record.failed', err: error }, 'record.failed')
        await sleep(STORE_RETRY_MS, undefined, { signal }).catch(() => {})
      }
    }
  }

  /** Without an outcome, the call would keep its messages until the next start. The database can fail only before or after a request. */
  function withoutAnswer (error: unknown): SessionResult {
    log.error({ event: 'delivery.failed', err: error }, 'delivery.failed')
    return error instanceof StoreUnavailable
      ? { kind: 'unreachable', cause: 'STORE_UNAVAILABLE', requests: 1, durationMs: 0 }
      : { kind: 'unknown', cause: 'FAILED', lastByteAt: now(), retryAfterMs: null, requests: 1, durationMs: 0 }
  }

  /**
   * Before an edit may end as too old, the portal has to tell its time, since our clock may be wrong. Returns the failure of that call, or the number
   * of its requests.
   */
  async function askTime (claimed: readonly ClaimedEdit[]): Promise<SessionResult | number> {
    const seemsTooOld = ({ edit, acceptedAt }: ClaimedEdit): boolean => guard(edit, { portalTime: wallTime(), waitedMs: now() - acceptedAt }) === 'too-old'
    if (clock.time() !== null || !claimed.some(seemsTooOld)) return 0
    const result = await session.call('app.info', {}, { signal }).catch(withoutAnswer)
    if (result.kind === 'answered') return result.requests
    // Nothing of the edits was sent.
    return result.kind === 'unknown' ? { ...result, kind: 'unreachable' } : result
  }

  async function send (lane: Lane, sent: readonly ClaimedEdit[], requests: number): Promise<SessionResult> {
    const wire = toWire(lane, sent.map(({ edit, history }) => ({ edit, omitFiles: history.flags.includes('files-omitted') })))
    const result = await session.call(UPDATE_MESSAGES, wire, { signal }).catch(withoutAnswer)
    return { ...result, requests: result.requests + requests }
  }

  return async function deliver (lane: Lane, callId: string, claimed: readonly ClaimedEdit[], learn: (delivered: Delivered) => Promise<void>): Promise<void> {
    const wall = wallTime()
    const told = await askTime(claimed)
    const refused = claimed.flatMap(({ id, version, edit, acceptedAt }): CallOutcome[] => {
      const reason = guard(edit, timesOf(acceptedAt, clock))
      return reason === null ? [] : [{ id, version, result: 'dead', reason, words: null, quarantineUntil: null }]
    })
    const sent = claimed.filter(({ id }) => !refused.some(outcome => outcome.id === id))
    if (sent.length === 0) return await record(callId, claimed, refused, null)

    const result = typeof told === 'number' ? await send(lane, sent, told) : told
    const conclusion = conclude(sent, result, { now: now(), random, lastSuccessAt: lastSuccessAt() })
    observer?.onCall({ messages: sent.length, result, action: conclusion.action })
    const outcomes = [...refused, ...conclusion.outcomes]
    const attempt = { at: wall, durationMs: Math.round(result.durationMs), code: conclusion.code, words: conclusion.words }
    await Promise.all([record(callId, claimed, outcomes, attempt), learn({ messages: sent.length, result, conclusion })])
    log.info({
      event: 'delivery.attempted',
      connector: lane.connector,
      line: lane.line,
      messages: sent.length,
      outcome: result.kind,
      code: conclusion.code,
      ...(conclusion.words === null ? {} : { words: conclusion.words }),
      delivered: count(outcomes, 'delivered'),
      retried: count(outcomes, 'retry'),
      dead: count(outcomes, 'dead'),
      requests: result.requests,
      durationMs: Math.round(result.durationMs),
      edits: claimed.map(edit => edit.id),
    }, 'delivery.attempted')
  }
}

function count (outcomes: readonly CallOutcome[], result: CallOutcome['result']): number {
  return outcomes.filter(outcome => outcome.result === result).length
}

/** Called during the courier's work, so its functions are cheap and never throw. */
export interface CourierObserver {
  /** A call of `imconnector.update.messages` has ended. */
  onCall (call: { readonly messages: number, readonly result: SessionResult, readonly action: Conclusion['action'] }): void
  /** The outcomes of claimed edits are on disk. `now`: the time of the courier's clock. */
  onRecorded (claimed: readonly ClaimedEdit[], outcomes: readonly CallOutcome[], now: number): void
  onParked (what: 'portal' | 'line', code: string): void
}
