import { setTimeout as sleep } from 'node:timers/promises'
import { ShuttingDown, TooManyRequests } from '../base/errors.ts'
import type { Portals } from '../outbox/portals.ts'
import type { CallResult, Client } from './client.ts'
import { actionFor } from './codes.ts'
import type { PortalConfig } from './hosts.ts'
import { addressOf, isUnproven } from './place.ts'

/** `words`: what has happened, and in the same sentence what the operator can do. They contain no token. */
export type OperatorAnswer =
  | { readonly kind: 'answered', readonly result: unknown }
  | { readonly kind: 'refused', readonly code: string, readonly words: string }

interface OperatorCallsOptions {
  readonly portalId: string
  readonly portal: PortalConfig
  readonly portals: Pick<Portals, 'read'>
  readonly client: Client
  /** Asks the leader for a call of its own, which renews the token if the portal refuses it. */
  readonly askLeader: () => void
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number
}

export type OperatorCalls = ReturnType<typeof createOperatorCalls>

/** These calls are outside the courier's bucket, so they must stay few. */
const EVERY_MS = 1000

/** With more, the last one would wait longer than a person does. */
const MAX_WAITING = 5

/** The leader renews a token within this time, or there is something that the operator should know. */
const RENEWAL_WAIT_MS = 5000
const RENEWAL_LOOK_MS = 200

/** Codes in upper case. */
const REMEDIES: Readonly<Record<string, string>> = {
  INSUFFICIENT_SCOPE: 'the application lacks the permission imopenlines: add it to the application\'s permissions and install it again',
  QUERY_LIMIT_EXCEEDED: 'the portal takes no more requests at present: ask again in a minute',
  OPERATION_TIME_LIMIT: 'the portal takes no more requests of this kind at present: ask again in ten minutes',
  ERROR_METHOD_NOT_FOUND: 'the portal does not have this method: update its module "Open Channels" (imopenlines)',
}

/**
 * The calls that an operator asks for. Any relay may make them, at most one a second in this process. They use the stored access token as it is, and
 * only at the portal's proven address. They renew, park and change nothing: a failure is an answer for the operator.
 */
export function createOperatorCalls ({ portalId, portal, portals, client, askLeader, now }: OperatorCallsOptions) {
  const halt = new AbortController()
  let freeAt = -Infinity
  let waiting = 0

  async function pause (ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: halt.signal }).catch(() => { throw new ShuttingDown('the relay is stopping') })
  }

  async function turn (): Promise<void> {
    const waitMs = Math.max(0, freeAt - now())
    if (waiting >= MAX_WAITING) throw new TooManyRequests('too many questions to the portal wait already: the relay asks one a second', Math.ceil(waitMs / 1000))
    freeAt = now() + waitMs + EVERY_MS
    if (waitMs === 0) return
    waiting++
    try {
      await pause(waitMs)
    } finally {
      waiting--
    }
  }

  /** Fulfilled when the leader has stored another token, or has had the time to. */
  async function renewed (refusedToken: string): Promise<void> {
    askLeader()
    const until = now() + RENEWAL_WAIT_MS
    while (now() < until) {
      await pause(RENEWAL_LOOK_MS)
      if ((await portals.read(portalId)).tokens?.accessToken !== refusedToken) return
    }
  }

  return {
    /** Rejects with TooManyRequests, ShuttingDown or StoreUnavailable. */
    async call (method: string, params: Readonly<Record<string, unknown>>): Promise<OperatorAnswer> {
      for (let isRepeated = false; ; isRepeated = true) {
        await turn()
        const record = await portals.read(portalId)
        if (isUnproven(portal, record)) return { kind: 'refused', code: 'portal-unproven', words: `nothing proves yet that the portal is at ${portal.url}, so no token is sent there: correct BITRIX24_PORTAL_URL, or install the application again` }
        if (record.tokens === null) return { kind: 'refused', code: 'not-installed', words: 'the portal has not installed the application: `npm run -s relay -- doctor` says how' }
        const { accessToken } = record.tokens
        const result = accessToken === '' ? null : await client.call({ endpoint: addressOf(portal, record), method, params, accessToken, signal: halt.signal })
        if (halt.signal.aborted) throw new ShuttingDown('the relay is stopping')
        if (result?.kind === 'answered') return { kind: 'answered', result: result.result }
        if (isRepeated || !isTokenRefused(result)) return { kind: 'refused', ...explain(result) }
        await renewed(accessToken)
      }
    },

    /** Running calls reject with ShuttingDown. */
    stop (): void {
      halt.abort()
    },
  }
}

/** Null: there is no access token at all. */
function isTokenRefused (result: CallResult | null): boolean {
  return result === null || (result.kind === 'refused' && actionFor(result.code, result.status) === 'refresh')
}

function explain (result: Exclude<CallResult, { kind: 'answered' }> | null): Omit<Extract<OperatorAnswer, { kind: 'refused' }>, 'kind'> {
  if (result === null || (result.kind === 'refused' && isTokenRefused(result))) {
    return { code: result?.code ?? 'no-token', words: 'the access token is refused, and the relay has not renewed it: `npm run -s relay -- status` shows what the portal needs' }
  }
  switch (result.kind) {
    case 'moved': return { code: 'PORTAL_MOVED', words: `the portal redirects to ${result.location}: set BITRIX24_PORTAL_URL to it if that is your portal, and restart` }
    case 'refused': return { code: result.code, words: REMEDIES[result.code.toUpperCase()] ?? `the portal refuses to answer (${result.code}: ${result.words}): \`npm run -s relay -- doctor\` says more` }
    default: return { code: result.cause, words: `the portal does not answer (${result.cause}): check the network and the portal, and ask again` }
  }
}
