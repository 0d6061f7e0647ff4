/** Bitrix24's rate limit for all plans but Enterprise: a burst of 50 requests, then two a second, for the whole portal. */
export interface Bucket {
  /** Whether the request is allowed. A refused one does not count. */
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
