import rateLimit, { normalizeIP } from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Redis } from 'ioredis'
import { TooManyRequests } from '../src/errors.ts'

const WINDOW_MS = 60_000
const MAX_FAILURES = 60

type Count = (request: FastifyRequest, reply: FastifyReply) => Promise<void>

export interface WebhookLimits {
  /** Counts a webhook that is authentic, or for a channel that does not exist. Throws TooManyRequests when there were too many. */
  readonly count: Count
  /** Counts a failed authentication. Throws TooManyRequests when there were too many. */
  readonly countFailure: Count
}

/**
 * Lets routes limit themselves by `config.rateLimit`; none is limited unasked. Counts are shared by the relays on one Redis; while it is
 * away nobody is limited, since an edit that is not taken is worse than one too many.
 */
export function registerRateLimit (app: FastifyInstance, redis: Redis | null): void {
  app.register(rateLimit, {
    global: false,
    ...redis === null ? {} : { redis, nameSpace: 'imconnector-relay ', skipOnError: true },
    enableDraftSpec: true,
    errorResponseBuilder: (_request, { ttl }) => tooMany(Math.ceil(ttl / 1000)),
  })
}

/**
 * Webhooks are counted for each channel and client address. Failed authentications are counted apart and after the fact, so that
 * nobody who shares an address with the real sender can shut it out. Names of no channel share one count: they are endless.
 */
export function createWebhookLimits (app: FastifyInstance, channels: ReadonlyMap<string, unknown>, maxPerMinute: number): WebhookLimits {
  // The name keeps the counts of one limiter from those of the other where they share a store.
  const limiter = (name: string, max: number) => app.createRateLimit({
    max,
    timeWindow: WINDOW_MS,
    keyGenerator: request => {
      const { channel } = request.params as { channel: string }
      return `${name} ${channels.has(channel) ? channel : '?'} ${normalizeIP(request.ip)}`
    },
  })
  const all = limiter('webhooks', maxPerMinute)
  const failed = limiter('failures', MAX_FAILURES)

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
