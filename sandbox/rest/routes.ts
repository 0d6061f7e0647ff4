import type { FastifyInstance, FastifyRequest } from 'fastify'
import { send, type Answer, type Reaction } from '../answer.ts'
import type { Call } from '../calls.ts'
import { messageIdsOf } from '../faults.ts'
import { strike } from '../faulty.ts'
import { hostOf } from '../hosts.ts'
import type { State } from '../state.ts'
import { admit, refusal, type Admitted } from './dispatch.ts'
import { restErrors } from './errors.ts'
import { readRequest, type RestRequest } from './request.ts'

/** `/rest/<method>`: first the rate limit, then a pending fault, then the portal. */
export function restRoutes (app: FastifyInstance, state: State): void {
  app.route({
    method: ['GET', 'POST'],
    url: '/rest/*',
    handler: async (request: FastifyRequest<{ Params: { '*': string } }>, reply) => {
      if (state.host !== null && hostOf(request) !== state.host) return await reply.redirect(`http://${state.host}${request.url}`, 302)
      const rest = toRestRequest(request)
      const ids = messageIdsOf(rest.parameters)
      const call = state.calls.add({ atMs: state.clock.now(), method: rest.method, messages: ids.length })
      const startedMs = performance.now()
      const reaction = await respond(state, rest, ids, call)
      note(call, reaction, performance.now() - startedMs)
      return send(reply, reaction)
    },
  })
}

async function respond (state: State, rest: RestRequest, ids: readonly string[], call: Call): Promise<Reaction> {
  const found = state.tokens.check(rest.token)
  if (found.state !== 'unknown') call.application = found.grant.application.clientId
  if (!state.bucket.take()) return { kind: 'answer', answer: refusal(restErrors.tooManyRequests()) }
  const fault = state.faults.take(rest.method, ids)
  const admitted = tryToAdmit(state, rest)
  if (fault === undefined) {
    return { kind: 'answer', answer: 'run' in admitted ? await withinLimit(admitted, state) : admitted }
  }
  call.fault = typeof fault.fault === 'string' ? fault.fault : fault.fault.error
  return await strike(fault, {
    method: rest.method,
    clock: state.clock,
    apply: async breakAt => 'run' in admitted ? await admitted.run(breakAt) : admitted,
    expireToken: () => state.tokens.expire(rest.token),
  })
}

function tryToAdmit (state: State, rest: RestRequest): Admitted | Answer {
  try {
    return admit(state, rest)
  } catch (error) {
    return refusal(error)
  }
}

async function withinLimit (admitted: Admitted, { load, requestLimitMs }: State): Promise<Answer> {
  if (load.msPerMessage === 0) return await admitted.run()
  const limit = Promise.withResolvers<Answer>()
  const timer = setTimeout(() => limit.resolve(gatewayTimeout), requestLimitMs)
  try {
    return await Promise.race([admitted.run(), limit.promise])
  } finally {
    clearTimeout(timer)
  }
}

const gatewayTimeout: Answer = {
  status: 504,
  body: '<html>\r\n<head><title>504 Gateway Time-out</title></head>\r\n<body>\r\n<center><h1>504 Gateway Time-out</h1></center>\r\n</body>\r\n</html>\r\n',
  headers: { 'content-type': 'text/html' },
  error: null,
}

export function note (call: Call, reaction: Reaction, durationMs: number): void {
  call.durationMs = Math.round(durationMs * 100) / 100
  if (reaction.kind !== 'answer') return
  call.status = reaction.answer.status
  call.error = reaction.answer.error
}

function toRestRequest (request: FastifyRequest<{ Params: { '*': string } }>): RestRequest {
  return readRequest({
    host: hostOf(request),
    path: request.params['*'],
    query: queryOf(request),
    contentType: request.headers['content-type'] ?? '',
    authorization: request.headers.authorization ?? '',
    body: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
  })
}

export function queryOf (request: FastifyRequest): string {
  const at = request.url.indexOf('?')
  return at === -1 ? '' : request.url.slice(at + 1)
}
