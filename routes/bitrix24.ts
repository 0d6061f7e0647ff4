import type {} from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { parse } from 'qs'
import { z } from 'zod'
import type { Install } from '../src/bitrix24/install.ts'
import { finishPage, grantedPage, purposePage, type Page } from '../src/bitrix24/install-page.ts'
import { BadRequest } from '../src/base/errors.ts'

interface Bitrix24RoutesOptions {
  readonly install: Install
}

const bodyLimit = 64 * 1024
const config = { rateLimit: { max: 30, timeWindow: '1 minute' } }

const querySchema = z.object({ code: z.string().min(1).max(512).optional() })

/** `/bitrix24/install`: the portal posts installations here, and authorization codes come back here. */
export async function bitrix24Routes (app: FastifyInstance, { install }: Bitrix24RoutesOptions): Promise<void> {
  // Bitrix24 posts forms only. PHP's brackets become objects, with the depth of an event.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string', bodyLimit }, async (_request: FastifyRequest, form: string) =>
    parse(form, { depth: 4, parameterLimit: 200 }))

  app.post('/bitrix24/install', { bodyLimit, config }, async (request, reply) => {
    const { answer, portalOrigin } = await install.post(request.body, request.query)
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
