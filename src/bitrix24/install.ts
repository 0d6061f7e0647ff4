import { z } from 'zod'
import { type PortalConfig, allowedOAuthOrigin } from './hosts.ts'
import { Forbidden, TooManyRequests } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { isSameSecret } from '../base/secret.ts'
import type { PortalPatch, PortalRecord, Portals } from '../outbox/portals.ts'
import type { CallResult, Client } from './client.ts'
import { readInstallForm, type EventForm, type InstallForm } from './install-form.ts'
import type { OAuth } from './oauth.ts'
import { addressOf, locate } from './place.ts'
import { NO_CREDENTIALS, oauthOriginFor } from './refresher.ts'

export interface Install {
  /** Accepts an event or the form of an install page. The answer to `page` is a page that `portalOrigin` may frame. */
  post (body: unknown, query: unknown): Promise<{ readonly answer: 'event' | 'page', readonly portalOrigin: string }>
  /** Accepts an authorization code, which an administrator got by the authorize link. */
  code (code: string): Promise<void>
}

interface InstallOptions {
  readonly portalId: string
  readonly portals: Portals
  readonly client: Client
  readonly oauth: OAuth
  readonly portal: PortalConfig
  /** Called after new tokens are stored. */
  readonly onInstalled: () => void
  /** Called for each request to the portal, because it counts towards the portal's limits. */
  readonly onCall: () => void
  readonly now: () => number
  readonly wait: (ms: number) => Promise<unknown>
  readonly log: Log
}

/** Waits before repeats if the portal cannot be asked: Bitrix24 sends an install event only once. */
const PATIENCE_MS: readonly number[] = [1000, 3000]

/** Installations that ask the portal, a minute, from all addresses together: anyone can post one. */
const MAX_PER_MINUTE = 10
const MINUTE_MS = 60_000

const appInfoSchema = z.object({ CODE: z.string().min(1) })
const profileSchema = z.object({ ADMIN: z.boolean() })

/**
 * Accepts tokens only for our portal and application. Anyone can post to a public URL, so the token is tried at the portal: `app.info` shows its
 * application, `profile` its user. A refused installation is logged, changes nothing and rejects with Forbidden.
 * While BITRIX24_CLIENT_ID is not known, tokens of any application are stored, but nothing else follows from them: the next installation replaces
 * them, and the session deletes them if the client id turns out to be another.
 */
export function createInstall (options: InstallOptions): Install {
  const { portalId, portals, client, oauth, portal, onInstalled, onCall, now, wait, log } = options
  let startedAt: number[] = []

  function refuse (reason: string): never {
    log.warn({ event: 'install.refused', reason }, 'an installation is refused')
    throw new Forbidden(reason)
  }

  /** Throws TooManyRequests. */
  function admit (): void {
    const time = performance.now()
    startedAt = startedAt.filter(at => at > time - MINUTE_MS)
    const [first] = startedAt
    if (first !== undefined && startedAt.length >= MAX_PER_MINUTE) throw new TooManyRequests('too many installations', Math.ceil((first + MINUTE_MS - time) / 1000))
    startedAt.push(time)
  }

  /** Calls the portal with a token that is not trusted yet. */
  async function ask<T> (schema: z.ZodType<T>, method: string, endpoint: string, accessToken: string): Promise<T> {
    let result: CallResult | null = null
    for (const delayMs of [...PATIENCE_MS, null]) {
      onCall()
      result = await client.call({ endpoint, method, params: {}, accessToken })
      if (result.kind === 'moved') refuse(`the portal redirects to ${result.location}: set BITRIX24_PORTAL_URL to it if that is your portal, and restart`)
      if (result.kind === 'answered') {
        const parsed = schema.safeParse(result.result)
        return parsed.success ? parsed.data : refuse(`the portal's answer to ${method} cannot be read`)
      }
      // The portal may not know a new token for a moment.
      const isFresh = result.kind === 'refused' && result.code.toLowerCase() === 'expired_token' && delayMs === PATIENCE_MS[0]
      if (result.kind === 'refused' && result.status < 500 && result.status !== 429 && !isFresh) {
        return refuse(`the portal does not accept the token: ${result.code}`)
      }
      if (delayMs !== null) await wait(delayMs)
    }
    return refuse(`the portal could not be asked whether the token is genuine: ${result?.kind}; repeat the installation`)
  }

  /** Proves a token and returns the client id of its application. */
  async function prove (accessToken: string, endpoint: string, record: PortalRecord): Promise<string> {
    const { CODE: clientId } = await ask(appInfoSchema, 'app.info', endpoint, accessToken)
    const expected = portal.clientId ?? (record.memberId === null ? clientId : record.clientId)
    if (clientId !== expected) refuse(portal.clientId === null ? 'the token belongs to another application than the installed one: set BITRIX24_CLIENT_ID' : 'the token belongs to another application than BITRIX24_CLIENT_ID')
    const { ADMIN: isAdministrator } = await ask(profileSchema, 'profile', endpoint, accessToken)
    if (!isAdministrator) refuse('the application must be installed by an administrator of the portal')
    if (portal.clientId === null) log.warn({ event: 'install.unconfigured', clientId }, `BITRIX24_CLIENT_ID is not set, so any application is accepted; ${NO_CREDENTIALS}`)
    return clientId
  }

  async function store (patch: PortalPatch, { installs }: PortalRecord, source: string) {
    await portals.write(portalId, { ...patch, installs: installs + 1, parked: null, refreshStartedAt: null, refreshTries: 0 })
    log.info({ event: 'install.accepted', source }, 'the application is installed')
    onInstalled()
  }

  async function install (form: InstallForm): Promise<string> {
    const record = await portals.read(portalId)
    const address = addressOf(portal, record)
    const place = [address, portal.url].find(origin => isHostOf(origin, form.domain)) ?? refuse('the installation is of another portal than BITRIX24_PORTAL_URL')
    if (record.memberId !== null && record.memberId !== form.memberId) refuse(`the installation is of another portal: this database is of the portal ${record.memberId} at ${address}; give this relay a DATABASE_URL of its own`)
    const oauthUrl = form.serverEndpoint === null ? record.oauthUrl : allowedOAuthOrigin(place, form.serverEndpoint) ?? refuse('the server_endpoint is not a server of Bitrix24')
    admit()
    const clientId = await prove(form.accessToken, place, record)

    await store({
      clientId,
      tokens: { accessToken: form.accessToken, refreshToken: form.refreshToken, accessExpiresAt: form.expiresInS === null ? null : now() + form.expiresInS * 1000 },
      beforeImport: null,
      applicationToken: form.applicationToken ?? (clientId === record.clientId ? record.applicationToken : null),
      memberId: portal.clientId === null ? record.memberId : form.memberId,
      // A new address of a portal that is known is proven by the next refresh.
      address: record.memberId === null ? place : address,
      oauthUrl,
    }, record, form.source)
    return place
  }

  /** Any other event must have the application token of the install. */
  async function take ({ event, applicationToken }: EventForm): Promise<string> {
    const record = await portals.read(portalId)
    if (portal.clientId === null || record.clientId !== portal.clientId) refuse('no installation of BITRIX24_CLIENT_ID is known')
    if (record.applicationToken === null || !isSameSecret(record.applicationToken, applicationToken)) refuse('the application_token is not the known one')
    if (event !== 'ONAPPUNINSTALL') return addressOf(portal, record)
    await portals.write(portalId, { tokens: null, applicationToken: null, parked: { code: 'not-installed', since: now() }, refreshStartedAt: null, refreshTries: 0 })
    log.warn({ event: 'install.removed' }, 'the application was uninstalled; edits are kept until it is installed again')
    return addressOf(portal, record)
  }

  return {
    async post (body, query) {
      const form = readInstallForm(body, query)
      if (form.kind === 'install') return { answer: form.source, portalOrigin: await install(form) }
      return { answer: 'event', portalOrigin: await take(form) }
    },

    async code (code) {
      const { clientId, clientSecret } = portal
      if (clientId === null || clientSecret === null) return refuse(NO_CREDENTIALS)
      const record = await portals.read(portalId)
      const oauthUrl = oauthOriginFor(portal, record) ?? refuse('BITRIX24_OAUTH_URL is not a server of Bitrix24')
      admit()
      const result = await oauth.exchange({ oauthUrl, clientId, clientSecret, code })
      if (result.kind === 'refused') return refuse(`the OAuth server does not accept the code: ${result.code}`)
      if (result.kind !== 'granted') return refuse(`the OAuth server gave no answer (${result.cause}); open the authorize link again`)

      const { accessToken, refreshToken, accessExpiresAt } = result.grant
      const proof = locate(portal, record, result.grant)
      if (proof.kind !== 'proven') return refuse(proof.words)
      await prove(accessToken, proof.patch.address, record)
      const applicationToken = record.clientId === clientId ? record.applicationToken : null
      await store({ ...proof.patch, tokens: { accessToken, refreshToken, accessExpiresAt }, clientId, applicationToken, beforeImport: null, oauthUrl }, record, 'code')
    },
  }
}

/** Compares hosts as parsed URLs, so an explicit default port makes no difference. */
function isHostOf (origin: string, domain: string): boolean {
  const { protocol, host } = new URL(origin)
  const candidate = `${protocol}//${domain}`
  return URL.canParse(candidate) && new URL(candidate).href === `${protocol}//${host}/`
}
