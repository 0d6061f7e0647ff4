import type { FastifyInstance, FastifyRequest } from 'fastify'
import { administrator, findApplication } from '../applications.ts'
import { send, type Answer, type Reaction } from '../answer.ts'
import { strike } from '../faulty.ts'
import { toText } from '../portal/php.ts'
import { encodeJson } from '../rest/php-json.ts'
import { parseForm } from '../rest/request.ts'
import { note, queryOf } from '../rest/routes.ts'
import { hostOf, hostsOf } from '../hosts.ts'
import type { State } from '../state.ts'
import { grantTokens, scopeOf } from './grant.ts'

/** The OAuth server, at the portal's address. The portal's bucket does not count its calls. */
export function oauthRoutes (app: FastifyInstance, state: State): void {
  app.route({
    method: ['GET', 'POST'],
    url: '/oauth/token/',
    handler: async (request, reply) => {
      const parameters = { ...parseForm(queryOf(request)), ...parseForm(bodyOf(request)) }
      const call = state.calls.add({ atMs: state.clock.now(), method: 'oauth.token', messages: 0 })
      call.application = toText(parameters['client_id']) || null
      const startedMs = performance.now()
      const apply = async (): Promise<Answer> => {
        const { status, body } = grantTokens(state.tokens, parameters, hostsOf(state, hostOf(request)))
        const error = 'error' in body ? toText(body['error']) : null
        return { status, body: encodeJson(body), headers: { 'content-type': 'application/json; charset=utf-8' }, error }
      }
      const fault = state.faults.take('oauth.token', [])
      if (fault !== undefined) call.fault = typeof fault.fault === 'string' ? fault.fault : fault.fault.error
      const reaction: Reaction = fault === undefined
        ? { kind: 'answer', answer: await apply() }
        : await strike(fault, { method: 'oauth.token', clock: state.clock, apply, expireToken: () => {} })
      note(call, reaction, performance.now() - startedMs)
      return send(reply, reaction)
    },
  })

  /** Where an administrator authorises an application. The sandbox agrees at once and redirects with a code. */
  app.get('/oauth/authorize/', async (request, reply) => {
    const parameters = parseForm(queryOf(request))
    const application = findApplication(toText(parameters['client_id']))
    if (application === undefined) return await reply.code(400).send({ error: 'wrong_client' })
    const handler = toText(parameters['redirect_uri']) || state.handlers.get(application.clientId)
    if (handler === undefined || !URL.canParse(handler)) {
      return await reply.code(400).send({ error: 'invalid_request', error_description: 'The application has no handler: install it first, or give redirect_uri' })
    }
    const target = new URL(handler)
    const hosts = hostsOf(state, hostOf(request))
    const answer = {
      code: state.tokens.issueCode(application, administrator),
      state: toText(parameters['state']),
      domain: hosts.portal,
      member_id: state.memberId,
      scope: scopeOf(application),
      server_domain: hosts.oauth,
    }
    for (const [name, value] of Object.entries(answer)) target.searchParams.set(name, value)
    return await reply.redirect(target.href, 302)
  })
}

function bodyOf (request: FastifyRequest): string {
  return Buffer.isBuffer(request.body) ? request.body.toString('utf8') : ''
}
