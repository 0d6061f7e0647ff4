import t from 'tap'
import { actionFor, isProbed, type CodeAction } from '../../src/bitrix24/codes.ts'

/** Every code that Bitrix24 documents or sends, with a status that it has been seen with. */
const documented: [string, number, CodeAction][] = [
  ['expired_token', 401, 'refresh'],
  ['invalid_token', 401, 'refresh'],
  ['NO_AUTH_FOUND', 401, 'park-portal'],
  ['insufficient_scope', 403, 'park-portal'],
  ['INVALID_SCOPE', 403, 'park-portal'],
  ['APPLICATION_NOT_FOUND', 401, 'park-portal'],
  ['ERROR_OAUTH', 401, 'park-portal'],
  ['NOT_INSTALLED', 401, 'park-portal'],
  ['PAYMENT_REQUIRED', 401, 'park-portal'],
  ['user_access_error', 403, 'park-portal'],
  ['authorization_error', 401, 'park-portal'],
  ['CONNECTION_ERROR', 401, 'retry'],
  ['ACCESS_DENIED', 403, 'park-portal'],
  ['OVERLOAD_LIMIT', 503, 'park-portal'],
  ['WRONG_AUTH_TYPE', 403, 'park-portal'],
  ['PORTAL_DELETED', 500, 'park-portal'],
  ['INVALID_CREDENTIALS', 403, 'park-portal'],
  ['METHOD_CONFIRM_WAITING', 401, 'park-portal'],
  ['METHOD_CONFIRM_DENIED', 403, 'park-portal'],
  ['ERROR_METHOD_NOT_FOUND', 404, 'park-portal'],
  ['INVALID_REQUEST', 400, 'park-portal'],
  ['ERROR_ARGUMENT', 400, 'retry'],
  ['ERROR_CORE', 400, 'retry'],
  ['NOT_ACTIVE_LINE', 400, 'park-line'],
  ['IMCONNECTOR_NO_CORRECT_PROVIDER', 400, 'park-line'],
  ['IMCONNECTOR_NOT_SPECIFIED_CORRECT_CONNECTOR', 400, 'park-line'],
  ['IMCONNECTOR_NOT_SPECIFIED_CORRECT_COMMAND', 400, 'park-line'],
  ['OPERATION_TIME_LIMIT', 429, 'pause-method'],
  ['QUERY_LIMIT_EXCEEDED', 503, 'slow-down'],
  ['INTERNAL_SERVER_ERROR', 500, 'retry'],
  ['ERROR_UNEXPECTED_ANSWER', 500, 'retry'],
  ['WRONG_ENCODING', 200, 'retry'],
  ['wrong_client', 200, 'park-portal'],
  ['invalid_client', 400, 'park-portal'],
  ['invalid_grant', 400, 'park-portal'],
  ['invalid_request', 400, 'park-portal'],
  ['bad_verification_code', 400, 'park-portal'],
  ['not_found', 404, 'park-portal'],
  ['not-installed', 0, 'park-portal'],
  ['refresh-lost', 0, 'park-portal'],
  ['TOKEN_REFUSED', 401, 'park-portal'],
  ['PORTAL_MOVED', 302, 'park-portal'],
  ['OAUTH_HOST_REFUSED', 0, 'park-portal'],
]

t.test('every documented code has its action, in any case and at any status', async t => {
  for (const [code, status, action] of documented) {
    t.equal(actionFor(code, status), action, code)
    t.equal(actionFor(code.toLowerCase(), 200), action, `${code} in lower case at 200`)
    t.equal(actionFor(code.toUpperCase(), 500), action, `${code} in upper case at 500`)
  }
})

t.test('a code that nobody documented is judged by its family or status', async t => {
  const unknown: [string, number, CodeAction][] = [
    ['IMCONNECTOR_SOMETHING_NEW', 400, 'park-line'],
    ['NEW', 500, 'retry'],
    ['NEW', 502, 'retry'],
    ['NEW', 503, 'slow-down'],
    ['NEW', 429, 'pause-method'],
    ['NEW', 400, 'retry'],
    ['NEW', 200, 'retry'],
    ['NEW', 401, 'park-portal'],
    ['NEW', 402, 'park-portal'],
    ['NEW', 403, 'park-portal'],
    ['HTTP_413', 413, 'retry'],
    ['HTTP_403', 403, 'park-portal'],
    ['HTTP_429', 429, 'pause-method'],
    ['toString', 500, 'retry'],
    ['__proto__', 500, 'retry'],
  ]
  for (const [code, status, action] of unknown) t.equal(actionFor(code, status), action, `${code} at ${status}`)
})

t.test('only what an install alone can end is never probed', async t => {
  t.same(documented.map(([code]) => code).filter(code => !isProbed(code)), ['invalid_grant', 'not-installed'])
  t.notOk(isProbed('INVALID_GRANT'))
})
