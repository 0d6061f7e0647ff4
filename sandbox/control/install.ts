import { randomBytes } from 'node:crypto'
import { administrator, employee } from '../applications.ts'
import { authOf, encodeForm, formHeaders } from '../events/form.ts'
import type { Hosts } from '../hosts.ts'
import { randomToken } from '../oauth/tokens.ts'
import type { State } from '../state.ts'
import type { InstallBody } from './schemas.ts'

interface Installed {
  readonly status: number
  readonly body: string
}

/** Sends the installation to the handler as a portal does, without retries. An application with a page is installed once the page says so. */
export async function install (state: State, options: InstallBody, hosts: Hosts): Promise<Installed> {
  const { application, handler, form, admin, forge, finish } = options
  const { clientId } = application
  const operator = admin ? administrator : employee
  const nowSeconds = Math.floor(state.clock.now() / 1000)
  const tokens = forge ? { accessToken: randomToken(), refreshToken: randomToken() } : state.tokens.issue(application, operator)
  const auth = {
    ...authOf({
      application,
      hosts,
      accessToken: tokens.accessToken,
      userId: operator.id,
      memberId: options.memberId ?? state.memberId,
      nowSeconds,
    }),
    refresh_token: tokens.refreshToken,
    ...options.domain === undefined || options.domain === hosts.portal ? {} : { domain: options.domain, client_endpoint: `https://${options.domain}/rest/` },
    ...forge ? { application_token: randomBytes(16).toString('hex') } : {},
  }
  if (!forge) {
    state.handlers.set(clientId, handler)
    state.bindings.remove(binding => binding.application === application)
    if (form === 'page') state.unfinished.add(clientId)
    else state.unfinished.delete(clientId)
  }
  const response = form === 'event' ? await post(handler, eventForm(auth, nowSeconds)) : await post(pageUrl(handler, auth), pageForm(auth))
  const body = await response.text()
  // What the page's script would do in the administrator's browser.
  if (finish && response.ok && body.includes('BX24.installFinish(')) state.unfinished.delete(clientId)
  return { status: response.status, body }
}

type InstallAuth = ReturnType<typeof authOf> & { readonly refresh_token: string }

function eventForm (auth: InstallAuth, nowSeconds: number): object {
  return {
    event: 'ONAPPINSTALL',
    event_handler_id: '1',
    data: { VERSION: '1', ACTIVE: 'Y', INSTALLED: 'Y', LANGUAGE_ID: 'en' },
    ts: String(nowSeconds),
    auth,
  }
}

function pageUrl (handler: string, auth: InstallAuth): string {
  const url = new URL(handler)
  url.searchParams.set('DOMAIN', auth.domain)
  url.searchParams.set('PROTOCOL', auth.client_endpoint.startsWith('https:') ? '1' : '0')
  url.searchParams.set('LANG', 'en')
  url.searchParams.set('APP_SID', auth.application_token)
  return url.href
}

function pageForm (auth: InstallAuth): object {
  return {
    AUTH_ID: auth.access_token,
    AUTH_EXPIRES: auth.expires_in,
    REFRESH_ID: auth.refresh_token,
    SERVER_ENDPOINT: auth.server_endpoint,
    APPLICATION_TOKEN: auth.application_token,
    APPLICATION_SCOPE: auth.scope,
    member_id: auth.member_id,
    status: auth.status,
    PLACEMENT: 'DEFAULT',
    PLACEMENT_OPTIONS: '{"any":"6\\/"}',
  }
}

async function post (url: string, form: object): Promise<Response> {
  return await fetch(url, { method: 'POST', headers: formHeaders, body: encodeForm(form), redirect: 'manual', signal: AbortSignal.timeout(30_000) })
}
