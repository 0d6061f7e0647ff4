import type {} from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import { parse } from 'qs'
import { z } from 'zod'
import type { Events } from '../src/bitrix24/events.ts'
import type { Install } from '../src/bitrix24/install.ts'
import { finishPage, grantedPage, purposePage, type Page } from '../src/bitrix24/install-page.ts'
import { BadRequest, Unauthenticated } from '../src/base/errors.ts'
import { createEventLimits } from './rate-limits.ts'

interface Bitrix24RoutesOptions {
  readonly install: Install
  readonly events: Events
  readonly log: Logger
}

const bodyLimit = 64 * 1024
const config = { rateLimit: { max: 30, timeWindow: '1 minute' } }

/** A text of 20,000 characters, each of them as three percent-encoded bytes, twice. */
const EVENT_BODY_LIMIT = 512 * 1024

const keySchema = z.object({ key: z.string().min(1).max(200) })

const querySchema = z.object({ code: z.string().min(1).max(512).optional() })

/** `/bitrix24/install` and `/bitrix24/events`: the portal posts installations and events here, and authorization codes come back here. */
export async function bitrix24Routes (app: FastifyInstance, { install, events, log }: Bitrix24RoutesOptions): Promise<void> {
  // Bitrix24 posts forms only. PHP's brackets become objects, with the depth of an event.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'buffer' }, async (_request: FastifyRequest, body: Buffer) => body)

  app.post('/bitrix24/install', { bodyLimit, config }, async (request, reply) => {
    const form = Buffer.isBuffer(request.body) ? parse(request.body.toString('utf8'), { depth: 4, parameterLimit: 200 }) : null
    const { answer, portalOrigin } = await install.post(form, request.query)
    if (answer === 'page') return await sendPage(reply, finishPage(portalOrigin))
    return await reply.send({ result: true })
  })

  app.get('/bitrix24/install', { config }, async (request, reply) => {
    const query = querySchema.safeParse(request.query)
    if (!query.success) throw new BadRequest('the authorization code cannot be read', [{ pointer: '/code', detail: 'must be given once' }])
    if (query.data.code === undefined) return await sendPage(reply, purposePage())
    await install.code(query.data.code)
    return await sendPage(reply, grantedPage())
  })

  const limits = createEventLimits(app)
  app.post('/bitrix24/events', {
    bodyLimit: EVENT_BODY_LIMIT,
    // The key is in the address, so a sender without it is refused before the body is received.
    onRequest: async (request, reply) => {
      await events.verify(keyOf(request)).catch((error: unknown) => refuse(error, request, reply))
    },
  }, async (request, reply) => {
    await limits.count(request, reply)
    const outcome = await events.take(Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)).catch((error: unknown) => refuse(error, request, reply))
    log.debug({ event: 'events.received', outcome }, 'events.received')
    return await reply.send({ result: true })
  })

  /** Counts a failed authentication against its address, and throws. */
  async function refuse (error: unknown, request: FastifyRequest, reply: FastifyReply): Promise<never> {
    if (error instanceof Unauthenticated) {
      log.warn({ event: 'events.refused', reason: error.message }, 'events.refused')
      await limits.countFailure(request, reply)
    }
    throw error
  }
}

/** The address contains the key, which must not be logged. */
function keyOf (request: FastifyRequest): string {
  const query = keySchema.safeParse(request.query)
  if (!query.success) throw new Unauthenticated('the event address has no key')
  return query.data.key
}

/** The address may contain an authorization code, so it is kept out of caches and referrers. */
function sendPage (reply: FastifyReply, page: Page): FastifyReply {
  return reply
    .header('content-security-policy', page.contentSecurityPolicy)
    .header('x-content-type-options', 'nosniff')
    .header('referrer-policy', 'no-referrer')
    .header('cache-control', 'no-store')
    .type('text/html; charset=utf-8')
    .send(page.html)
}
