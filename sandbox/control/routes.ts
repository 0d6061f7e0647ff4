import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { hostOf, portalHost } from '../hosts.ts'
import type { State } from '../state.ts'
import { install } from './install.ts'
import { clockBody, faultsBody, installBody, loadBody, messagesQuery, renameBody } from './schemas.ts'
import { findMessages, viewCall, viewMessage, viewUser } from './views.ts'

/** The body of a control request is invalid. */
class BadControl extends Error {
  readonly statusCode = 400
}

/** The sandbox's own controls for tests; a real portal has none. */
export function controlRoutes (app: FastifyInstance, state: State): void {
  app.get('/sandbox/messages', async request =>
    findMessages(state.portal, check(messagesQuery, request.query)).map(viewMessage))
  app.get('/sandbox/users', async () => state.portal.users.list().map(viewUser))
  app.get('/sandbox/calls', async () => state.calls.list().map(viewCall))
  app.get('/sandbox/faults', async () => ({ faults: state.faults.pending() }))

  app.post('/sandbox/faults', async request => {
    const faults = check(faultsBody, jsonOf(request))
    if (faults.length === 0) state.faults.clear()
    state.faults.add(faults)
    return { faults: state.faults.pending() }
  })

  app.post('/sandbox/load', async request => {
    const { msPerMessage, operating, method } = check(loadBody, jsonOf(request))
    if (msPerMessage !== undefined) state.load.msPerMessage = msPerMessage
    if (operating !== undefined) state.operating.set(method, operating)
    return { msPerMessage: state.load.msPerMessage, operating: operating ?? null, method }
  })

  app.post('/sandbox/clock', async request => {
    state.clock.advance(check(clockBody, jsonOf(request)).advanceMs)
    return { now: new Date(state.clock.now()).toISOString() }
  })

  app.post('/sandbox/install', async (request, reply) => {
    const body = check(installBody, jsonOf(request))
    try {
      return await install(state, body, { oauth: hostOf(request), portal: portalHost(state, request) })
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      return await reply.code(502).send({ error: 'HANDLER_UNREACHABLE', error_description: `${body.handler}: ${reason}` })
    }
  })

  app.post('/sandbox/rename', async request => {
    state.host = check(renameBody, jsonOf(request)).address
    return { address: `http://${state.host}` }
  })

  app.post('/sandbox/reset', async () => {
    state.reset()
    return { reset: true }
  })
}

function check<Schema extends z.ZodType> (schema: Schema, value: unknown): z.infer<Schema> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw new BadControl(result.error.issues
    .map(({ path, message }) => `${path.length === 0 ? 'body' : path.join('.')}: ${message}`).join('; '))
}

function jsonOf (request: FastifyRequest): unknown {
  const text = Buffer.isBuffer(request.body) ? request.body.toString('utf8') : ''
  if (text === '') return {}
  try {
    return JSON.parse(text)
  } catch {
    throw new BadControl('body: not JSON')
  }
}
