import { actionFor, type CodeAction } from '../bitrix24/codes.ts'
import type { Explanation, Texts } from './texts/texts.ts'

type CodeGroup = keyof Texts['codes']

/** Codes in upper case; the others are explained by what the relay does after them. */
const GROUPS: Readonly<Record<string, CodeGroup>> = {
  OK: 'ok',
  REJECTED: 'rejected',
  EXPIRED_TOKEN: 'tokenRefused',
  INVALID_TOKEN: 'tokenRefused',
  TOKEN_REFUSED: 'tokenRefused',
  OVERLOAD_LIMIT: 'blocked',
  INSUFFICIENT_SCOPE: 'scope',
  INVALID_SCOPE: 'scope',
  PAYMENT_REQUIRED: 'payment',
  INVALID_GRANT: 'grant',
  BAD_VERIFICATION_CODE: 'grant',
  'REFRESH-LOST': 'grant',
  'NOT-INSTALLED': 'notInstalled',
  NOT_INSTALLED: 'notInstalled',
  APPLICATION_NOT_FOUND: 'notInstalled',
  PORTAL_MOVED: 'moved',
  'PORTAL-UNPROVEN': 'unproven',
  'OTHER-PORTAL': 'otherPortal',
  PORTAL_DELETED: 'deleted',
  WRONG_CLIENT: 'credentials',
  INVALID_CLIENT: 'credentials',
  INVALID_CREDENTIALS: 'credentials',
  OAUTH_HOST_REFUSED: 'credentials',
  ERROR_METHOD_NOT_FOUND: 'method',
  METHOD_CONFIRM_WAITING: 'method',
  METHOD_CONFIRM_DENIED: 'method',
  PROFILE_NOT_FOUND: 'profile',
  'UNREADABLE-ANSWER': 'unreadable',
  ABORTED: 'stopped',
  LEASE_LOST: 'stopped',
  REFRESH_UNDER_WAY: 'stopped',
  RESPONSE_TIMEOUT: 'unknownOutcome',
  ECONNRESET: 'unknownOutcome',
  EPIPE: 'unknownOutcome',
  ETIMEDOUT: 'unknownOutcome',
  UND_ERR_SOCKET: 'unknownOutcome',
}

const BY_ACTION: Readonly<Record<CodeAction, CodeGroup>> = {
  retry: 'portalFault',
  refresh: 'tokenRefused',
  'pause-method': 'operatingTime',
  'slow-down': 'limit',
  'park-line': 'line',
  'park-portal': 'denied',
}

/** An administrator's consent ends these parks, and may end those of `denied`. */
const GRANTED: ReadonlySet<CodeGroup> = new Set(['grant', 'notInstalled', 'tokenRefused'])

/** What the code of a call means, and what to do. */
export function explain (code: string, texts: Texts): Explanation {
  return texts.codes[groupOf(code, 0)]
}

/** The same for the code of a park. Any code parks the portal if it comes with 401 or 403. */
export function explainPark (code: string, texts: Texts): Explanation & { readonly needsGrant: boolean, readonly mayGrant: boolean } {
  const group = groupOf(code, 403)
  return { ...texts.codes[group], needsGrant: GRANTED.has(group), mayGrant: GRANTED.has(group) || group === 'denied' }
}

function groupOf (code: string, status: number): CodeGroup {
  const upper = code.toUpperCase()
  return (Object.hasOwn(GROUPS, upper) ? GROUPS[upper] : undefined) ?? byForm(upper) ?? BY_ACTION[actionFor(code, status)]
}

function byForm (upper: string): CodeGroup | null {
  if (/^HTTP_40[123]$/.test(upper)) return 'denied'
  if (/^HTTP_\d/.test(upper)) return 'unknownOutcome'
  return /^(?:E[A-Z]{3,}$|EAI_|UND_ERR_|CERT_|ERR_TLS|ERR_SSL|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO|OAUTH_)/.test(upper) ? 'unreachable' : null
}
