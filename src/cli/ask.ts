interface Answer {
  readonly status: number
  readonly text: string
  /** The address of a redirect, which is not followed: it would get the token. */
  readonly location: string | null
}

interface Request {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** 30 s by default. */
  readonly timeoutMs?: number | undefined
}

/** `RELAY_URL` is the default of every command's `--url`. */
const SETTING = 'RELAY_URL or --url'

/** Makes a request to the relay at `url`. Rejects with an Error that has the remedy if there is no answer. */
export async function ask (url: string, path: string, { timeoutMs = 30_000, ...request }: Request): Promise<Answer> {
  const target = URL.canParse(path, url) ? new URL(path, url) : null
  if (target === null || !/^https?:$/.test(target.protocol)) throw new Error(`${url} is no address such as http://127.0.0.1:3000: correct ${SETTING}`)
  try {
    const response = await fetch(target, { ...request, redirect: 'manual', signal: AbortSignal.timeout(timeoutMs) })
    return { status: response.status, text: await response.text(), location: response.headers.get('location') }
  } catch (error) {
    throw new Error(explain(url, request.method, timeoutMs, error))
  }
}

/** For an answer that only another program gives. */
export function explainStranger (url: string, { status, location }: Answer): string {
  return location === null
    ? `${url} answered ${status}, and not as the relay: a proxy or another program answers there. Is the relay running, and does ${SETTING} name its address?`
    : `${url} answered ${status} and leads to ${location}: set ${SETTING} to the relay's own address`
}

function explain (url: string, method: string, timeoutMs: number, error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') {
    const doubt = method === 'GET' ? '' : '; what was asked may be done all the same'
    return `${url} has not answered within ${timeoutMs / 1000} s: its log says whether it works, and ${SETTING} names its address${doubt}`
  }
  // Without a cause, nothing was sent: a header is faulty, for example.
  if (!(error.cause instanceof Error)) return error.message
  const why = 'code' in error.cause ? String(error.cause.code) : error.cause.message
  if (why === 'ERR_SSL_WRONG_VERSION_NUMBER') return `${url} does not speak https (${why}): ${SETTING} begins with http:// for the relay itself`
  if (/^(?:CERT_|ERR_TLS_CERT|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO)/.test(why)) {
    return `the certificate of ${url} is not trusted (${why}): correct ${SETTING}, or set NODE_EXTRA_CA_CERTS to the file of a private authority`
  }
  return `${url} gives no answer (${why}): is the relay running? ${SETTING} names its address`
}
