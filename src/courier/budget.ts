import type { PortalTime } from '../bitrix24/answer.ts'

/**
 * A portal blocks a method after this many seconds of work for one application within ten minutes. The documentation says 480, the code of the
 * portal's limiter 420 (rest/lib/engine/access/loadlimiter.php). The smaller one is safe.
 */
const LIMIT_S = 420
const SHARE = 0.8

/** The window consists of ten buckets of a minute, so some time is free again after a minute. */
const REST_MS = 60_000
const WINDOW_MS = 10 * 60_000

/** The pause after a block if the portal has never said when the time is reset. */
const BLOCKED_REST_MS = 10_000

interface BudgetOptions {
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number
  /** Milliseconds of the wall clock, which the portal's times refer to. */
  readonly wallTime: () => number
  /** The end of a pause that an earlier process or another leader has stored. */
  readonly restsUntil: number | null
}

/** The method's operating time, which the portal reports with each answer. The relay stays below four fifths of the limit. */
export function createBudget ({ now, wallTime, restsUntil }: BudgetOptions) {
  let usedS = 0
  let resetAt: number | null = null
  let heldUntil = Math.min(restsUntil ?? 0, now() + WINDOW_MS)

  /** The portal's reset time on our clock. It is limited to the window because the portal's clock may be wrong. */
  function untilReset (): number | null {
    if (resetAt === null || resetAt <= now()) return null
    return Math.min(resetAt, now() + WINDOW_MS)
  }

  return {
    answered (time: PortalTime | null): void {
      if (time === null || time.operatingS === null) return
      usedS = time.operatingS
      resetAt = time.operatingResetAtS === null ? null : now() + time.operatingResetAtS * 1000 - wallTime()
      if (usedS >= LIMIT_S * SHARE) heldUntil = untilReset() ?? now() + REST_MS
    },

    /** The portal has blocked the method. */
    blocked (): void {
      heldUntil = Math.max(heldUntil, untilReset() ?? now() + BLOCKED_REST_MS)
    },

    heldUntil: (): number => heldUntil,
    usedS: (): number => usedS,
  }
}
