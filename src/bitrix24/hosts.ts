import { getDomain, getPublicSuffix } from 'tldts'
import { isLoopback } from '../base/loopback.ts'

/** The portal as the environment names it. */
export interface PortalConfig {
  /** Origin without a trailing slash, for example `https://example.bitrix24.ru`. */
  readonly url: string
  /** The origin's host with its port, if any: the portal's key in the store. */
  readonly host: string
  readonly clientId: string | null
  readonly clientSecret: string | null
  readonly refreshToken: string | null
  readonly oauthUrl: string | null
  /** Our share of the plan's leaky bucket. */
  readonly bucket: { readonly ratePerSecond: number, readonly burst: number }
}

/** The two OAuth servers of Bitrix24 (its AuthorizationServerUrlResolver): which one a portal uses depends on its country. */
const OAUTH_ORIGINS: readonly string[] = ['https://oauth.bitrix.info', 'https://oauth.bitrix24.tech']
const TECH_COUNTRIES: ReadonlySet<string> = new Set(['ru', 'am', 'az', 'ge', 'kz', 'kg', 'uz', 'by'])

/**
 * The origin of an OAuth server that may be given the client secret, or null. A loopback server is one only for a portal on
 * loopback: what an install says must not turn the secret to another service of this machine.
 */
export function allowedOAuthOrigin (portalUrl: string, candidate: string): string | null {
  if (!URL.canParse(candidate)) return null
  const url = new URL(candidate)
  if (OAUTH_ORIGINS.includes(url.origin)) return url.origin
  return isLoopback(url) && isLoopback(new URL(portalUrl)) ? url.origin : null
}

/** Where a portal's tokens are renewed when neither the configuration nor an install has said so. */
export function defaultOAuthOrigin (portalUrl: string): string {
  const url = new URL(portalUrl)
  if (isLoopback(url)) return url.origin
  const country = getPublicSuffix(url.hostname)?.split('.').at(-1) ?? ''
  return TECH_COUNTRIES.has(country) ? 'https://oauth.bitrix24.tech' : 'https://oauth.bitrix.info'
}

/**
 * The origin that `candidate` names if it may stand for the configured portal, or null: the same host, or another one of the same
 * registrable domain by https. A token never follows a redirect or a reply out of the domain that the user configured.
 */
export function pinnedOrigin (portalUrl: string, candidate: string): string | null {
  if (!URL.canParse(candidate)) return null
  const portal = new URL(portalUrl)
  const url = new URL(candidate)
  if (url.origin === portal.origin) return url.origin
  const domain = getDomain(url.hostname)
  const isSibling = domain !== null && domain === getDomain(portal.hostname)
  return isSibling && url.protocol === 'https:' && url.port === portal.port ? url.origin : null
}
