import { setTimeout as sleep } from 'node:timers/promises'
import type { Lease } from '../lease.ts'
import type { Log } from '../log.ts'
import type { Attempt, ClaimedEdit, Outbox, Settlement } from '../store/store.ts'
import { unobserved, type CourierObserver } from './observer.ts'

/** The database is asked again after this long when it could not write. */
const STORE_RETRY_MS = 1000

export interface SettleOptions {
  readonly portal: string
  readonly lease: Pick<Lease, 'epoch'>
  readonly outbox: Pick<Outbox, 'settle'>
  readonly log: Log
  readonly now: () => number
  readonly signal: AbortSignal
  readonly observer?: CourierObserver
}

export type Settle = ReturnType<typeof createSettle>

/** Notes in the outbox what became of claimed edits, as often as it takes. Rejects only once `signal` is aborted. */
export function createSettle ({ portal, lease, outbox, log, now, signal, observer = unobserved }: SettleOptions) {
  return async function settle (callId: string, claimed: readonly ClaimedEdit[], settlements: readonly Settlement[], attempt: Attempt | null): Promise<void> {
    for (;;) {
      try {
        await outbox.settle({ portal, epoch: lease.epoch, callId, settlements, attempt, now: now() })
        return observer.onSettled(claimed, settlements, now())
      } catch (error) {
        // The call is over and only the note of it is missing; a restart would take it as of unknown outcome and repeat it.
        if (signal.aborted) throw error
        log.error({ event: 'settle.failed', err: error }, 'settle.failed')
        await sleep(STORE_RETRY_MS, undefined, { signal }).catch(() => {})
      }
    }
  }
}
