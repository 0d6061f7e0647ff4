import type { Log } from './log.ts'

/** The most that a clock of ours and the portal's may differ: a call takes up to 65 s, and the portal dates its beginning. */
const MAX_DIFFERENCE_MS = 5 * 60_000

/** How often the stored times are renewed. */
const SAVE_EVERY_MS = 60 * 60_000

/** Times of the portal: when our clock was last right, and when it was last wrong. Both survive a restart; 0 for never. */
export interface ClockHistory {
  readonly clockRightAt: number
  readonly clockWrongAt: number
}

interface PortalClockOptions {
  /** Milliseconds of the clock that never jumps, by which times are stored. */
  readonly now: () => number
  /** Milliseconds of the wall clock. */
  readonly wallTime: () => number
  readonly save: (history: Partial<ClockHistory>) => void
  readonly log: Log
}

export type PortalClock = ReturnType<typeof createPortalClock>

/**
 * Compares our clocks with the portal's. A wall clock can be wrong by days when the process starts, for example before the first synchronization.
 * Each answer of the portal has its time.
 */
export function createPortalClock ({ now, wallTime, save, log }: PortalClockOptions) {
  /** From our clock that never jumps to the portal's; null until the portal has answered. */
  let offsetMs: number | null = null
  let rightAt = 0
  let wrongAt = 0
  /** When the clock of an earlier process was last wrong. */
  let wrongBefore = 0
  let isReported = false

  const time = (): number | null => offsetMs === null ? null : now() + offsetMs

  /** Whether a time of ours fits the portal's, and is not before the last time at which our clock was right. */
  function isRight (ourTime: number): boolean {
    const portalTime = time()
    return portalTime !== null && Math.abs(portalTime - ourTime) <= MAX_DIFFERENCE_MS && ourTime >= rightAt - MAX_DIFFERENCE_MS
  }

  /** Stores whether the times that we store are right. */
  function note (portalTime: number): void {
    if (isRight(now())) {
      if (portalTime - rightAt < SAVE_EVERY_MS) return
      rightAt = portalTime
      save({ clockRightAt: rightAt })
    } else {
      const latest = Math.max(portalTime, rightAt)
      if (latest - wrongAt < SAVE_EVERY_MS) return
      wrongAt = latest
      save({ clockWrongAt: wrongAt })
    }
  }

  function report (portalTime: number): void {
    const isWrong = !isRight(wallTime())
    if (isWrong === isReported) return
    isReported = isWrong
    const aheadS = Math.round((wallTime() - portalTime) / 1000)
    if (isWrong) log.error({ event: 'clock.wrong', aheadS }, 'the clock of this machine is not that of the portal: set it right, by NTP for example')
    else log.info({ event: 'clock.right', aheadS }, 'clock.right')
  }

  return {
    /** Takes over what earlier processes have stored. */
    restore ({ clockRightAt, clockWrongAt }: ClockHistory): void {
      rightAt = Math.max(rightAt, clockRightAt)
      wrongBefore = Math.max(wrongBefore, clockWrongAt)
    },

    /** The portal has just answered. Its time is in milliseconds. */
    answered (portalTime: number): void {
      offsetMs = portalTime - now()
      note(portalTime)
      report(portalTime)
    },

    /** The portal's time, or null until it has answered. */
    time,

    /** Whether the wall clock is right, as an answer since the start has shown. */
    isProven: (): boolean => isRight(wallTime()),

    /**
     * The present, compared with which no stored time looks older than it is. Null until the portal has answered, and as long as an earlier process
     * may have stored wrong times in the last `ms`.
     */
    presentFor (ms: number): number | null {
      const portalTime = time()
      return portalTime === null || portalTime - wrongBefore <= ms ? null : Math.min(now(), portalTime)
    },
  }
}
