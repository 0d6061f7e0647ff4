/**
 * The action after the refusal of a whole call. None makes an edit dead. The session does `refresh` itself; if the token is still refused, its code
 * is `TOKEN_REFUSED`.
 */
export type CodeAction = 'retry' | 'refresh' | 'pause-method' | 'slow-down' | 'park-line' | 'park-portal'

/** Codes in upper case, for comparison. Those with a hyphen are the relay's own. */
export const CODE_ACTIONS: Readonly<Record<string, CodeAction>> = {
  // The token has run out, or the portal has forgotten it.
  EXPIRED_TOKEN: 'refresh',
  INVALID_TOKEN: 'refresh',

  // Limits.
  QUERY_LIMIT_EXCEEDED: 'slow-down',
  OPERATION_TIME_LIMIT: 'pause-method',
  // Not a limit: a block by Bitrix24's staff. Only their support removes it, and more calls make it worse.
  OVERLOAD_LIMIT: 'park-portal',

  // Temporary faults, and faults that one message may cause: the call is split, so the other messages get through.
  CONNECTION_ERROR: 'retry',
  INTERNAL_SERVER_ERROR: 'retry',
  ERROR_UNEXPECTED_ANSWER: 'retry',
  ERROR_CORE: 'retry',
  ERROR_ARGUMENT: 'retry',
  WRONG_ENCODING: 'retry',

  // The open line or the connector on it is switched off, or does not exist.
  NOT_ACTIVE_LINE: 'park-line',
  IMCONNECTOR_NO_CORRECT_PROVIDER: 'park-line',
  IMCONNECTOR_NOT_SPECIFIED_CORRECT_CONNECTOR: 'park-line',
  IMCONNECTOR_NOT_SPECIFIED_CORRECT_COMMAND: 'park-line',

  // The application may not call: someone has to change the portal's settings.
  NO_AUTH_FOUND: 'park-portal',
  INSUFFICIENT_SCOPE: 'park-portal',
  INVALID_SCOPE: 'park-portal',
  APPLICATION_NOT_FOUND: 'park-portal',
  ERROR_OAUTH: 'park-portal',
  NOT_INSTALLED: 'park-portal',
  PAYMENT_REQUIRED: 'park-portal',
  USER_ACCESS_ERROR: 'park-portal',
  AUTHORIZATION_ERROR: 'park-portal',
  ACCESS_DENIED: 'park-portal',
  WRONG_AUTH_TYPE: 'park-portal',
  INVALID_CREDENTIALS: 'park-portal',
  PORTAL_DELETED: 'park-portal',
  METHOD_CONFIRM_WAITING: 'park-portal',
  METHOD_CONFIRM_DENIED: 'park-portal',
  ERROR_METHOD_NOT_FOUND: 'park-portal',
  INVALID_REQUEST: 'park-portal',

  // The OAuth server does not renew the tokens.
  WRONG_CLIENT: 'park-portal',
  INVALID_CLIENT: 'park-portal',
  INVALID_GRANT: 'park-portal',
  BAD_VERIFICATION_CODE: 'park-portal',
  NOT_FOUND: 'park-portal',

  // The session's own codes.
  TOKEN_REFUSED: 'park-portal',
  PORTAL_MOVED: 'park-portal',
  OAUTH_HOST_REFUSED: 'park-portal',
  'NOT-INSTALLED': 'park-portal',
  'REFRESH-LOST': 'park-portal',
  'PORTAL-UNPROVEN': 'park-portal',
  'OTHER-PORTAL': 'park-portal',
}

/** Only an install or another configuration ends these, so probes are useless. */
const NEVER_PROBED: ReadonlySet<string> = new Set(['INVALID_GRANT', 'NOT-INSTALLED', 'OTHER-PORTAL'])

/**
 * The action for a code, whatever its case. For an undocumented code the HTTP status decides. A 401 or 403 concerns our authorization, so repeats do
 * not help: the portal is parked and probed. Any other refusal may be the fault of one message. A park would make all other messages wait for it, so
 * the call is repeated with growing delays and fewer messages.
 */
export function actionFor (code: string, status: number): CodeAction {
  const upper = code.toUpperCase()
  const known = Object.hasOwn(CODE_ACTIONS, upper) ? CODE_ACTIONS[upper] : undefined
  if (known !== undefined) return known
  if (upper.startsWith('IMCONNECTOR_')) return 'park-line'
  if (status === 429) return 'pause-method'
  if (status === 503) return 'slow-down'
  if (status === 401 || status === 402 || status === 403) return 'park-portal'
  return 'retry'
}

/** Whether a park with this code can end without an install. */
export function isProbed (code: string): boolean {
  return !NEVER_PROBED.has(code.toUpperCase())
}
