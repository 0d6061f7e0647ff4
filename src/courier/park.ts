import { isProbed } from '../bitrix24/codes.ts'

const FIRST_PROBE_MS = 60_000
const SLOWEST_PROBE_MS = 15 * 60_000

/** Why a portal or a line takes nothing at present. `since` is wall time, `probeAt` a time of the clock that never jumps. */
export interface Park {
  readonly code: string
  readonly since: number
  readonly intervalMs: number
  /** When to ask whether it is over: null while that is being asked, or when only an install can end it. */
  readonly probeAt: number | null
}

export function begin (code: string, since: number, now: number): Park {
  return { code, since, intervalMs: FIRST_PROBE_MS, probeAt: isProbed(code) ? now + FIRST_PROBE_MS : null }
}

/** A park of an earlier life may be over, so its first probe is due at once. */
export function restore (code: string, since: number, now: number): Park {
  return { code, since, intervalMs: FIRST_PROBE_MS, probeAt: now }
}

/** The park lasts, for the same code or for another one: the next probe comes later. */
export function prolong ({ code: former, since, intervalMs: formerMs }: Park, now: number, code = former): Park {
  const intervalMs = Math.min(SLOWEST_PROBE_MS, formerMs * 2)
  return { code, since, intervalMs, probeAt: isProbed(code) ? now + intervalMs : null }
}

/** The park goes on that a probe took to be over; null when the code is another one's. */
export function resume (former: Park | null, code: string, now: number): Park | null {
  return former?.code === code ? prolong(former, now) : null
}
