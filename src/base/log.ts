import { createHash, hash } from 'node:crypto'
import { pino, type DestinationStream, type Logger } from 'pino'

/** The part of a logger that modules below `app.ts` use. */
export type Log = Pick<Logger, 'info' | 'warn' | 'error'>

/** The relay logs none of these. The list protects against logging a whole request, record or configuration by mistake. */
const HIDDEN: ReadonlySet<string> = new Set([
  'authorization', 'cookie', 'auth', 'token', 'tokens', 'secret', 'secrets', 'password', 'text', 'body',
  'accessToken', 'access_token', 'refreshToken', 'refresh_token', 'clientSecret', 'client_secret', 'applicationToken', 'application_token',
  'adminToken', 'viewerToken', 'apiToken', 'verifyToken', 'encryptionKey', 'AUTH_ID', 'REFRESH_ID',
])
const HIDDEN_TO_DEPTH = 4

/** JSON lines with ISO 8601 times and without secrets. pino's own redaction at each depth takes a hundred times as long as the line itself. */
export function createLog (level: string, destination?: DestinationStream): Logger {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { log: fields => hide({ ...fields }, HIDDEN_TO_DEPTH) as Record<string, unknown> },
    serializers: { err: serializeError },
  }, destination)
}

/** A copy without secrets. Searches only arrays and plain objects. */
function hide (value: unknown, depth: number): unknown {
  if (depth < 0) return value
  if (Array.isArray(value)) return value.map(item => hide(item, depth - 1))
  if (!isPlainObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, HIDDEN.has(key) && item !== null && item !== undefined ? '[hidden]' : hide(item, depth - 1)]))
}

function isPlainObject (value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

/** An error without its other properties: errors of HTTP clients and servers contain whole packets. */
function serializeError (error: unknown): unknown {
  if (!(error instanceof Error)) return String(error)
  return {
    type: error.name,
    message: error.message,
    code: 'code' in error ? error.code : undefined,
    stack: error.stack,
    cause: error.cause === undefined ? undefined : serializeError(error.cause),
  }
}

/**
 * Hashes the ids of users and chats for the log. They are often phone numbers, few enough to try them all, so the hash is salted with the
 * relay's secrets. It stays the same across restarts.
 */
export function createIdMask (secrets: ReadonlyArray<readonly string[]>): (id: string) => string {
  const key = createHash('sha256')
  for (const each of secrets) key.update(JSON.stringify(each))
  const salt = key.digest('base64')
  return id => hash('sha256', `${salt} ${id}`, 'base64url').slice(0, 12)
}
