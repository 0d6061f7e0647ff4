import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { Unauthenticated } from '../src/base/errors.ts'

/** Requests a minute and client address: enough to look at the relay 20 times a second, and far from enough to guess a token. */
const MAX_PER_MINUTE = 1200

/**
 * Lets into the routes of `app` who sends `Authorization: Bearer <token>`. Requests are counted first, so that wrong tokens count too, and
 * both come before the body is read.
 */
export function requireAdmin (app: FastifyInstance, token: string): void {
  app.addHook('onRequest', app.rateLimit({ max: MAX_PER_MINUTE, timeWindow: 60_000 }))

  // Digests are compared, so that the time taken tells nothing, not even the length.
  const expected = digest(token)
  app.addHook('onRequest', async (request, reply) => {
    const given = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? ''
    if (timingSafeEqual(digest(given), expected)) return
    reply.header('www-authenticate', 'Bearer')
    throw new Unauthenticated('send the header Authorization: Bearer with the ADMIN_TOKEN of this relay')
  })
}

function digest (text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
