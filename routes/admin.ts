import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Unauthenticated } from '../src/errors.ts'

/** Requests a minute and client address, whoever asks: an operator's scripts need fewer, and guessing a token needs more. */
export const ADMIN_RATE_LIMIT = { rateLimit: { max: 600, timeWindow: 60_000 } }

/** Lets through who sends `Authorization: Bearer <token>`. Digests are compared, so that the time taken tells nothing, not even the length. */
export function requireAdmin (token: string) {
  const expected = digest(token)
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const given = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? ''
    if (timingSafeEqual(digest(given), expected)) return
    reply.header('www-authenticate', 'Bearer')
    throw new Unauthenticated('send the header Authorization: Bearer with the ADMIN_TOKEN of this relay')
  }
}

function digest (text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
