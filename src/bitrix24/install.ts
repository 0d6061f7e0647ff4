import { createHash, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { type PortalConfig, allowedOAuthOrigin, pinnedOrigin } from './hosts.ts'
import { Forbidden } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { PortalPatch, PortalRecord, Portals } from '../outbox/portals.ts'
import type { CallResult, Client } from './client.ts'
import { readInstallForm, type EventForm, type InstallForm } from './install-form.ts'
import type { OAuth } from './oauth.ts'
import { NO_CREDENTIALS, oauthOriginFor } from './refresher.ts'

export interface Install {
  /** Accepts an event or the form of an install page. The answer to `page` is a page that `portalOrigin` may frame. */
  post (body: unknown, query: unknown): Promise<{ readonly answer: 'event' | 'page', readonly portalOrigin: string }>
  /** Accepts an authorization code, which an administrator got by the authorize link. */
  code (code: string): Promise<void>
}

interface InstallOptions {
  readonly portals: Portals
  readonly client: Client
  readonly oauth: OAuth
  readonly portal: PortalConfig
  /** Called after new tokens are stored. */
  readonly onInstalled: () => void
  readonly now: () => number
  readonly wait: (ms: number) => Promise<unknown>
  readonly log: Log
}

/** Waits before repeats if the portal cannot be asked: Bitrix24 sends an install event only once. */
const PATIENCE_MS: readonly number[] = [1000, 3000]

const appInfoSchema = z.object({ CODE: z.string().min(1) })
const profileSchema = z.object({ ADMIN: z.boolean() })

/**
 * Accepts tokens only for the configured portal and our application. Anyone can post to a public URL, so the token is tried at the configured portal:
 * `app.info` shows its application, `profile` its user. A refused installation is logged, changes nothing and rejects with Forbidden.
 */
export function createInstall (options: InstallOptions): Install {
  const { portals, client, oauth, portal, onInstalled, now, wait, log } = options

  function refuse (reason: string): never {
    log.warn({ event: 'install.refused', portal: portal.host, reason }, 'an installation is refused')
    throw new Forbidden(reason)
  }

  /** Calls the configured portal with a token that is not trusted yet. */
  async function ask<T> (schema: z.ZodType<T>, method: string, place: { endpoint: string }, accessToken: string): Promise<T> {
    let result: CallResult | null = null
    for (const delayMs of [...PATIENCE_MS, null]) {
      result = await client.call({ endpoint: place.endpoint, method, params: {}, accessToken })
      if (result.kind === 'moved') {
        place.endpoint = pinnedOrigin(portal.url, result.location) ?? refuse('the portal redirects to an address that BITRIX24_PORTAL_URL does not cover')
      } else if (result.kind === 'answered') {
        const parsed = schema.safeParse(result.result)
        return parsed.success ? parsed.data : refuse(`the portal's answer to ${method} cannot be read`)
      } else if (result.kind === 'refused' && result.status < 500 && result.status !== 429) {
        return refuse(`the portal does not accept the token: ${result.code}`)
      }
      if (delayMs !== null) await wait(delayMs)
    }
    return refuse(`the portal could not be asked whether the token is genuine: ${result?.kind}; repeat the installation`)
  }

  /** Proves a token and returns the address at which the portal accepted it. */
  async function prove (accessToken: string, record: PortalRecord): Promise<string> {
    const place = { endpoint: record.endpoint ?? portal.url }
    const { CODE: clientId } = await ask(appInfoSchema, 'app.info', place, accessToken)
    if (portal.clientId !== null && clientId !== portal.clientId) refuse('the token belongs to another application than BITRIX24_CLIENT_ID')
    const { ADMIN: isAdministrator } = await ask(profileSchema, 'profile', place, accessToken)
    if (!isAdministrator) refuse('the application must be installed by an administrator of the portal')
    if (portal.clientId === null) log.warn({ event: 'install.unconfigured', portal: portal.host, clientId }, `BITRIX24_CLIENT_ID is not set, so any application is accepted; ${NO_CREDENTIALS}`)
    return place.endpoint
  }

  async function store (patch: PortalPatch, source: string) {
    await portals.write(portal.host, { ...patch, parked: null, refreshStartedAt: null, refreshTries: 0 })
    log.info({ event: 'install.accepted', portal: portal.host, source }, 'the application is installed')
    onInstalled()
  }

  async function install (form: InstallForm): Promise<string> {
    const record = await portals.read(portal.host)
    if (!isOurHost(form.domain, [portal.url, record.endpoint ?? portal.url])) refuse('the installation is of another portal than BITRIX24_PORTAL_URL')
    if (record.memberId !== null && record.memberId !== form.memberId) refuse('the installation is of another portal: its member_id differs from the known one')
    const oauthUrl = form.serverEndpoint === null ? record.oauthUrl : allowedOAuthOrigin(portal.url, form.serverEndpoint) ?? refuse('the server_endpoint is not a server of Bitrix24')
    const endpoint = await prove(form.accessToken, record)

    await store({
      tokens: { accessToken: form.accessToken, refreshToken: form.refreshToken, accessExpiresAt: form.expiresInS === null ? null : now() + form.expiresInS * 1000 },
      memberId: form.memberId,
      applicationToken: form.applicationToken ?? record.applicationToken,
      endpoint,
      oauthUrl,
    }, form.source)
    return endpoint
  }

  /** Any other event must have the application token of the install. */
  async function take ({ event, applicationToken }: EventForm): Promise<void> {
    const record = await portals.read(portal.host)
    if (record.applicationToken === null || !isSame(record.applicationToken, applicationToken)) refuse('the application_token is not the known one')
    if (event !== 'ONAPPUNINSTALL') return
    await portals.write(portal.host, { tokens: null, applicationToken: null, parked: { code: 'not-installed', since: now() }, refreshStartedAt: null, refreshTries: 0 })
    log.warn({ event: 'install.removed', portal: portal.host }, 'the application was uninstalled; edits are kept until it is installed again')
  }

  return {
    async post (body, query) {
      const form = readInstallForm(body, query)
      if (form.kind === 'install') return { answer: form.source, portalOrigin: await install(form) }
      await take(form)
      return { answer: 'event', portalOrigin: portal.url }
    },

    async code (code) {
      const { clientId, clientSecret } = portal
      if (clientId === null || clientSecret === null) return refuse(NO_CREDENTIALS)
      const record = await portals.read(portal.host)
      const oauthUrl = oauthOriginFor(portal, record) ?? refuse('BITRIX24_OAUTH_URL is not a server of Bitrix24')
      const result = await oauth.exchange({ oauthUrl, clientId, clientSecret, code })
      if (result.kind === 'refused') return refuse(`the OAuth server does not accept the code: ${result.code}`)
      if (result.kind !== 'granted') return refuse(`the OAuth server gave no answer (${result.cause}); open the authorize link again`)

      const { accessToken, refreshToken, accessExpiresAt, clientEndpoint, memberId } = result.grant
      if (clientEndpoint !== null && pinnedOrigin(portal.url, clientEndpoint) === null) refuse('the code is of another portal than BITRIX24_PORTAL_URL')
      if (record.memberId !== null && memberId !== null && record.memberId !== memberId) refuse('the code is of another portal: its member_id differs from the known one')
      const endpoint = await prove(accessToken, record)
      await store({ tokens: { accessToken, refreshToken, accessExpiresAt }, memberId: memberId ?? record.memberId, endpoint, oauthUrl }, 'code')
    },
  }
}

/** Compares hosts as parsed URLs, so an explicit default port makes no difference. */
function isOurHost (domain: string, origins: readonly string[]): boolean {
  return origins.some(origin => {
    const { protocol, host } = new URL(origin)
    const candidate = `${protocol}//${domain}`
    return URL.canParse(candidate) && new URL(candidate).href === `${protocol}//${host}/`
  })
}

function isSame (a: string, b: string): boolean {
  const digest = (value: string) => createHash('sha256').update(value).digest()
  return timingSafeEqual(digest(a), digest(b))
}
