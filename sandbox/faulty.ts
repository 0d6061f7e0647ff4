import { setImmediate } from 'node:timers/promises'
import type { Answer, Reaction } from './answer.ts'
import type { Clock } from './clock.ts'
import type { Fault } from './faults.ts'
import { encodeJson } from './rest/php-json.ts'

/** The call that a fault strikes. */
interface Struck {
  readonly method: string
  readonly clock: Clock
  /** Does what was asked. `breakAt` ends it with HTTP 500 before the item with that id, or before the last item for `true`. */
  readonly apply: (breakAt?: string | true) => Promise<Answer>
  readonly expireToken: () => void
}

/** Carries out a fault as the table in faults.ts describes it. */
export async function strike ({ fault, afterMs, match, location, retryAfter }: Fault, call: Struck): Promise<Reaction> {
  const refuse = (status: number, error: string, description: string): Reaction =>
    ({ kind: 'answer', answer: withRetryAfter(jsonError(status, error, description), retryAfter) })
  if (typeof fault === 'object') return refuse(fault.status, fault.error, fault.description ?? fault.error)
  switch (fault) {
    case '503': return refuse(503, 'QUERY_LIMIT_EXCEEDED', 'Too many requests')
    case '429': return refuse(429, 'OPERATION_TIME_LIMIT', 'Method is blocked due to operation time limit.')
    case '500': return refuse(500, 'INTERNAL_SERVER_ERROR', 'Internal server error')
    case '500-partial': return { kind: 'answer', answer: await call.apply(match?.message ?? true) }
    case 'html-502': return { kind: 'answer', answer: withRetryAfter(badGateway, retryAfter) }
    case 'timeout': return { kind: 'silence' }
    case 'applied-then-timeout':
      await call.apply()
      return { kind: 'silence' }
    case 'applied-late':
      call.clock.at(call.clock.now() + afterMs, () => { call.apply().catch(() => {}) })
      return { kind: 'cut' }
    case 'reset': return { kind: 'cut' }
    case 'half': return { kind: 'half', answer: await call.apply() }
    case 'lost-answer':
      await call.apply()
      // The effect is visible before the client notices the cut.
      await setImmediate()
      return { kind: 'cut' }
    case 'redirect': return { kind: 'answer', answer: moved(location ?? `https://moved.bitrix24.example/rest/${call.method}`) }
    case 'expired-token':
      call.expireToken()
      return refuse(401, 'expired_token', 'The access token provided has expired.')
  }
}

export function jsonError (status: number, error: string, description?: string): Answer {
  const body = description === undefined ? { error } : { error, error_description: description }
  return { status, body: encodeJson(body), headers: { 'content-type': 'application/json; charset=utf-8' }, error }
}

function withRetryAfter (answer: Answer, seconds: number | undefined): Answer {
  return seconds === undefined ? answer : { ...answer, headers: { ...answer.headers, 'retry-after': String(seconds) } }
}

/** nginx's answer if PHP does not answer: HTML without a word about the call. */
const badGateway: Answer = {
  status: 502,
  body: '<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n',
  headers: { 'content-type': 'text/html' },
  error: null,
}

/** A renamed portal answers 302 and leaves it to the client to repeat the POST at the new host. */
function moved (location: string): Answer {
  return { status: 302, body: '', headers: { location, 'content-type': 'text/html' }, error: null }
}
