import { getDomain, getPublicSuffix } from 'tldts'
import { isLoopback } from '../base/loopback.ts'

/** The configured portal. */
export interface PortalConfig {
  /** Origin without a trailing slash, for example `https://example.bitrix24.ru`. The portal's record may know a newer one. */
  readonly url: string
  readonly clientId: string | null
  readonly clientSecret: string | null
  readonly refreshToken: string | null
  readonly oauthUrl: string | null
  /** Our share of the plan's leaky bucket. */
  readonly bucket: { readonly ratePerSecond: number, readonly burst: number }
}

/** The two OAuth servers of Bitrix24 (its AuthorizationServerUrlResolver). The portal's country decides which one it uses. */
const OAUTH_ORIGINS: readonly string[] = ['https://oauth.bitrix.info', 'https://oauth.bitrix24.tech']
const TECH_COUNTRIES: ReadonlySet<string> = new Set(['ru', 'am', 'az', 'ge', 'kz', 'kg', 'uz', 'by'])

/**
 * The origin of an OAuth server that may get the client secret, or null. A loopback server may get it only if the portal is on loopback too.
 * Otherwise an install could send the secret to another service of this machine.
 */
export function allowedOAuthOrigin (portalUrl: string, candidate: string): string | null {
  if (!URL.canParse(candidate)) return null
  const url = new URL(candidate)
  if (OAUTH_ORIGINS.includes(url.origin)) return url.origin
  return isLoopback(url) && isLoopback(new URL(portalUrl)) ? url.origin : null
}

/** The OAuth server of a portal if neither the configuration nor an install names one. */
export function defaultOAuthOrigin (portalUrl: string): string {
  const url = new URL(portalUrl)
  if (isLoopback(url)) return url.origin
  const country = getPublicSuffix(url.hostname)?.split('.').at(-1) ?? ''
  return TECH_COUNTRIES.has(country) ? 'https://oauth.bitrix24.tech' : 'https://oauth.bitrix.info'
}

/**
 * The origin of `candidate` if it may be the portal's new address, else null. Allowed are the same host, and https hosts of the same registrable
 * domain. So no redirect and no answer can send a token outside that domain.
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
