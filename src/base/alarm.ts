/** Longer delays overflow a timer's 32 bits and would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1

interface Sleeper {
  setTimer (): void
  wake (): void
}

/** A sleep that `ring` can shorten: it ends at most `inMs` after the ring, even if the ring came before the sleep. */
export function createAlarm () {
  /** By `performance.now()`. */
  let endsAt = Infinity
  let sleeper: Sleeper | null = null

  return {
    ring (inMs = 0): void {
      const now = performance.now()
      const isSooner = now + inMs < endsAt
      if (isSooner) endsAt = now + inMs
      // Its timer may be late.
      if (endsAt <= now) sleeper?.wake()
      else if (isSooner) sleeper?.setTimer()
    },

    async sleep (ms: number): Promise<void> {
      const now = performance.now()
      if (endsAt > now) {
        endsAt = Math.min(endsAt, now + ms)
        let timer: NodeJS.Timeout | undefined
        await new Promise<void>(resolve => {
          const setTimer = (): void => {
            clearTimeout(timer)
            timer = setTimeout(resolve, Math.min(Math.max(0, endsAt - performance.now()), MAX_TIMER_MS))
          }
          sleeper = { setTimer, wake: resolve }
          setTimer()
        })
        clearTimeout(timer)
        sleeper = null
      }
      endsAt = Infinity
    },
  }
}
