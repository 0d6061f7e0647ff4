import type { FastifyInstance } from 'fastify'
import { hostOf, hostsOf } from '../hosts.ts'
import type { State } from '../state.ts'
import { check, jsonOf } from './body.ts'
import { install } from './install.ts'
import { operatorRoutes } from './operators.ts'
import { clockBody, eventFaultsBody, faultsBody, installBody, loadBody, messagesQuery, renameBody } from './schemas.ts'
import { findMessages, viewBinding, viewCall, viewMessage, viewSent, viewUser } from './views.ts'

/** The sandbox's own controls for tests; a real portal has none. */
export function controlRoutes (app: FastifyInstance, state: State): void {
  app.get('/sandbox/messages', async request =>
    findMessages(state.portal, check(messagesQuery, request.query)).map(viewMessage))
  app.get('/sandbox/users', async () => state.portal.users.list().map(viewUser))
  app.get('/sandbox/calls', async () => state.calls.list().map(viewCall))
  app.get('/sandbox/faults', async () => ({ faults: state.faults.list() }))

  app.post('/sandbox/faults', async request => {
    const faults = check(faultsBody, jsonOf(request))
    if (faults.length === 0) state.faults.clear()
    state.faults.add(faults)
    return { faults: state.faults.list() }
  })

  app.get('/sandbox/events', async () => ({
    bindings: state.bindings.list().map(viewBinding),
    faults: state.eventFaults.list(),
    sent: state.sender.list().map(viewSent),
  }))

  app.post('/sandbox/events', async request => {
    const faults = check(eventFaultsBody, jsonOf(request))
    if (faults.length === 0) state.eventFaults.clear()
    state.eventFaults.add(faults)
    return { faults: state.eventFaults.list() }
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
      return await install(state, body, hostsOf(state, hostOf(request)))
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      return await reply.code(502).send({ error: 'HANDLER_UNREACHABLE', error_description: `${body.handler}: ${reason}` })
    }
  })

  app.post('/sandbox/rename', async request => {
    state.host = check(renameBody, jsonOf(request)).address
    return { address: `http://${state.host}` }
  })

  operatorRoutes(app, state)

  app.post('/sandbox/reset', async () => {
    await state.reset()
    return { reset: true }
  })
}
