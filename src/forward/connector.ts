import { Pool } from 'undici'
import { exchange, type Exchange } from '../http/exchange.ts'
import { createAddressRule, createLookup, type Resolve } from './address-rule.ts'
import { type IncomingWebhook, hasComeBack, toConnectorHeaders, toMessengerHeaders, targetUrl } from './request.ts'

/** The connector behind a channel, as configured. */
export interface ConnectorConfig {
  /** Where it receives webhooks, without user:password. Its path or query may contain a secret. */
  readonly url: string
  /** Whether it gets requests that contain only edits. */
  readonly edits: boolean
  /** Whether it answers the messenger's questions about the address. */
  readonly handshakes: boolean
  /** Addresses and CIDR ranges that are allowed although they are not public. */
  readonly privateRanges: readonly string[]
  /** How long it may take to answer. */
  readonly timeoutMs: number
}

/*
 * Not @fastify/reply-from: it streams answers, so a messenger would treat a broken one as success; it does not limit answers, check the
 * connected address or write Forwarded and Via; by default it serialises JSON bodies again and verifies no certificates.
 */

/** Telegram opens at most this many. Further requests do not wait: the messenger repeats them. */
const MAX_IN_FLIGHT = 100

const MAX_ANSWER_BYTES = 1024 * 1024
const CONNECT_TIMEOUT_MS = 5000

/** Shorter than most servers keep an idle connection: one that closes just as it is used again costs a 502. */
const IDLE_MS = 1000
const IDLE_AS_PROMISED_MS = 30_000

/**
 * The outcome of forwarding a request. `unreachable`: nothing was sent. `timeout` and `broken` (no answer, or one that is incomplete, too
 * large or not HTTP): the connector may have handled it. `busy`, `loop` and `stopped`: not tried. `cause` is an error's code, never its message.
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
  /** Forwards a request unchanged. It always fulfils: failures are outcomes. */
  pass (request: IncomingWebhook): Promise<Passage>
  /** Waits up to `graceMs` for running requests, then aborts the rest. */
  stop (graceMs: number): Promise<void>
}

export function createConnector ({ config, pseudonym, now, resolve }: ConnectorOptions): Connector {
  const { timeoutMs } = config
  const pool = new Pool(new URL(config.url).origin, {
    connections: MAX_IN_FLIGHT,
    pipelining: 1,
    // Explicit, so NODE_TLS_REJECT_UNAUTHORIZED cannot disable it.
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
    // A messenger cannot use any other status.
    if (status < 200 || status > 599) return { outcome: 'broken', cause: `HTTP_${status}`, durationMs }
    return { outcome: 'answered', status, headers: toMessengerHeaders(headers), body, durationMs }
  }
  const { kind, cause } = exchanged
  if (cause === 'ABORTED') return { outcome: 'stopped', cause, durationMs }
  if (kind === 'unsent') return { outcome: 'unreachable', cause, durationMs }
  return { outcome: cause === 'RESPONSE_TIMEOUT' ? 'timeout' : 'broken', cause, durationMs }
}
