/** An answer in the portal's error form. `extra` stands beside `error` and `error_description`. */
export class RestError extends Error {
  readonly code: string
  readonly status: number
  readonly extra: Readonly<Record<string, string>>

  constructor (status: number, code: string, description: string, extra: Readonly<Record<string, string>> = {}) {
    super(description)
    this.name = 'RestError'
    this.code = code
    this.status = status
    this.extra = extra
  }
}

/** imconnector.register and .unregister say no with HTTP 200 and a flat body without `time`. */
export class RegistrationRefused extends Error {
  readonly code: string

  constructor (code: string, description: string) {
    super(description)
    this.name = 'RegistrationRefused'
    this.code = code
  }
}

/** Where the source and the documentation differ in the status, the documentation's stands: it describes the cloud. */
export const restErrors = {
  methodNotFound: () => new RestError(404, 'ERROR_METHOD_NOT_FOUND', 'Method not found!'),
  noAuth: () => new RestError(401, 'NO_AUTH_FOUND', 'Wrong authorization data'),
  invalidToken: () => new RestError(401, 'invalid_token', 'Unable to get application by token'),
  expiredToken: () => new RestError(401, 'expired_token', 'The access token provided has expired.'),
  insufficientScope: () => new RestError(403, 'insufficient_scope', 'The request requires higher privileges than provided by the access token'),
  tooManyRequests: () => new RestError(503, 'QUERY_LIMIT_EXCEEDED', 'Too many requests'),
  operatingLimit: () => new RestError(429, 'OPERATION_TIME_LIMIT', 'Method is blocked due to operation time limit.'),
  internal: () => new RestError(500, 'INTERNAL_SERVER_ERROR', 'Internal server error'),
  invalidCredentials: () => new RestError(403, 'INVALID_CREDENTIALS', 'Invalid request credentials'),
  accessDenied: (reason: string) => new RestError(403, 'ACCESS_DENIED', `Access denied! ${reason}`),
  wrongAuthType: () => new RestError(403, 'WRONG_AUTH_TYPE', 'Current authorization type is denied for this method Application context required'),
  missing: (name: string) => new RestError(400, 'ERROR_ARGUMENT', `Argument '${name}' is null or empty`, { argument: name }),
  argument: (description: string, name = '') => new RestError(400, 'ERROR_ARGUMENT', description, { argument: name }),
} as const
