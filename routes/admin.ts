import type { FastifyInstance } from 'fastify'
import { Forbidden, Unauthenticated } from '../src/base/errors.ts'
import { isSameSecret } from '../src/base/secret.ts'
import type { ConsoleRole } from '../src/console/session.ts'

/** Requests a minute from one client address: 20 a second for programs that watch the relay, and too few to guess a token. */
const MAX_PER_MINUTE = 1200

export interface Tokens {
  readonly admin: string
  /** May read the console and nothing else. */
  readonly viewer: string | null
}

/** Whose token `given` is. */
export function roleOf ({ admin, viewer }: Tokens, given: string): ConsoleRole | null {
  if (isSameSecret(admin, given)) return 'admin'
  return viewer !== null && isSameSecret(viewer, given) ? 'viewer' : null
}

/**
 * Requires `Authorization: Bearer <token>` for the routes of `app`. Requests are counted before the token is checked, so wrong tokens count too. Both
 * happen before the body is read.
 */
export function requireAdmin (app: FastifyInstance, tokens: Tokens): void {
  app.addHook('onRequest', app.rateLimit({ max: MAX_PER_MINUTE, timeWindow: 60_000 }))

  app.addHook('onRequest', async (request, reply) => {
    const given = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? ''
    const role = roleOf(tokens, given)
    if (role === 'admin') return
    if (role === 'viewer') throw new Forbidden('the VIEWER_TOKEN only reads the console: use the ADMIN_TOKEN')
    reply.header('www-authenticate', 'Bearer')
    throw new Unauthenticated('send the header Authorization: Bearer with the ADMIN_TOKEN of this relay')
  })
}
