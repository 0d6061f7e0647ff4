import { Agent } from 'undici'
import type { Dispatcher } from 'undici'
import { createConnect } from '../http/connect.ts'
import { exchange, type Exchange } from '../http/exchange.ts'
import { readRestAnswer, type PortalTime } from './answer.ts'

/**
 * The outcome of one HTTP request to the portal. `refused`: Bitrix24 answered with an error in JSON, so the call has ended. `unreachable`: nothing
 * was sent. `unknown`: the call may still be applied; its last byte left us at `lastByteAt` at the latest. `retryAfterMs`: the answer's
 * `Retry-After`, at most a day.
 */
export type CallResult =
  | { readonly kind: 'answered', readonly result: unknown, readonly time: PortalTime | null, readonly status: number, readonly durationMs: number }
  | { readonly kind: 'refused', readonly code: string, readonly words: string, readonly status: number, readonly retryAfterMs: number | null, readonly durationMs: number }
  | { readonly kind: 'moved', readonly location: string, readonly durationMs: number }
  | { readonly kind: 'unreachable', readonly cause: string, readonly durationMs: number }
  | { readonly kind: 'unknown', readonly cause: string, readonly lastByteAt: number, readonly retryAfterMs: number | null, readonly durationMs: number }

export interface DispatcherOptions {
  readonly connectTimeoutMs?: number
  readonly responseTimeoutMs?: number
  readonly maxResponseBytes?: number
}

/** The portal ends a call after 60 s. */
export const RESPONSE_TIMEOUT_MS = 65_000

/**
 * The pool of connections to Bitrix24. Only HTTP/1.1: there a call has its own connection, so we know whether it was sent, and nothing of it
 * arrives after it was aborted. The streams of an HTTP/2 session fail together. undici follows no redirect and repeats no POST.
 */
export function createDispatcher (options: DispatcherOptions = {}): Agent {
  const { connectTimeoutMs = 10_000, responseTimeoutMs = RESPONSE_TIMEOUT_MS, maxResponseBytes = 8 * 1024 * 1024 } = options
  return new Agent({
    connect: createConnect(connectTimeoutMs),
    headersTimeout: responseTimeoutMs,
    bodyTimeout: responseTimeoutMs,
    maxResponseSize: maxResponseBytes,
    allowH2: false,
    pipelining: 1,
    keepAliveTimeout: 10_000,
  })
}

interface ClientOptions {
  readonly dispatcher: Dispatcher
  /** Milliseconds of the clock that the caller's waits use. */
  readonly now: () => number
  readonly userAgent: string
  readonly responseTimeoutMs?: number
  /** Called with the portal's time, in milliseconds, of each answer that has one. */
  readonly onTime?: (portalTime: number) => void
}

interface CallRequest {
  /** The portal's origin, without a trailing slash. */
  readonly endpoint: string
  readonly method: string
  readonly params: Readonly<Record<string, unknown>>
  readonly accessToken: string
  readonly signal?: AbortSignal
}

export interface Client {
  /** Makes one HTTP request. Never rejects for the network: failures are outcomes too. No outcome contains an address or the token. */
  call (request: CallRequest): Promise<CallResult>
}

export function createClient (options: ClientOptions): Client {
  const { dispatcher, now, userAgent, responseTimeoutMs = RESPONSE_TIMEOUT_MS, onTime = () => {} } = options

  return {
    async call (request) {
      const { endpoint, method, params, accessToken, signal = null } = request
      const startedAt = performance.now()
      const outcome = await exchange(dispatcher, {
        url: new URL(`/rest/${method}`, endpoint),
        headers: { 'content-type': 'application/json', accept: 'application/json', 'user-agent': userAgent },
        body: Buffer.from(JSON.stringify({ ...params, auth: accessToken })),
      }, { signal, responseTimeoutMs, now })
      const result = classify(outcome, request, performance.now() - startedAt)
      if (result.kind === 'answered' && result.time?.startedAt != null) onTime(result.time.startedAt)
      return result
    },
  }
}

function classify (outcome: Exchange, { accessToken, endpoint }: CallRequest, durationMs: number): CallResult {
  if (outcome.kind === 'unsent') return { kind: 'unreachable', cause: outcome.cause, durationMs }
  if (outcome.kind === 'lost') return { kind: 'unknown', cause: outcome.cause, lastByteAt: outcome.lastByteAt, retryAfterMs: null, durationMs }

  const { status, headers, body, lastByteAt } = outcome
  const retryAfterMs = readRetryAfter(headers)
  const answer = readRestAnswer(body.toString('utf8'), [accessToken])
  if (answer.kind === 'error') return { kind: 'refused', code: answer.code, words: answer.words, status, retryAfterMs, durationMs }

  const location = status >= 300 && status < 400 ? originOf(headers.location, endpoint) : null
  if (location !== null) return { kind: 'moved', location, durationMs }
  if (answer.kind === 'result' && status >= 200 && status < 300) return { kind: 'answered', result: answer.result, time: answer.time, status, durationMs }

  // A 4xx without Bitrix24's JSON comes from a proxy that blocked the call or replaced its answer; the call has ended. A 5xx may be a gateway's
  // time-out while the portal still works, and so may a 2xx that is cut short.
  if (status >= 400 && status < 500) return { kind: 'refused', code: `HTTP_${status}`, words: 'the answer is not JSON', status, retryAfterMs, durationMs }
  return { kind: 'unknown', cause: `HTTP_${status}`, lastByteAt, retryAfterMs, durationMs }
}

/** Only the origin is used: the rest of a location may contain anything. */
function originOf (location: string | string[] | undefined, endpoint: string): string | null {
  if (typeof location !== 'string' || !URL.canParse(location, endpoint)) return null
  const { origin } = new URL(location, endpoint)
  return origin === 'null' ? null : origin
}

const ONE_DAY_MS = 24 * 60 * 60 * 1000

type Answer = Extract<Exchange, { kind: 'response' }>

/** `Retry-After` in seconds, or as a date by the clock of the answer's `Date` (RFC 9110 §10.2.3), within a day. */
function readRetryAfter ({ 'retry-after': value, date }: Answer['headers']): number | null {
  if (typeof value !== 'string') return null
  const waitMs = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - Date.parse(String(date))
  return Number.isNaN(waitMs) ? null : Math.min(Math.max(waitMs, 0), ONE_DAY_MS)
}
