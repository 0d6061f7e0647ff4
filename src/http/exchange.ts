import type { Dispatcher } from 'undici'

interface Outgoing {
  readonly url: URL
  /** POST by default. */
  readonly method?: 'GET' | 'POST'
  /** A list of alternating names and values keeps their order and repetitions. */
  readonly headers: Readonly<Record<string, string>> | string[]
  readonly body: Buffer
}

interface ExchangeLimits {
  readonly signal: AbortSignal | null
  /** From the first byte of the request to the last byte of the answer. */
  readonly responseTimeoutMs: number
  /** Milliseconds of the clock that the caller's waits use. */
  readonly now: () => number
}

/**
 * The outcome of one request. `unsent`: no byte was sent. Otherwise `lastByteAt` is the latest time at which the last byte was sent: the end of
 * the exchange. TCP repeats lost bytes until then, and nobody tells us when they arrived.
 * `cause` is an error's code, never its message, which may contain an address.
 */
export type Exchange =
  | { readonly kind: 'response', readonly status: number, readonly headers: Readonly<Record<string, string | string[] | undefined>>, readonly body: Buffer, readonly lastByteAt: number }
  | { readonly kind: 'unsent', readonly cause: string }
  | { readonly kind: 'lost', readonly cause: string, readonly lastByteAt: number }

class ExchangeEnded extends Error {
  readonly code: 'ABORTED' | 'RESPONSE_TIMEOUT'

  constructor (code: ExchangeEnded['code']) {
    super(code)
    this.code = code
  }
}

/** Sends one request without redirects or retries. It always fulfils: failures are outcomes. */
export function exchange (dispatcher: Dispatcher, outgoing: Outgoing, limits: ExchangeLimits): Promise<Exchange> {
  const { url, method = 'POST', headers, body } = outgoing
  const { signal, responseTimeoutMs, now } = limits

  return new Promise(resolve => {
    let controller: Dispatcher.DispatchController | null = null
    let deadline: NodeJS.Timeout | undefined
    let status = 0
    let answerHeaders: Readonly<Record<string, string | string[] | undefined>> = {}
    const chunks: Buffer[] = []

    const finish = (outcome: Exchange) => {
      clearTimeout(deadline)
      signal?.removeEventListener('abort', onAbort)
      resolve(outcome)
    }
    const fail = (error: unknown) => {
      const cause = causeOf(error)
      finish(controller === null ? { kind: 'unsent', cause } : { kind: 'lost', cause, lastByteAt: now() })
    }
    const onAbort = () => {
      const error = new ExchangeEnded('ABORTED')
      if (controller === null) fail(error)
      else controller.abort(error)
    }

    if (signal?.aborted) return onAbort()
    signal?.addEventListener('abort', onAbort, { once: true })

    const handler: Dispatcher.DispatchHandler = {
      onRequestStart (started) {
        // Aborted while connecting: undici sends nothing of a request that is aborted here.
        if (signal?.aborted) return started.abort(new ExchangeEnded('ABORTED'))
        controller = started
        deadline = setTimeout(() => started.abort(new ExchangeEnded('RESPONSE_TIMEOUT')), responseTimeoutMs)
      },
      onResponseStart (_controller, statusCode, received) {
        status = statusCode
        answerHeaders = received
      },
      onResponseData (_controller, chunk) {
        chunks.push(chunk)
      },
      onResponseEnd () {
        finish({ kind: 'response', status, headers: answerHeaders, body: Buffer.concat(chunks), lastByteAt: now() })
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
