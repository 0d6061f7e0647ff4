/** A sleep that can be cut short: `ring` ends it, also when it rings just before the sleep begins. */
export function createAlarm () {
  let rung = false
  let wake: (() => void) | null = null
  return {
    ring (): void {
      rung = true
      wake?.()
    },

    async sleep (ms: number): Promise<void> {
      if (!rung) {
        let timer: NodeJS.Timeout | undefined
        await new Promise<void>(resolve => {
          wake = resolve
          timer = setTimeout(resolve, Math.min(ms, MAX_TIMER_MS))
        })
        clearTimeout(timer)
        wake = null
      }
      rung = false
    },
  }
}

/** Longer delays overflow a timer's 32 bits and would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1
