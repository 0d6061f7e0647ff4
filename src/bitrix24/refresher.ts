import { setTimeout as sleep } from 'node:timers/promises'
import { type PortalConfig, allowedOAuthOrigin, defaultOAuthOrigin } from './hosts.ts'
import type { Log } from '../base/log.ts'
import { type HeldLease, ORPHANED_MS } from '../outbox/leases.ts'
import { type PortalPatch, type PortalRecord, type Portals, type PortalTokens, type WriteCondition } from '../outbox/portals.ts'
import type { Grant, OAuth } from './oauth.ts'
import { addressOf, configDigest, locate, type Proof } from './place.ts'

/**
 * `renewed`: a new pair is stored. `replaced`: the refused token is no longer the current one, so no request was made. `refused`: the tokens of
 * `tokensVersion` cannot be renewed.
 */
export type Renewal =
  | { readonly kind: 'renewed' }
  | { readonly kind: 'replaced' }
  | { readonly kind: 'refused', readonly code: string, readonly words: string, readonly status: number, readonly tokensVersion: number }
  | { readonly kind: 'unreachable', readonly cause: string }

interface RefresherOptions {
  readonly portalId: string
  readonly portal: PortalConfig
  readonly portals: Portals
  readonly oauth: OAuth
  readonly lease: HeldLease
  readonly now: () => number
  readonly log: Log
  /** Called after each renewal. */
  readonly onRenewal?: (renewal: Renewal) => void
}

/** The portal's OAuth server: the configured one, else that of the install, else that of the portal's country. */
export function oauthOriginFor (portal: PortalConfig, record: PortalRecord): string | null {
  const address = addressOf(portal, record)
  return allowedOAuthOrigin(address, portal.oauthUrl ?? record.oauthUrl ?? defaultOAuthOrigin(address))
}

export const NO_CREDENTIALS = 'set BITRIX24_CLIENT_ID and BITRIX24_CLIENT_SECRET to those that Bitrix24 shows for the local application, and restart'

/** Storing a new pair is tried again after this long. */
const STORE_RETRY_MS = 1000

/**
 * Bitrix24 rotates the refresh token with each use, and after a lost pair only an install helps. So there is one refresh at a time, a mark is
 * committed under the lease before it is sent, and the new pair is stored before it is used. It is stored even after the lease was lost, unless there
 * are newer tokens, because the portal accepts no other pair.
 */
export function createRefresher ({ portalId, portal, portals, oauth, lease, now, log, onRenewal = () => {} }: RefresherOptions) {
  let current: Promise<Renewal> | null = null
  /** A new pair that could not be stored yet. Another refresh would lose it. */
  let unsaved: { readonly grant: Grant, readonly record: PortalRecord } | null = null
  /** Until then, a refresh of the former leader may still be running. */
  const formerEndsAt = lease.isOrphaned ? performance.now() + ORPHANED_MS : 0

  /** Writes only if the tokens have not changed since the refresh started: an install may have replaced them. */
  async function writeIfCurrent ({ tokensVersion }: PortalRecord, patch: PortalPatch, condition: WriteCondition = {}): Promise<boolean> {
    return await portals.write(portalId, patch, { ...condition, tokensVersion })
  }

  async function save (grant: Grant, record: PortalRecord): Promise<Renewal> {
    unsaved = { grant, record }
    const { accessToken, refreshToken, accessExpiresAt } = grant
    const proof = locate(portal, record, grant)
    const pair = { accessToken, refreshToken, accessExpiresAt }
    const isCurrent = await writeIfCurrent(record, {
      refreshStartedAt: null,
      refreshTries: 0,
      // Another leader, which did not have this pair, may have parked the portal.
      ...lease.isHeld() ? {} : { parked: null },
      ...afterProof(proof, pair, record),
    })
    unsaved = null
    log.info({ event: 'oauth.refreshed' }, 'the tokens are renewed')
    if (!isCurrent) return { kind: 'replaced' }
    if (proof.kind !== 'proven') return { kind: 'refused', code: proof.kind === 'other' ? 'other-portal' : 'portal-unproven', words: proof.words, status: 0, tokensVersion: record.tokensVersion + 1 }
    if (record.address !== null && record.address !== proof.patch.address) log.info({ event: 'portal.moved', from: record.address, to: proof.patch.address }, 'the portal has a new address')
    return { kind: 'renewed' }
  }

  /** An access token that may not be used is not stored: only another refresh can tell whether the portal's address is proven by then. */
  function afterProof (proof: Proof, pair: PortalTokens, record: PortalRecord): PortalPatch {
    if (proof.kind === 'proven') return { ...proof.patch, tokens: pair, clientId: portal.clientId, beforeImport: null }
    const locked = { ...pair, accessToken: '' }
    if (proof.kind === 'elsewhere') return { tokens: locked }
    const refusedConfig = { digest: configDigest(portal), words: proof.words }
    return { tokens: locked, ...record.beforeImport, beforeImport: null, refusedConfig }
  }

  async function refresh (refusedToken: string): Promise<Renewal> {
    if (unsaved !== null) return save(unsaved.grant, unsaved.record)

    const record = await portals.read(portalId)
    const { tokens, tokensVersion } = record
    const refused = (code: string, words: string, status = 0): Renewal => ({ kind: 'refused', code, words, status, tokensVersion })
    if (tokens === null) return refused('not-installed', 'the portal holds no tokens')
    if (tokens.accessToken !== refusedToken) return { kind: 'replaced' }
    const { clientId, clientSecret } = portal
    if (clientId === null || clientSecret === null) return refused('not-installed', NO_CREDENTIALS)
    const oauthUrl = oauthOriginFor(portal, record)
    if (oauthUrl === null) return refused('OAUTH_HOST_REFUSED', 'BITRIX24_OAUTH_URL is not a server of Bitrix24')

    if (record.refreshStartedAt !== null && performance.now() < formerEndsAt) return { kind: 'unreachable', cause: 'REFRESH_UNDER_WAY' }

    // After a lost answer the refresh is repeated once, also after a restart; then once for each probe of the park.
    let triesLeft = record.refreshTries === 0 ? 2 : 1
    let tries = record.refreshTries
    for (;;) {
      const mark = { refreshStartedAt: now(), refreshTries: tries + 1 }
      if (!await writeIfCurrent(record, mark, { epoch: lease.epoch })) return { kind: 'replaced' }
      if (!lease.isHeld()) return { kind: 'unreachable', cause: 'LEASE_LOST' }
      const result = await oauth.refresh({ oauthUrl, clientId, clientSecret, refreshToken: tokens.refreshToken })

      if (result.kind === 'granted') return save(result.grant, record)
      if (result.kind === 'unreachable') {
        // Nothing was sent, so this try does not count.
        const startedAt = tries === 0 ? null : mark.refreshStartedAt
        await writeIfCurrent(record, { refreshStartedAt: startedAt, refreshTries: tries }, { epoch: lease.epoch })
        return { kind: 'unreachable', cause: `OAUTH_${result.cause}` }
      }
      if (result.kind === 'refused') {
        log.warn({ event: 'oauth.refused', code: result.code, status: result.status }, 'the OAuth server does not renew the tokens')
        const isCurrent = await writeIfCurrent(record, { refreshStartedAt: null, refreshTries: 0 }, { epoch: lease.epoch })
        return isCurrent ? refused(result.code, result.words, result.status) : { kind: 'replaced' }
      }

      tries++
      triesLeft--
      log.warn({ event: 'oauth.answer-lost', cause: result.cause, tries }, 'the answer to a refresh was lost; the tokens may have been rotated')
      if (triesLeft === 0) return refused('refresh-lost', 'the answers to the refresh of the tokens were lost')
    }
  }

  async function observed (refusedToken: string): Promise<Renewal> {
    const renewal = await refresh(refusedToken)
    onRenewal(renewal)
    return renewal
  }

  return {
    /** Renews the tokens after `refusedToken` was refused. Concurrent callers share one refresh. */
    renew (refusedToken: string): Promise<Renewal> {
      current ??= observed(refusedToken).finally(() => { current = null })
      return current
    },
    /** The running refresh, or null. */
    underWay: () => current,
    /** Fulfilled when no refresh is running and its pair is stored, however long the store takes. */
    async idle (): Promise<void> {
      await current?.catch(() => {})
      while (unsaved !== null) {
        const { grant, record } = unsaved
        await save(grant, record).catch(() => sleep(STORE_RETRY_MS))
      }
    },
  }
}
