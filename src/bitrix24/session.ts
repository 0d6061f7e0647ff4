import { setTimeout as sleep } from 'node:timers/promises'
import { type PortalConfig, pinnedOrigin } from './hosts.ts'
import { addressOf, configDigest, isUnproven } from './place.ts'
import type { Log } from '../base/log.ts'
import type { HeldLease } from '../outbox/leases.ts'
import type { PortalRecord, Portals } from '../outbox/portals.ts'
import type { CallResult, Client } from './client.ts'
import { actionFor } from './codes.ts'
import { patchFor } from './configured.ts'
import type { OAuth } from './oauth.ts'
import { createRefresher, type Renewal } from './refresher.ts'

/**
 * `requests`: the HTTP requests that count towards the portal's limits; those to the OAuth server do not. `tokensVersion`: the tokens that were
 * used. The result says nothing about newer ones.
 */
export type SessionResult = CallResult & { readonly requests: number, readonly tokensVersion?: number }

export interface Session {
  /**
   * Compares the record with the configuration: imports a new BITRIX24_REFRESH_TOKEN, drops the tokens of another application, and asks the OAuth
   * server whether a new BITRIX24_PORTAL_URL is the same portal. Await it once before the first call. Rejects if it is another portal.
   */
  open (): Promise<void>
  /**
   * Calls a method with the current token. If needed, renews the token, which also proves the new address of a portal that redirects. Rejects only
   * with StoreUnavailable. Never returns a code whose action is `refresh`.
   */
  call (method: string, params: Readonly<Record<string, unknown>>, options?: { readonly signal?: AbortSignal }): Promise<SessionResult>
  authorizeUrl (): string | null
  /** Fulfilled when no refresh is running and its pair is stored. If the process ended earlier, the pair could be lost. */
  idle (): Promise<void>
}

interface SessionOptions {
  readonly portalId: string
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

/** The portal may not know a new token for a moment. */
const FRESH_TOKEN_WAIT_MS = 1000

/** How often the tokens may be replaced during a call. */
const MAX_REPLACED = 3

/** The start waits this long for the proof of a new address. It is shorter than a lease, which is not renewed meanwhile. */
const PROOF_WAIT_MS = 5000

/** The link by which an administrator can grant new tokens; null while the client id is not known. */
export function authorizeUrl (address: string, { clientId }: PortalConfig): string | null {
  return clientId === null ? null : `${address}/oauth/authorize/?${new URLSearchParams({ client_id: clientId })}`
}

/** Calls the portal under one lease. */
export function createSession ({ portalId, portal, portals, client, oauth, lease, now, log, onRenewal }: SessionOptions): Session {
  const { epoch } = lease
  const refresher = createRefresher({ portalId, portal, portals, oauth, lease, now, log, onRenewal })
  let address = portal.url

  async function read (): Promise<PortalRecord> {
    const record = await portals.read(portalId)
    address = addressOf(portal, record)
    return record
  }

  /** Applies changes of the configuration to the record. */
  async function adapt (): Promise<PortalRecord> {
    const record = await read()
    const patch = patchFor(portal, record, { now: now(), log })
    if (Object.keys(patch).length === 0) return record
    // If an install has changed the tokens meanwhile, the next call sees them.
    await portals.write(portalId, patch, { epoch, tokensVersion: record.tokensVersion })
    return await read()
  }

  return {
    async open () {
      const { refusedConfig } = await read()
      if (refusedConfig?.digest === configDigest(portal)) throw new Error(refusedConfig.words)
      const record = await adapt()
      const isUnknown = record.memberId === null && portal.clientId !== null
      const isProven = !isUnproven(portal, record) && !isUnknown && record.tokens?.accessToken !== ''
      if (isProven) return
      const renewal = record.tokens === null ? null : await orAborted(refresher.renew(record.tokens.accessToken), AbortSignal.timeout(PROOF_WAIT_MS))
      if (renewal !== null && renewal !== 'aborted' && renewal.kind === 'refused' && renewal.code === 'other-portal') throw new Error(renewal.words)
      const asked = await read()
      if (isUnproven(portal, asked) && asked.parked === null) await portals.write(portalId, { parked: { code: 'portal-unproven', since: now() } }, { epoch })
    },

    async call (method, params, { signal } = {}) {
      const startedAt = performance.now()
      let requests = 0
      let hasRenewed = false
      let hasWaited = false
      /** The address that has redirected the call. */
      let left: string | null = null
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

        const record = await read()
        const { tokens, tokensVersion } = record
        const isDoubtful = isUnproven(portal, record)
        const unproven = (words: string) => refused({ code: 'portal-unproven', words, status: 0, tokensVersion })
        if (tokens === null) {
          return isDoubtful
            ? unproven('there is no token with which to ask the OAuth server for the portal\'s address: install the application again')
            : refused({ code: 'not-installed', words: 'the portal has not installed the application yet', status: 0, tokensVersion })
        }
        const { accessToken } = tokens

        if (!lease.isHeld()) return { kind: 'unreachable', cause: 'LEASE_LOST', ...spent() }
        const endpoint = addressOf(portal, record)
        if (endpoint === left) return unproven('the portal redirects to an address that the OAuth server does not confirm')
        if (accessToken !== '' && !isDoubtful) {
          const result = await client.call({ endpoint, method, params, accessToken, signal })
          requests++
          if (result.kind === 'moved') {
            const target: string | null = pinnedOrigin(endpoint, result.location) ?? pinnedOrigin(portal.url, result.location)
            if (left !== null || target === null || target === endpoint) return refused({ code: 'PORTAL_MOVED', words: 'the portal redirects to an address that BITRIX24_PORTAL_URL does not cover', status: 302, tokensVersion })
            left = endpoint
          } else if (result.kind !== 'refused' || actionFor(result.code, result.status) !== 'refresh') return { ...result, requests, tokensVersion }
          else if (hasRenewed && !hasWaited) {
            hasWaited = true
            await orAborted(sleep(FRESH_TOKEN_WAIT_MS), signal)
            continue
          } else if (hasRenewed || replaced > MAX_REPLACED) return refused({ code: 'TOKEN_REFUSED', words: `${result.code}: ${result.words}`, status: result.status, tokensVersion })
        }

        const renewal = await orAborted(refresher.renew(accessToken), signal)
        if (renewal === 'aborted') continue
        if (renewal.kind === 'refused') return refused(renewal)
        if (renewal.kind === 'unreachable') {
          return isDoubtful || left !== null
            ? unproven(`the OAuth server cannot be asked for the portal's address (${renewal.cause})`)
            : { kind: 'unreachable', cause: renewal.cause, ...spent() }
        }
        if (renewal.kind === 'renewed') hasRenewed = true
        else replaced++
      }
    },

    authorizeUrl: () => authorizeUrl(address, portal),

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
