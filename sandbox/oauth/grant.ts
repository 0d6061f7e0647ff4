import { findApplication, type Application } from '../applications.ts'
import type { Hosts } from '../hosts.ts'
import { toText, type PhpMap } from '../portal/php.ts'
import { accessTokenSeconds, type Grant, type Tokens } from './tokens.ts'

interface TokenAnswer {
  readonly status: number
  readonly body: Readonly<Record<string, string | number>>
  readonly grant?: Grant
}

/** The token endpoint's answer. For an unknown client it has HTTP 200, as on the live server. */
export function grantTokens (tokens: Tokens, parameters: Readonly<PhpMap>, hosts: Hosts): TokenAnswer {
  const parameter = (name: string): string => toText(parameters[name])
  const application = findApplication(parameter('client_id'))
  if (application === undefined) return refused(200, 'wrong_client')
  if (parameter('client_secret') !== application.clientSecret) return refused(400, 'invalid_client')
  const type = parameter('grant_type')
  if (type === 'refresh_token') return issued(required('refresh_token', token => tokens.refresh(application, token)))
  if (type === 'authorization_code') return issued(required('code', code => tokens.exchange(application, code)))
  return type === '' ? missing('grant_type') : refused(400, 'unsupported_grant_type')

  function required (name: string, use: (value: string) => Grant | undefined): Grant | undefined | TokenAnswer {
    return parameter(name) === '' ? missing(name) : use(parameter(name))
  }

  function issued (outcome: Grant | undefined | TokenAnswer): TokenAnswer {
    if (outcome === undefined) return refused(400, 'invalid_grant')
    return 'status' in outcome ? outcome : { status: 200, body: describe(outcome, hosts), grant: outcome }
  }
}

/** `domain` is the OAuth server's own, never the portal's. */
function describe (grant: Grant, { oauth, portal }: Hosts): Record<string, string | number> {
  return {
    access_token: grant.accessToken,
    client_endpoint: `http://${portal}/rest/`,
    domain: oauth,
    expires: Math.floor(grant.expiresAtMs / 1000),
    expires_in: accessTokenSeconds,
    member_id: grant.memberId,
    refresh_token: grant.refreshToken,
    scope: scopeOf(grant.application),
    server_endpoint: `http://${oauth}/rest/`,
    status: 'L',
    user_id: grant.operator.id,
  }
}

export function scopeOf (application: Application): string {
  return application.scope.join(',')
}

function refused (status: number, error: string, description?: string): TokenAnswer {
  return { status, body: description === undefined ? { error } : { error, error_description: description } }
}

function missing (name: string): TokenAnswer {
  return refused(400, 'invalid_request', `No "${name}" parameter found`)
}
