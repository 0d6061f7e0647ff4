import { stringify } from 'qs'
import type { Application } from '../applications.ts'
import type { Hosts } from '../hosts.ts'
import { scopeOf } from '../oauth/grant.ts'
import { accessTokenSeconds } from '../oauth/tokens.ts'

/** As PHP's http_build_query writes it: brackets, 1 and 0 for booleans, nothing for null and for what is empty. */
export function encodeForm (form: object): string {
  return stringify(form, {
    format: 'RFC1738',
    skipNulls: true,
    filter: (_key, value: unknown) => typeof value === 'boolean' ? Number(value) : value,
  })
}

export const formHeaders = { 'content-type': 'application/x-www-form-urlencoded', 'user-agent': 'Bitrix24 Webhook Engine' }

interface AuthDetails {
  readonly application: Application
  readonly hosts: Hosts
  readonly accessToken: string
  readonly userId: number
  readonly memberId: string
  readonly nowSeconds: number
}

/** The `auth` of an event. Only an installation adds a refresh token. */
export function authOf ({ application, hosts, accessToken, userId, memberId, nowSeconds }: AuthDetails) {
  return {
    access_token: accessToken,
    expires: String(nowSeconds + accessTokenSeconds),
    expires_in: String(accessTokenSeconds),
    scope: scopeOf(application),
    domain: hosts.portal,
    server_endpoint: `http://${hosts.oauth}/rest/`,
    status: 'L',
    client_endpoint: `http://${hosts.portal}/rest/`,
    member_id: memberId,
    user_id: String(userId),
    application_token: application.applicationToken,
  }
}
