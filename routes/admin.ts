import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { Unauthenticated } from '../src/base/errors.ts'

/** Requests a minute from one client address: 20 a second for programs that watch the relay, and too few to guess a token. */
const MAX_PER_MINUTE = 1200

/**
 * Requires `Authorization: Bearer <token>` for the routes of `app`. Requests are counted before the token is checked, so wrong tokens count too. Both
 * happen before the body is read.
 */
export function requireAdmin (app: FastifyInstance, token: string): void {
  app.addHook('onRequest', app.rateLimit({ max: MAX_PER_MINUTE, timeWindow: 60_000 }))

  // Compares digests in constant time, so the duration does not reveal the token or its length.
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
