import type { BucketLevel } from '../outbox/outbox.ts'

export interface BucketOptions {
  /** Our share of the plan's limit. */
  readonly ratePerSecond: number
  readonly burst: number
}

/** After each "too many requests" the bucket drains at half its rate, down to this part of the full rate. */
const SLOWEST = 1 / 8

/** The rounding error of sums of fractions. */
const ROUNDING_MS = 1e-6

/** Twenty successful calls bring the slowest rate back to the full one. */
const RECOVERY = 1.11

/**
 * Our share of the portal's leaky bucket: each request adds one, the bucket drains at a constant rate, and a request that would overflow it waits.
 * The level is stored with each claim and when the portal refuses for its limit, so a restart does not burst again.
 */
export function createBucket (options: BucketOptions, restored: BucketLevel | null, now: number) {
  let factor = 1
  // If the clock was moved back since, the stored time is in the future. The level then counts from now.
  let level = restored === null ? 0 : Math.min(restored.level, options.burst)
  let at = restored === null ? now : restored.at

  function drain (to: number): void {
    // A clock that was moved back since the level was stored drains nothing.
    level = Math.max(0, level - Math.max(0, to - at) / 1000 * options.ratePerSecond * factor)
    at = to
  }

  return {
    /** Milliseconds until there is room for one request. */
    waitMs (now: number): number {
      drain(now)
      const excessMs = (level + 1 - options.burst) / (options.ratePerSecond * factor) * 1000
      return Math.max(0, Math.ceil(excessMs - ROUNDING_MS))
    },

    /** Counts requests, also beyond the limit (a call that is repeated after a token refresh). */
    take (now: number, requests: number): BucketLevel {
      drain(now)
      level += requests
      return { level, at }
    },

    /** The portal's limit is exceeded: others use more than their share. */
    slowDown (now: number): BucketLevel {
      drain(now)
      factor = Math.max(SLOWEST, factor / 2)
      level = Math.max(level, options.burst)
      return { level, at }
    },

    recover (): void {
      factor = Math.min(1, factor * RECOVERY)
    },
  }
}

/** A portal downloads avatars during the call, so a message may take seconds. A call should stay well under the portal's 60 s. */
const TARGET_MS = 10_000
const FIRST_CHUNK = 10

/** The number of messages in a call. It follows the time per message of the last calls and at most doubles. */
export function createChunk (largest: number) {
  let size = Math.min(FIRST_CHUNK, largest)
  return {
    size: () => size,

    answered (messages: number, durationMs: number): void {
      if (messages === 0) return
      const affordable = Math.floor(TARGET_MS / Math.max(1, durationMs / messages))
      const ceiling = messages >= size || affordable < size ? size * 2 : size
      size = Math.max(1, Math.min(largest, affordable, ceiling))
    },

    timedOut (): void {
      size = Math.max(1, Math.floor(size / 2))
    },
  }
}
