import type { PortalTime } from '../bitrix24/answer.ts'

/**
 * Seconds of work for one method and application within ten minutes, above which a portal blocks the method. The documentation
 * speaks of 480, the code of the portal's limiter of 420 (rest/lib/engine/access/loadlimiter.php): the smaller one is safe.
 */
const LIMIT_S = 420
const SHARE = 0.8

/** The window is ten minutes of one-minute buckets, so that after a minute some of it is free again. */
const REST_MS = 60_000
const WINDOW_MS = 10 * 60_000

/** How long the method rests when the portal blocks it without ever having said until when. */
const BLOCKED_REST_MS = 10_000

export interface BudgetOptions {
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number
  /** Milliseconds of the wall clock, which the portal's times refer to. */
  readonly wallTime: () => number
  /** Until when an earlier life or another holder lets the method rest. */
  readonly restsUntil: number | null
}

/** The method's operating time, as the portal reports it with each answer: the relay stays below four fifths of the limit. */
export function createBudget ({ now, wallTime, restsUntil }: BudgetOptions) {
  let usedS = 0
  let resetAt: number | null = null
  let heldUntil = Math.min(restsUntil ?? 0, now() + WINDOW_MS)

  /** The portal's reset time on our own clock, within the window: a portal's clock may be wrong. */
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
