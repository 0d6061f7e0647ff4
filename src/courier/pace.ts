import type { BucketLevel } from '../outbox/outbox.ts'

export interface BucketOptions {
  /** Our share of the plan's limit. */
  readonly ratePerSecond: number
  readonly burst: number
}

/** After the portal said "too many requests" the bucket drains at half its rate, at the lowest at this part of it. */
const SLOWEST = 1 / 8

/** What adding up fractions may be off by. */
const ROUNDING_MS = 1e-6

/** Twenty calls without trouble bring the full rate back from the slowest. */
const RECOVERY = 1.11

/**
 * Our share of the portal's leaky bucket: each request adds one, it drains at a constant rate, and a request that would
 * overflow it waits. The level is stored with each claim and whenever the portal says that it is higher, so that a restart does not burst again.
 */
export function createBucket (options: BucketOptions, restored: BucketLevel | null, now: number) {
  let factor = 1
  let level = restored === null ? 0 : Math.min(restored.level, options.burst)
  let at = restored === null ? now : restored.at

  function drain (to: number): void {
    // A clock that was moved back since the level was stored drains nothing.
    level = Math.max(0, level - Math.max(0, to - at) / 1000 * options.ratePerSecond * factor)
    at = to
  }

  return {
    /** How long until there is room for one request; 0 when there is. */
    waitMs (now: number): number {
      drain(now)
      const excessMs = (level + 1 - options.burst) / (options.ratePerSecond * factor) * 1000
      return Math.max(0, Math.ceil(excessMs - ROUNDING_MS))
    },

    /** Counts requests, also those that went beyond the limit (a call that was repeated after a token refresh). */
    take (now: number, requests: number): BucketLevel {
      drain(now)
      level += requests
      return { level, at }
    },

    /** The portal refused for the limit's sake: others use more than their share of it. */
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

/** A portal downloads avatars inside the call, so a message may cost seconds: a call should stay well under the portal's 60 s. */
const TARGET_MS = 10_000
const FIRST_CHUNK = 10

/** How many messages go into a call: the last calls' duration for each message decides, doubling at most. */
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
