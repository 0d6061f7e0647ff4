import rateLimit, { normalizeIP } from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { TooManyRequests } from '../src/base/errors.ts'

const WINDOW_MS = 60_000
const MAX_FAILURES = 60

type Count = (request: FastifyRequest, reply: FastifyReply) => Promise<void>

export interface WebhookLimits {
  /** Counts a webhook that is authentic, or for a channel that does not exist. Throws TooManyRequests when there were too many. */
  readonly count: Count
  /** Counts a failed authentication. Throws TooManyRequests when there were too many. */
  readonly countFailure: Count
}

/** Adds `app.rateLimit` and `app.createRateLimit`. Each limiter that they make counts for itself, in this process. No route is limited unasked. */
export function registerRateLimit (app: FastifyInstance): void {
  app.register(rateLimit, {
    global: false,
    enableDraftSpec: true,
    errorResponseBuilder: (_request, { ttl }) => tooMany(Math.ceil(ttl / 1000)),
  })
}

/**
 * Webhooks are counted for each channel and client address. Failed authentications are counted apart and after the fact, so that
 * nobody who shares an address with the real sender can shut it out. Names of no channel share one count: they are endless.
 */
export function createWebhookLimits (app: FastifyInstance, channels: ReadonlyMap<string, unknown>, maxPerMinute: number): WebhookLimits {
  const limiter = (max: number) => app.createRateLimit({
    max,
    timeWindow: WINDOW_MS,
    keyGenerator: request => {
      const { channel } = request.params as { channel: string }
      return `${channels.has(channel) ? channel : '?'} ${normalizeIP(request.ip)}`
    },
  })
  const all = limiter(maxPerMinute)
  const failed = limiter(MAX_FAILURES)

  return {
    async count (request, reply) {
      if (maxPerMinute === 0) return
      const state = await all(request)
      if (state.isAllowed) return
      setHeaders(reply, state)
      if (state.isExceeded) throw tooMany(state.ttlInSeconds)
    },
    async countFailure (request, reply) {
      const state = await failed(request)
      if (state.isAllowed || !state.isExceeded) return
      setHeaders(reply, state)
      throw tooMany(state.ttlInSeconds)
    },
  }
}

function setHeaders (reply: FastifyReply, state: { readonly max: number, readonly remaining: number, readonly ttlInSeconds: number }): void {
  reply.header('ratelimit-limit', state.max)
  reply.header('ratelimit-remaining', state.remaining)
  reply.header('ratelimit-reset', state.ttlInSeconds)
}

function tooMany (retryAfterS: number): TooManyRequests {
  return new TooManyRequests('too many requests', Math.max(1, retryAfterS))
}
