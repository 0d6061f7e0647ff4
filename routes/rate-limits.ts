import rateLimit, { normalizeIP } from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { TooManyRequests } from '../src/base/errors.ts'

const WINDOW_MS = 60_000
const MAX_FAILURES = 60

type Count = (request: FastifyRequest, reply: FastifyReply) => Promise<void>

/** Adds `app.rateLimit` and `app.createRateLimit`, whose limiters count separately and in this process. By itself it limits no route. */
export function registerRateLimit (app: FastifyInstance): void {
  app.register(rateLimit, {
    global: false,
    enableDraftSpec: true,
    errorResponseBuilder: (_request, { ttl }) => tooMany(Math.ceil(ttl / 1000)),
  })
}

/**
 * Counts webhooks for each channel and client address. Failed authentications have a count of their own, after the check, so a client with the real
 * sender's address cannot block it, unless the secret is in the body. All names without a channel share one count, because there are any number of them.
 */
export function createWebhookLimits (app: FastifyInstance, channels: ReadonlyMap<string, unknown>, maxPerMinute: number): { readonly count: Count, readonly countFailure: Count, readonly askFailures: Count } {
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
    /** Counts a webhook that is authentic, or for a channel that does not exist. */
    count: maxPerMinute === 0 ? async () => {} : countBy(all),
    /** Counts a failed authentication. */
    countFailure: countBy(failed),
    /** Rejects with TooManyRequests if `countFailure` would. Counts nothing. */
    async askFailures (request, reply) {
      const state = await failed(request, { increment: false })
      if (state.isAllowed || state.remaining > 0) return
      setHeaders(reply, state)
      throw tooMany(state.ttlInSeconds)
    },
  }
}

/** Counts wrong tokens of the console against their address, after the check: the right token is always taken. Rejects with TooManyRequests. */
export function createSignInLimit (app: FastifyInstance): Count {
  return countBy(app.createRateLimit({ max: MAX_FAILURES, timeWindow: WINDOW_MS, keyGenerator: request => normalizeIP(request.ip) }))
}

/** An open page asks for itself twelve times a minute. */
const MAX_PAGES = 1200

/** Counts the pages and acts of a session of the console. Rejects with TooManyRequests. */
export function createPageLimit (app: FastifyInstance, sessionOf: (request: FastifyRequest) => string): Count {
  return countBy(app.createRateLimit({ max: MAX_PAGES, timeWindow: WINDOW_MS, keyGenerator: sessionOf }))
}

/** One full call brings 50 events, and a portal accepts up to five calls a second. */
const MAX_EVENTS = 20_000

/** Failures count against an address; authentic events count together, because they may come from any server of Bitrix24. */
export function createEventLimits (app: FastifyInstance): { readonly count: Count, readonly countFailure: Count } {
  const all = app.createRateLimit({ max: MAX_EVENTS, timeWindow: WINDOW_MS, keyGenerator: () => 'events' })
  const failed = app.createRateLimit({ max: MAX_FAILURES, timeWindow: WINDOW_MS, keyGenerator: request => normalizeIP(request.ip) })
  return { count: countBy(all), countFailure: countBy(failed) }
}

/** Counts a request. Rejects with TooManyRequests above the limit. */
function countBy (limiter: ReturnType<FastifyInstance['createRateLimit']>): Count {
  return async (request, reply) => {
    const state = await limiter(request)
    if (state.isAllowed) return
    setHeaders(reply, state)
    if (state.isExceeded) throw tooMany(state.ttlInSeconds)
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
