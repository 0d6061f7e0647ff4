import { randomBytes } from 'node:crypto'
import { stringify } from 'qs'
import { administrator, employee } from '../applications.ts'
import { scopeOf } from '../oauth/grant.ts'
import { accessTokenSeconds, randomToken } from '../oauth/tokens.ts'
import type { State } from '../state.ts'
import type { InstallBody } from './schemas.ts'

interface Installed {
  readonly status: number
  readonly body: string
}

/** Sends the installation to the handler as a portal does: a form with percent-encoded brackets and string values, without retries. */
export async function install (state: State, options: InstallBody, hosts: { readonly oauth: string, readonly portal: string }): Promise<Installed> {
  const { application, handler, form, admin, forge } = options
  const domain = options.domain ?? hosts.portal
  const tokens = forge
    ? { accessToken: randomToken(), refreshToken: randomToken() }
    : state.tokens.issue(application, admin ? administrator : employee)
  const details = {
    ...tokens,
    domain,
    oauthHost: hosts.oauth,
    clientEndpoint: `${domain === hosts.portal ? 'http' : 'https'}://${domain}/rest/`,
    memberId: options.memberId ?? state.memberId,
    userId: (admin ? administrator : employee).id,
    applicationToken: forge ? randomBytes(16).toString('hex') : application.applicationToken,
    scope: scopeOf(application),
    nowSeconds: Math.floor(state.clock.now() / 1000),
  }
  if (!forge) state.handlers.set(application.clientId, handler)
  const response = form === 'event'
    ? await post(handler, eventForm(details))
    : await post(pageUrl(handler, details), pageForm(details))
  return { status: response.status, body: await response.text() }
}

interface Details {
  readonly accessToken: string
  readonly refreshToken: string
  readonly domain: string
  readonly oauthHost: string
  readonly clientEndpoint: string
  readonly memberId: string
  readonly userId: number
  readonly applicationToken: string
  readonly scope: string
  readonly nowSeconds: number
}

function eventForm (details: Details): object {
  return {
    event: 'ONAPPINSTALL',
    event_handler_id: '1',
    data: { VERSION: '1', ACTIVE: 'Y', INSTALLED: 'Y', LANGUAGE_ID: 'en' },
    ts: String(details.nowSeconds),
    auth: {
      access_token: details.accessToken,
      expires: String(details.nowSeconds + accessTokenSeconds),
      expires_in: String(accessTokenSeconds),
      scope: details.scope,
      domain: details.domain,
      server_endpoint: `http://${details.oauthHost}/rest/`,
      status: 'L',
      client_endpoint: details.clientEndpoint,
      member_id: details.memberId,
      user_id: String(details.userId),
      refresh_token: details.refreshToken,
      application_token: details.applicationToken,
    },
  }
}

function pageUrl (handler: string, { domain, clientEndpoint, applicationToken }: Details): string {
  const url = new URL(handler)
  url.searchParams.set('DOMAIN', domain)
  url.searchParams.set('PROTOCOL', clientEndpoint.startsWith('https:') ? '1' : '0')
  url.searchParams.set('LANG', 'en')
  url.searchParams.set('APP_SID', applicationToken)
  return url.href
}

function pageForm (details: Details): object {
  return {
    AUTH_ID: details.accessToken,
    AUTH_EXPIRES: String(accessTokenSeconds),
    REFRESH_ID: details.refreshToken,
    SERVER_ENDPOINT: `http://${details.oauthHost}/rest/`,
    APPLICATION_TOKEN: details.applicationToken,
    APPLICATION_SCOPE: details.scope,
    member_id: details.memberId,
    status: 'L',
    PLACEMENT: 'DEFAULT',
    PLACEMENT_OPTIONS: '{"any":"6\\/"}',
  }
}

async function post (url: string, form: object): Promise<Response> {
  return await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', 'user-agent': 'Bitrix24 Webhook Engine' },
    body: stringify(form, { format: 'RFC1738' }),
    redirect: 'manual',
    signal: AbortSignal.timeout(30_000),
  })
}
