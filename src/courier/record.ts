import { setTimeout as sleep } from 'node:timers/promises'
import type { HeldLease } from '../outbox/leases.ts'
import type { Log } from '../base/log.ts'
import type { Attempt, ClaimedEdit, Outbox, CallOutcome } from '../outbox/outbox.ts'
import type { CourierObserver } from './observer.ts'

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
