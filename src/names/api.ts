import { Agent, type Dispatcher } from 'undici'
import { exchange } from '../http/exchange.ts'
import { tryParseBody } from '../base/json.ts'
import type { ApiRequest } from '../messengers/profile-lookup.ts'

const CONNECT_TIMEOUT_MS = 5_000
const ANSWER_TIMEOUT_MS = 10_000
const MAX_ANSWER_BYTES = 1024 * 1024

/** `body`: parsed JSON, or null if it is not JSON. `code`: the code of an error; its text might contain an address. */
export type ApiAnswer =
  | { readonly kind: 'response', readonly status: number, readonly body: unknown }
  | { readonly kind: 'failed', readonly code: string }

/** Makes one request to a messenger's API. Never rejects: failures are answers too. No answer contains the token. */
export type AskApi = (request: ApiRequest, signal: AbortSignal) => Promise<ApiAnswer>

/** The connections to messengers' APIs, limited in time and size. */
export function createApiDispatcher (): Agent {
  return new Agent({
    // Explicit, so NODE_TLS_REJECT_UNAUTHORIZED cannot switch it off.
    connect: { timeout: CONNECT_TIMEOUT_MS, rejectUnauthorized: true },
    headersTimeout: ANSWER_TIMEOUT_MS,
    bodyTimeout: ANSWER_TIMEOUT_MS,
    maxResponseSize: MAX_ANSWER_BYTES,
    allowH2: false,
    pipelining: 1,
  })
}

interface ApiOptions {
  readonly dispatcher: Dispatcher
  readonly userAgent: string
  readonly now: () => number
  readonly timeoutMs?: number
}

export function createApi ({ dispatcher, userAgent, now, timeoutMs = ANSWER_TIMEOUT_MS }: ApiOptions): AskApi {
  return async ({ url, headers, form }, signal) => {
    const outcome = await exchange(dispatcher, {
      url,
      method: form === undefined ? 'GET' : 'POST',
      headers: { accept: 'application/json', 'user-agent': userAgent, ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }), ...headers },
      body: Buffer.from(form?.toString() ?? ''),
    }, { signal, responseTimeoutMs: timeoutMs, now })
    return outcome.kind === 'response' ? { kind: 'response', status: outcome.status, body: tryParseBody(outcome.body) ?? null } : { kind: 'failed', code: outcome.cause }
  }
}
