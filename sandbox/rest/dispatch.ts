import { setTimeout } from 'node:timers/promises'
import type { Answer } from '../answer.ts'
import { announce } from '../events/announce.ts'
import { jsonError } from '../faulty.ts'
import { hostsOf } from '../hosts.ts'
import { operatingLimitSeconds } from '../limits/operating.ts'
import { PhpFatal, type PhpMap } from '../portal/php.ts'
import type { State } from '../state.ts'
import { toPortalTime } from './application.ts'
import { RegistrationRefused, RestError, restErrors } from './errors.ts'
import type { Invoked, MethodCall, RestMethod, Session } from './method.ts'
import { methods } from './methods.ts'
import { encodeJson } from './php-json.ts'
import { upperKeys, type RestRequest } from './request.ts'

/** A call that passed the checks before the method itself, in the portal's order: method, token, scope, operating limit. */
export interface Admitted {
  readonly session: Session
  /** `breakAt`: the message id before which the portal breaks, `true` for the last item. */
  run (breakAt?: string | true): Promise<Answer>
}

export function admit (state: State, request: RestRequest): Admitted {
  const method = lookUp(request.method)
  // This portal has no webhooks, and connector methods would not take one anyway.
  if (request.webhook) throw method.scopes.length > 0 ? restErrors.wrongAuthType() : restErrors.invalidCredentials()
  const session = authenticate(state, request.token)
  guard(state, session, request.method, method)
  return {
    session,
    run: async breakAt => {
      try {
        const { result, time } = await invoke(request.method, request.parameters, breakAt)
        return answer({ result, time }, session, time)
      } catch (error) {
        return refusal(error, session)
      }
    },
  }

  async function invoke (name: string, parameters: Readonly<PhpMap>, breakAt?: string | true): Promise<Invoked> {
    const inner = lookUp(name)
    guard(state, session, name, inner)
    const startMs = state.clock.now()
    const startedMs = performance.now()
    const call: MethodCall = {
      parameters: upperKeys(parameters),
      session,
      portal: state.portal,
      clock: state.clock,
      bindings: state.bindings,
      installed: !state.unfinished.has(session.application.clientId),
      announce: event => announce(state, event, { operator: session.operator, hosts: hostsOf(state, request.host) }),
      beforeItem: pacer(state.load.msPerMessage, breakAt),
      invoke,
    }
    const result = await inner.run(call)
    const seconds = (performance.now() - startedMs) / 1000
    // A batch itself costs nothing, the calls inside it do.
    if (name !== 'batch') state.operating.add(session.application.clientId, name, seconds)
    return { result, time: timeBlock(state, session, name, startMs, seconds) }
  }
}

/** The answer to an error of the portal. Any other error is a defect of the sandbox and is thrown again. */
export function refusal (error: unknown, session?: Session): Answer {
  if (error instanceof RegistrationRefused) {
    return { ...answer({ result: false, error: error.code, error_description: error.message }, session), error: error.code }
  }
  const known = error instanceof PhpFatal ? restErrors.internal() : error
  if (!(known instanceof RestError)) throw known
  const plain = jsonError(known.status, known.code, known.message)
  return {
    ...plain,
    headers: { ...plain.headers, ...headersFor(session) },
    body: encodeJson({ error: known.code, error_description: known.message, ...known.extra }),
  }
}

function lookUp (name: string): RestMethod {
  const method = methods.get(name)
  if (method === undefined) throw restErrors.methodNotFound()
  return method
}

function authenticate (state: State, token: string): Session {
  if (token === '') throw restErrors.noAuth()
  const found = state.tokens.check(token)
  if (found.state === 'unknown') throw restErrors.invalidToken()
  if (found.state === 'expired') throw restErrors.expiredToken()
  return found.grant
}

function guard (state: State, session: Session, name: string, { scopes }: RestMethod): void {
  if (scopes.length > 0 && !scopes.some(scope => session.application.scope.includes(scope))) throw restErrors.insufficientScope()
  if (state.operating.spent(session.application.clientId, name) >= operatingLimitSeconds) {
    throw restErrors.operatingLimit()
  }
}

/** Waits as the simulated load requires. Gathers waits below a millisecond, the timer's resolution. */
function pacer (msPerMessage: number, breakAt: string | true | undefined): MethodCall['beforeItem'] {
  const startedMs = performance.now()
  return (messageId, index, count) => {
    if (breakAt === true ? index === count - 1 : breakAt === messageId) throw new PhpFatal('broken by a fault')
    const owedMs = startedMs + (index + 1) * msPerMessage - performance.now()
    return msPerMessage > 0 && owedMs >= 1 ? setTimeout(owedMs) : undefined
  }
}

function timeBlock (state: State, session: Session, name: string, startMs: number, seconds: number): PhpMap {
  const { clientId } = session.application
  const finish = startMs / 1000 + seconds
  return {
    start: Math.floor(startMs / 1000),
    finish,
    duration: seconds,
    processing: Math.floor(seconds),
    date_start: toPortalTime(startMs),
    date_finish: toPortalTime(finish * 1000),
    operating_reset_at: state.operating.resetAt(clientId, name),
    operating: state.operating.spent(clientId, name),
  }
}

function answer (body: unknown, session: Session | undefined, time?: PhpMap): Answer {
  return {
    status: 200,
    body: encodeJson(body),
    headers: { 'content-type': 'application/json; charset=utf-8', ...headersFor(session, time) },
    error: null,
  }
}

function headersFor (session?: Session, time?: PhpMap): Record<string, string> {
  return {
    'access-control-allow-origin': '*',
    ...session === undefined ? {} : { 'x-bitrix-rest-application': session.application.clientId },
    'x-bitrix-rest-time': Number(time?.['duration'] ?? 0).toFixed(10),
    'x-bitrix-rest-user-time': '0.0000000000',
    'x-bitrix-rest-system-time': '0.0000000000',
  }
}
