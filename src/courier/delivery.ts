import { setTimeout as sleep } from 'node:timers/promises'
import { toWire, UPDATE_MESSAGES } from '../bitrix24/update-messages.ts'
import type { Session, SessionResult } from '../bitrix24/session.ts'
import { StoreUnavailable } from '../base/errors.ts'
import type { HeldLease } from '../outbox/leases.ts'
import type { Log } from '../base/log.ts'
import type { ClaimedEdit, Lane, Outbox, CallOutcome, Attempt } from '../outbox/outbox.ts'
import { guard } from '../edit/guard.ts'
import { conclude, type Conclusion } from './conclude.ts'

export interface DeliveryOptions {
  readonly portal: string
  readonly lease: Pick<HeldLease, 'epoch'>
  readonly outbox: Outbox
  readonly session: Pick<Session, 'call'>
  readonly log: Log
  readonly now: () => number
  readonly wallTime: () => number
  readonly random: () => number
  readonly lastSuccessAt: () => number | null
  readonly signal: AbortSignal
  readonly observer?: CourierObserver
}

export interface Delivered {
  readonly messages: number
  readonly result: SessionResult
  readonly conclusion: Conclusion
}

/** Carries claimed edits of one lane to the portal and records what became of each. */
export function createDelivery (options: DeliveryOptions) {
  const { session, log, now, wallTime, random, lastSuccessAt, signal, observer } = options

  const record = createRecord(options)

  /** Without an outcome, the call would keep its messages until the next start. The database fails a call only before or after it, never during it. */
  function withoutAnswer (error: unknown): SessionResult {
    log.error({ event: 'delivery.failed', err: error }, 'delivery.failed')
    return error instanceof StoreUnavailable
      ? { kind: 'unreachable', cause: 'STORE_UNAVAILABLE', requests: 1, durationMs: 0 }
      : { kind: 'unknown', cause: 'FAILED', lastByteAt: now(), retryAfterMs: null, requests: 1, durationMs: 0 }
  }

  return async function deliver (lane: Lane, callId: string, claimed: readonly ClaimedEdit[], learn: (delivered: Delivered) => Promise<void>): Promise<void> {
    const wall = wallTime()
    const time = now()
    const refused = claimed.flatMap(({ id, version, edit, acceptedAt }): CallOutcome[] => {
      const reason = guard(edit, { wallTime: wall, waitedMs: time - acceptedAt })
      return reason === null ? [] : [{ id, version, result: 'dead', reason, words: null, quarantineUntil: null }]
    })
    const sent = claimed.filter(({ id }) => !refused.some(outcome => outcome.id === id))
    if (sent.length === 0) return await record(callId, claimed, refused, null)

    const wire = toWire(lane, sent.map(({ edit, history }) => ({ edit, omitFiles: history.flags.includes('files-omitted') })))
    const result = await session.call(UPDATE_MESSAGES, wire, { signal }).catch(withoutAnswer)
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

/** The database is asked again after this long when it could not write. */
const STORE_RETRY_MS = 1000

export interface RecordOptions {
  readonly portal: string
  readonly lease: Pick<HeldLease, 'epoch'>
  readonly outbox: Pick<Outbox, 'record'>
  readonly log: Log
  readonly now: () => number
  readonly signal: AbortSignal
  readonly observer?: CourierObserver
}

export type Record = ReturnType<typeof createRecord>

/** Notes in the outbox what became of claimed edits, as often as it takes. Rejects only once `signal` is aborted. */
export function createRecord ({ portal, lease, outbox, log, now, signal, observer }: RecordOptions) {
  return async function record (callId: string, claimed: readonly ClaimedEdit[], outcomes: readonly CallOutcome[], attempt: Attempt | null): Promise<void> {
    for (;;) {
      try {
        await outbox.record({ portal, epoch: lease.epoch, callId, outcomes, attempt, now: now() })
        return observer?.onRecorded(claimed, outcomes, now())
      } catch (error) {
        // The call is over and only the note of it is missing; a restart would take it as of unknown outcome and repeat it.
        if (signal.aborted) throw error
        log.error({ event: 'record.failed', err: error }, 'record.failed')
        await sleep(STORE_RETRY_MS, undefined, { signal }).catch(() => {})
      }
    }
  }
}

/** Is told of the courier's work as it happens. It stands in the way of the data, so it is cheap and never throws. */
export interface CourierObserver {
  /** A call of `imconnector.update.messages` has ended. */
  onCall (call: { readonly messages: number, readonly result: SessionResult, readonly action: Conclusion['action'] }): void
  /** What became of the claimed edits is on disk, at `now` of the courier's clock. */
  onRecorded (claimed: readonly ClaimedEdit[], outcomes: readonly CallOutcome[], now: number): void
  onParked (what: 'portal' | 'line', code: string): void
}
