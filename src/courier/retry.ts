import type { CallResult } from '../bitrix24/client.ts'

const FIRST_MS = 1000
const LONGEST_MS = 10 * 60_000

/** No edit waits longer for its next call, unless its debounce is longer. If one does, the clock was moved. */
export const LONGEST_WAIT_MS = 15 * 60_000

/** The portal can apply a call for this long after its last byte: Bitrix24 ends a request after 60 s. This adds a margin. */
export const QUARANTINE_MS = 70_000

/** Waits before repeats for a client that the portal does not know. The original message may still be on its way. */
export const UNKNOWN_USER_REPEATS_MS: readonly number[] = [60_000, 10 * 60_000]

/** Exponential back-off with full jitter between 1 s and 10 min; `failures` counts from 1, `random` is in [0, 1). */
export function backoffMs (failures: number, random: number): number {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures, 20))
  return Math.round(FIRST_MS + random * (ceiling - FIRST_MS))
}

/** The longest `Retry-After` that is respected. A longer one may be a mistake, and one more call does no harm. */
const LONGEST_ASKED_MS = 60 * 60_000

/** The `Retry-After` of an answer in milliseconds, or 0. */
export function askedMs (result: CallResult): number {
  if (result.kind !== 'refused' && result.kind !== 'unknown') return 0
  return Math.min(LONGEST_ASKED_MS, result.retryAfterMs ?? 0)
}
