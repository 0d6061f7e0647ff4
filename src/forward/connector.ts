import { Pool } from 'undici'
import { exchange, type Exchange } from '../http/exchange.ts'
import { createAddressRule, createLookup, type Resolve } from './address-rule.ts'
import { type IncomingWebhook, hasComeBack, toConnectorHeaders, toMessengerHeaders, targetUrl } from './request.ts'

/** The connector that a channel stands in front of. */
export interface ConnectorConfig {
  /** Where it takes webhooks, without credentials. Even so it may hold a secret, in its path or query. */
  readonly url: string
  /** Whether requests go on to it that hold nothing but edits. */
  readonly edits: boolean
  /** Whether it answers the messenger's questions about the address. */
  readonly handshakes: boolean
  /** Addresses and CIDR ranges that it may be at although they are not public. */
  readonly privateRanges: readonly string[]
  /** How long it may take to answer. */
  readonly timeoutMs: number
}

/*
 * Own code on undici, because what a reverse proxy for Fastify makes easy is not what is wanted here: @fastify/reply-from passes an answer on
 * while it arrives, so that a messenger takes one that breaks off for success; it does not bound answers, check the address that is
 * connected to, or tell Forwarded and Via; it writes a JSON body anew unless told otherwise, and unless told otherwise it verifies no certificate.
 */

/** As many as Telegram opens at once at the most. None waits for a place: its messenger repeats it. */
const MAX_IN_FLIGHT = 100

const MAX_ANSWER_BYTES = 1024 * 1024
const CONNECT_TIMEOUT_MS = 5000

/** A connection that the connector closes in the moment in which it is used again costs a 502, and most servers keep an idle one for a few seconds. */
const IDLE_MS = 1000
const IDLE_AS_PROMISED_MS = 30_000

/**
 * What passing a request on came to. `unreachable`: nothing was sent. `timeout` and `broken` (no answer, half of one, one that is too large
 * or no HTTP): the connector may have acted on it. `busy`, `loop` and `stopped`: we did not try. `cause` is an error's code and never its text.
 */
export type Passage =
  | { readonly outcome: 'answered', readonly status: number, readonly headers: Readonly<Record<string, string | string[]>>, readonly body: Buffer, readonly durationMs: number }
  | { readonly outcome: 'unreachable' | 'timeout' | 'broken' | 'busy' | 'loop' | 'stopped', readonly cause: string, readonly durationMs: number }

export interface ConnectorOptions {
  readonly config: ConnectorConfig
  /** Names this channel in Via. */
  readonly pseudonym: string
  /** Wall clock in milliseconds. */
  readonly now: () => number
  readonly resolve?: Resolve
}

/** The connector behind a channel. */
export interface Connector {
  /** Passes a request on as it came. It always fulfils: failures are outcomes. */
  pass (request: IncomingWebhook): Promise<Passage>
  /** Lets requests under way end for so long, and cuts off the rest. */
  stop (graceMs: number): Promise<void>
}

export function createConnector ({ config, pseudonym, now, resolve }: ConnectorOptions): Connector {
  const { timeoutMs } = config
  const pool = new Pool(new URL(config.url).origin, {
    connections: MAX_IN_FLIGHT,
    pipelining: 1,
    // Said here as well, so that NODE_TLS_REJECT_UNAUTHORIZED cannot switch it off.
    connect: { timeout: Math.min(CONNECT_TIMEOUT_MS, timeoutMs), rejectUnauthorized: true, lookup: createLookup(createAddressRule(config), resolve) },
    maxResponseSize: MAX_ANSWER_BYTES,
    allowH2: false,
    keepAliveTimeout: IDLE_MS,
    keepAliveMaxTimeout: IDLE_AS_PROMISED_MS,
  })
  const stopping = new AbortController()
  const underWay = new Set<Promise<Exchange>>()

  function refusal (request: IncomingWebhook): Passage | null {
    if (hasComeBack(request.arrival, pseudonym)) return { outcome: 'loop', cause: 'VIA', durationMs: 0 }
    if (stopping.signal.aborted) return { outcome: 'stopped', cause: 'STOPPED', durationMs: 0 }
    return underWay.size < MAX_IN_FLIGHT ? null : { outcome: 'busy', cause: 'IN_FLIGHT', durationMs: 0 }
  }

  return {
    async pass (request) {
      const refused = refusal(request)
      if (refused !== null) return refused
      const startedAt = performance.now()
      const exchanging = exchange(pool, {
        url: targetUrl(config.url, request),
        method: request.method,
        headers: toConnectorHeaders(request.arrival, pseudonym),
        body: request.body,
      }, { signal: stopping.signal, responseTimeoutMs: timeoutMs, now })
      underWay.add(exchanging)
      const outcome = await exchanging
      underWay.delete(exchanging)
      return toPassage(outcome, performance.now() - startedAt)
    },

    async stop (graceMs) {
      const timer = setTimeout(() => stopping.abort(), graceMs)
      while (underWay.size > 0) await Promise.all(underWay)
      clearTimeout(timer)
      stopping.abort()
      await pool.destroy()
    },
  }
}

function toPassage (exchanged: Exchange, durationMs: number): Passage {
  if (exchanged.kind === 'response') {
    const { status, headers, body } = exchanged
    // There is nothing that a messenger could do with another one.
    if (status < 200 || status > 599) return { outcome: 'broken', cause: `HTTP_${status}`, durationMs }
    return { outcome: 'answered', status, headers: toMessengerHeaders(headers), body, durationMs }
  }
  const { kind, cause } = exchanged
  if (cause === 'ABORTED') return { outcome: 'stopped', cause, durationMs }
  if (kind === 'unsent') return { outcome: 'unreachable', cause, durationMs }
  return { outcome: cause === 'RESPONSE_TIMEOUT' ? 'timeout' : 'broken', cause, durationMs }
}
