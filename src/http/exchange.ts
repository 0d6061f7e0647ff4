import type { Dispatcher } from 'undici'

export interface Outgoing {
  readonly url: URL
  /** POST unless it says otherwise. */
  readonly method?: 'GET' | 'POST'
  /** Names and values in turn where they must go out in their order and number. */
  readonly headers: Readonly<Record<string, string>> | string[]
  readonly body: Buffer
}

export interface ExchangeLimits {
  readonly signal: AbortSignal | null
  /** From the first byte of the request to the last one of the answer. */
  readonly responseTimeoutMs: number
  /** Wall clock in milliseconds. */
  readonly now: () => number
}

/**
 * One request and what came of it. `unsent` means that no byte of it left us. In the other two `lastByteAt` is when the last byte
 * left, at the latest. `cause` is an error's code and never its text, which may name an address.
 */
export type Exchange =
  | { readonly kind: 'response', readonly status: number, readonly headers: Readonly<Record<string, string | string[] | undefined>>, readonly body: Buffer, readonly lastByteAt: number }
  | { readonly kind: 'unsent', readonly cause: string }
  | { readonly kind: 'lost', readonly cause: string, readonly lastByteAt: number }

/**
 * A request of this size leaves in one flight, the initial window of TCP (10 segments, RFC 6928), as soon as it is written.
 * What is longer may wait in a buffer of ours or of the kernel, so its last byte is dated by the end of the exchange.
 */
const ONE_FLIGHT_BYTES = 12 * 1024

class ResponseTimeout extends Error {
  readonly code = 'RESPONSE_TIMEOUT'
}

class Aborted extends Error {
  readonly code = 'ABORTED'
}

/** Sends one request without following redirects or repeating it. It always fulfils: failures are outcomes. */
export function exchange (dispatcher: Dispatcher, outgoing: Outgoing, limits: ExchangeLimits): Promise<Exchange> {
  const { url, method = 'POST', headers, body } = outgoing
  const { signal, responseTimeoutMs, now } = limits

  return new Promise(resolve => {
    let controller: Dispatcher.DispatchController | null = null
    let deadline: NodeJS.Timeout | undefined
    let sentAt: number | null = null
    let status = 0
    let answerHeaders: Readonly<Record<string, string | string[] | undefined>> = {}
    const chunks: Buffer[] = []

    const lastByteAt = () => sentAt !== null && body.byteLength <= ONE_FLIGHT_BYTES ? sentAt : now()

    const finish = (outcome: Exchange) => {
      clearTimeout(deadline)
      signal?.removeEventListener('abort', onAbort)
      resolve(outcome)
    }
    const fail = (error: unknown) => {
      const cause = causeOf(error)
      finish(controller === null ? { kind: 'unsent', cause } : { kind: 'lost', cause, lastByteAt: lastByteAt() })
    }
    const onAbort = () => {
      const aborted = new Aborted('aborted by its caller')
      if (controller === null) fail(aborted)
      else controller.abort(aborted)
    }

    if (signal?.aborted) return fail(new Aborted('aborted by its caller'))
    signal?.addEventListener('abort', onAbort, { once: true })

    const handler: Dispatcher.DispatchHandler = {
      onRequestStart (started) {
        // Given up while the connection was being made: undici writes nothing of a request that is aborted here.
        if (signal?.aborted) return started.abort(new Aborted('aborted by its caller'))
        controller = started
        deadline = setTimeout(() => started.abort(new ResponseTimeout('no complete answer in time')), responseTimeoutMs)
      },
      onRequestSent () {
        sentAt = now()
      },
      onResponseStart (_controller, statusCode, received) {
        status = statusCode
        answerHeaders = received
      },
      onResponseData (_controller, chunk) {
        chunks.push(chunk)
      },
      onResponseEnd () {
        finish({ kind: 'response', status, headers: answerHeaders, body: Buffer.concat(chunks), lastByteAt: lastByteAt() })
      },
      onResponseError (_controller, error) {
        fail(error)
      },
    }

    try {
      dispatcher.dispatch({ origin: url.origin, path: `${url.pathname}${url.search}`, method, headers, body: method === 'GET' ? null : body }, handler)
    } catch (error) {
      fail(error)
    }
  })
}

function causeOf (error: unknown): string {
  if (!(error instanceof Error)) return 'UNKNOWN'
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}
