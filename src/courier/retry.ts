import type { CallResult } from '../bitrix24/client.ts'

const FIRST_MS = 1000
const LONGEST_MS = 10 * 60_000

/** Nothing that waits for its next call waits longer, unless the settle time is longer still; what does has an old clock's time. */
export const LONGEST_WAIT_MS = 15 * 60_000

/** Bitrix24 ends a request after 60 s; with a margin, a call whose outcome is unknown can be applied no later than this. */
export const QUARANTINE_MS = 70_000

/** When to ask again about a client that the portal did not know: the original message may still be on its way. */
export const UNKNOWN_USER_REPEATS_MS: readonly number[] = [60_000, 10 * 60_000]

/** Exponential back-off with full jitter between 1 s and 10 min; `failures` counts from 1, `random` is in [0, 1). */
export function backoffMs (failures: number, random: number): number {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures, 20))
  return Math.round(FIRST_MS + random * (ceiling - FIRST_MS))
}

/** A portal that asks for more is asked again after an hour: the header may be a mistake, and one call more is no burden. */
const LONGEST_ASKED_MS = 60 * 60_000

/** For how many milliseconds the portal asks to be left in peace (`Retry-After`); 0 when it does not. */
export function askedMs (result: CallResult): number {
  if (result.kind !== 'refused' && result.kind !== 'unknown') return 0
  return Math.min(LONGEST_ASKED_MS, result.retryAfterMs ?? 0)
}
