/** Bitrix24's limiter for all plans but Enterprise: 50 requests at once, two a second after that, for the whole portal. */
export interface Bucket {
  /** Whether the request is let in. One that is refused adds nothing to the level. */
  take (): boolean
  reset (): void
}

export function createBucket ({ capacity, leakPerSecond, now }: { capacity: number, leakPerSecond: number, now: () => number }): Bucket {
  let level = 0
  let seenAtMs = now()

  return {
    take () {
      const atMs = now()
      level = Math.max(0, level - Math.max(0, atMs - seenAtMs) / 1000 * leakPerSecond)
      seenAtMs = atMs
      if (level + 1 > capacity) return false
      level += 1
      return true
    },
    reset () {
      level = 0
      seenAtMs = now()
    },
  }
}

export const unlimited: Bucket = { take: () => true, reset: () => {} }
