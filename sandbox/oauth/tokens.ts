import { randomBytes } from 'node:crypto'
import { administrator, applications, type Application, type Operator } from '../applications.ts'
import type { Clock } from '../clock.ts'

/** An authorisation of an application by one of the portal's users. A refresh replaces both tokens. */
export interface Grant {
  readonly application: Application
  readonly operator: Operator
  readonly memberId: string
  readonly accessToken: string
  readonly refreshToken: string
  readonly expiresAtMs: number
}

type TokenState =
  | { readonly state: 'valid', readonly grant: Grant }
  | { readonly state: 'expired', readonly grant: Grant }
  | { readonly state: 'unknown' }

export interface Tokens {
  issue (application: Application, operator: Operator): Grant
  /** A new pair, or undefined if the token is unknown, used, expired or another application's. The old pair becomes invalid at once. */
  refresh (application: Application, refreshToken: string): Grant | undefined
  check (accessToken: string): TokenState
  expire (accessToken: string): void
  /** A code of `/oauth/authorize/`, valid once, for 30 seconds. */
  issueCode (application: Application, operator: Operator): string
  exchange (application: Application, code: string): Grant | undefined
}

export const accessTokenSeconds = 3600
const refreshTokenMs = 180 * 86_400_000
const codeMs = 30_000

export function createTokens (clock: Clock, memberId: string): Tokens {
  const byAccess = new Map<string, Grant>()
  const byRefresh = new Map<string, Grant & { readonly refreshUntilMs: number }>()
  const codes = new Map<string, { application: Application, operator: Operator, untilMs: number }>()

  function issue (application: Application, operator: Operator, refreshToken = randomToken()): Grant {
    const grant: Grant = {
      application, operator, memberId, refreshToken, accessToken: randomToken(), expiresAtMs: clock.now() + accessTokenSeconds * 1000,
    }
    byAccess.set(grant.accessToken, grant)
    byRefresh.set(refreshToken, { ...grant, refreshUntilMs: clock.now() + refreshTokenMs })
    return grant
  }

  for (const application of applications) issue(application, administrator, application.firstRefreshToken)

  return {
    issue: (application, operator) => issue(application, operator),
    refresh (application, refreshToken) {
      const grant = byRefresh.get(refreshToken)
      if (grant === undefined || grant.application !== application || grant.refreshUntilMs <= clock.now()) return undefined
      byRefresh.delete(refreshToken)
      byAccess.delete(grant.accessToken)
      return issue(application, grant.operator)
    },
    check (accessToken) {
      const grant = byAccess.get(accessToken)
      if (grant === undefined) return { state: 'unknown' }
      return { state: grant.expiresAtMs <= clock.now() ? 'expired' : 'valid', grant }
    },
    expire (accessToken) {
      const grant = byAccess.get(accessToken)
      if (grant !== undefined) byAccess.set(accessToken, { ...grant, expiresAtMs: 0 })
    },
    issueCode (application, operator) {
      const code = randomToken()
      codes.set(code, { application, operator, untilMs: clock.now() + codeMs })
      return code
    },
    exchange (application, code) {
      const found = codes.get(code)
      if (found === undefined || found.application !== application) return undefined
      codes.delete(code)
      return found.untilMs <= clock.now() ? undefined : issue(application, found.operator)
    },
  }
}

/** 70 hex characters, as Bitrix24's are. */
export function randomToken (): string {
  return randomBytes(35).toString('hex')
}
