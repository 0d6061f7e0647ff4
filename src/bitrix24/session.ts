import { createHash } from 'node:crypto'
import { type PortalConfig, pinnedOrigin } from './hosts.ts'
import type { Log } from '../base/log.ts'
import type { HeldLease } from '../outbox/leases.ts'
import type { Portals } from '../outbox/portals.ts'
import type { CallResult, Client } from './client.ts'
import { actionFor } from './codes.ts'
import type { OAuth } from './oauth.ts'
import { createRefresher, type Renewal } from './refresher.ts'

/**
 * `requests`: the HTTP requests that count towards the portal's limits; those to the OAuth server do not. `tokensVersion`: the tokens that were
 * used. The result says nothing about newer ones.
 */
export type SessionResult = CallResult & { readonly requests: number, readonly tokensVersion?: number }

export interface Session {
  /** Imports BITRIX24_REFRESH_TOKEN if its value is new. Await it once before the first call. */
  open (): Promise<void>
  /**
   * Calls a method with the current token. If needed, renews the token and follows a moved portal once. Rejects only with StoreUnavailable. Never
   * returns a code whose action is `refresh`.
   */
  call (method: string, params: Readonly<Record<string, unknown>>, options?: { readonly signal?: AbortSignal }): Promise<SessionResult>
  authorizeUrl (): string | null
  /** Fulfilled when no refresh is running and its pair is stored. If the process ended earlier, the pair could be lost. */
  idle (): Promise<void>
}

interface SessionOptions {
  readonly portal: PortalConfig
  readonly portals: Portals
  readonly client: Client
  readonly oauth: OAuth
  readonly lease: HeldLease
  readonly now: () => number
  readonly log: Log
  readonly onRenewal?: (renewal: Renewal) => void
}

type Refusal = Omit<Extract<Renewal, { kind: 'refused' }>, 'kind'>

/** How often the tokens may be replaced during a call. */
const MAX_REPLACED = 3

/** The link by which an administrator can grant new tokens; null while the client id is not known. */
export function authorizeUrl ({ url, clientId }: PortalConfig): string | null {
  return clientId === null ? null : `${url}/oauth/authorize/?${new URLSearchParams({ client_id: clientId })}`
}

/** Calls the portal under one lease. */
export function createSession ({ portal, portals, client, oauth, lease, now, log, onRenewal }: SessionOptions): Session {
  const { epoch } = lease
  const refresher = createRefresher({ portal, portals, oauth, lease, now, log, onRenewal })

  async function follow (location: string, endpoint: string): Promise<boolean> {
    const origin = pinnedOrigin(portal.url, location)
    if (origin === null || origin === endpoint) return false
    await portals.write(portal.host, { endpoint: origin }, { epoch })
    log.info({ event: 'portal.moved', portal: portal.host, endpoint: origin }, 'the portal has a new address')
    return true
  }

  return {
    async open () {
      const record = await portals.read(portal.host)
      if (portal.refreshToken !== null) {
        const importedToken = createHash('sha256').update(portal.refreshToken).digest('base64url')
        if (importedToken !== record.importedToken) {
          const tokens = { accessToken: '', refreshToken: portal.refreshToken, accessExpiresAt: null }
          await portals.write(portal.host, { tokens, importedToken, refreshStartedAt: null, refreshTries: 0, parked: null }, { epoch, tokensVersion: record.tokensVersion })
          log.info({ event: 'oauth.imported', portal: portal.host }, 'BITRIX24_REFRESH_TOKEN is taken over')
          return
        }
      }
      // Bitrix24 shows id and secret only after the install. Once both are set, the tokens of that install can be renewed.
      const canRefresh = portal.clientId !== null && portal.clientSecret !== null && record.tokens !== null
      if (canRefresh && record.parked?.code === 'not-installed') await portals.write(portal.host, { parked: null }, { epoch })
    },

    async call (method, params, { signal } = {}) {
      const startedAt = performance.now()
      let requests = 0
      let hasRenewed = false
      let hasMoved = false
      let replaced = 0

      const spent = () => ({ requests, durationMs: performance.now() - startedAt })
      const refused = ({ code, words, status, tokensVersion }: Refusal): SessionResult =>
        ({ kind: 'refused', code, words, status, retryAfterMs: null, tokensVersion, ...spent() })

      for (;;) {
        // During a refresh a call would waste a request on the old token.
        const pending = refresher.underWay()
        const others = pending === null ? null : await orAborted(pending, signal)
        if (signal?.aborted) return { kind: 'unreachable', cause: 'ABORTED', ...spent() }
        if (others !== null && others !== 'aborted' && others.kind === 'refused') return refused(others)

        const record = await portals.read(portal.host)
        const { tokens, tokensVersion } = record
        if (tokens === null) return refused({ code: 'not-installed', words: 'the portal has not installed the application yet', status: 0, tokensVersion })
        const { accessToken } = tokens

        if (!lease.isHeld()) return { kind: 'unreachable', cause: 'LEASE_LOST', ...spent() }
        if (accessToken !== '') {
          const endpoint = record.endpoint ?? portal.url
          const result = await client.call({ endpoint, method, params, accessToken, signal })
          requests++
          if (result.kind === 'moved') {
            if (hasMoved || !await follow(result.location, endpoint)) return refused({ code: 'PORTAL_MOVED', words: 'the portal redirects to an address that BITRIX24_PORTAL_URL does not cover', status: 302, tokensVersion })
            hasMoved = true
            continue
          }
          if (result.kind !== 'refused' || actionFor(result.code, result.status) !== 'refresh') return { ...result, requests, tokensVersion }
          if (hasRenewed || replaced > MAX_REPLACED) return refused({ code: 'TOKEN_REFUSED', words: `${result.code}: ${result.words}`, status: result.status, tokensVersion })
        }

        const renewal = await orAborted(refresher.renew(accessToken), signal)
        if (renewal === 'aborted') continue
        if (renewal.kind === 'refused') return refused(renewal)
        if (renewal.kind === 'unreachable') return { kind: 'unreachable', cause: renewal.cause, ...spent() }
        if (renewal.kind === 'renewed') hasRenewed = true
        else replaced++
      }
    },

    authorizeUrl: () => authorizeUrl(portal),

    idle: () => refresher.idle(),
  }
}

/** The signal ends only the wait. The refresh itself continues. */
async function orAborted<T> (work: Promise<T>, signal: AbortSignal | undefined): Promise<T | 'aborted'> {
  if (signal === undefined) return work
  if (signal.aborted) return 'aborted'
  const { promise, resolve } = Promise.withResolvers<'aborted'>()
  const onAbort = () => resolve('aborted')
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
