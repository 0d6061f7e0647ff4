/**
 * What a refusal of a whole call asks for. None of them makes an edit dead.
 * `refresh` is done by the session; a call that comes back from it with a refused token has the code `TOKEN_REFUSED`.
 */
export type CodeAction = 'retry' | 'refresh' | 'pause-method' | 'slow-down' | 'park-line' | 'park-portal'

/** Codes in upper case, as they are compared. Those with a hyphen are the relay's own. */
export const CODE_ACTIONS: Readonly<Record<string, CodeAction>> = {
  // The token has run out, or the portal has forgotten it.
  EXPIRED_TOKEN: 'refresh',
  INVALID_TOKEN: 'refresh',

  // Limits.
  QUERY_LIMIT_EXCEEDED: 'slow-down',
  OPERATION_TIME_LIMIT: 'pause-method',
  // Not a limit but a block by hand, lifted by Bitrix24's support; calling on makes it worse.
  OVERLOAD_LIMIT: 'park-portal',

  // Passing faults, and faults that one message may have caused: the chunk halves, and the others get through.
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

  // The application may not call: a person has to change something on the portal.
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

  // The OAuth server would not renew the tokens.
  WRONG_CLIENT: 'park-portal',
  INVALID_CLIENT: 'park-portal',
  INVALID_GRANT: 'park-portal',
  BAD_VERIFICATION_CODE: 'park-portal',
  NOT_FOUND: 'park-portal',

  // The session's own words.
  TOKEN_REFUSED: 'park-portal',
  PORTAL_MOVED: 'park-portal',
  OAUTH_HOST_REFUSED: 'park-portal',
  'NOT-INSTALLED': 'park-portal',
  'REFRESH-LOST': 'park-portal',
}

/** Only an install ends these, so a probe could learn nothing. */
const NEVER_PROBED: ReadonlySet<string> = new Set(['INVALID_GRANT', 'NOT-INSTALLED'])

/**
 * The action for a code, compared without regard to case; a code that nobody has documented is judged by its HTTP status.
 * A 401 or 403 is about who we are, so repeating it message by message would only hammer: the portal is parked and probed.
 * Any other refusal may be one message's fault, and a parked portal would keep all the others waiting for it: it is retried
 * with growing delays and in smaller chunks, which loses nothing either.
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

/** Whether a line or portal parked for this code may be asked again without an install. */
export function isProbed (code: string): boolean {
  return !NEVER_PROBED.has(code.toUpperCase())
}
