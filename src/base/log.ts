import { createHash, hash } from 'node:crypto'
import { pino, type DestinationStream, type Logger } from 'pino'

/** What the parts below `app.ts` need of a logger. */
export type Log = Pick<Logger, 'info' | 'warn' | 'error'>

/** Nothing of ours logs these. The list is for the day when someone logs a whole request, record or configuration. */
const HIDDEN: ReadonlySet<string> = new Set([
  'authorization', 'cookie', 'auth', 'token', 'tokens', 'secret', 'secrets', 'password', 'text', 'body',
  'accessToken', 'access_token', 'refreshToken', 'refresh_token', 'clientSecret', 'client_secret', 'applicationToken', 'application_token',
  'adminToken', 'apiToken', 'verifyToken', 'encryptionKey', 'AUTH_ID', 'REFRESH_ID',
])
const HIDDEN_TO_DEPTH = 4

/** JSON lines with the time in ISO 8601 and no secret. pino's own redaction, at each depth, takes a hundred times as long as the line itself. */
export function createLog (level: string, destination?: DestinationStream): Logger {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { log: fields => hide({ ...fields }, HIDDEN_TO_DEPTH) as Record<string, unknown> },
    serializers: { err: serializeError },
  }, destination)
}

/** A copy without secrets. Only lists and plain objects are searched; anything else is left as it is. */
function hide (value: unknown, depth: number): unknown {
  if (depth < 0) return value
  if (Array.isArray(value)) return value.map(item => hide(item, depth - 1))
  if (!isPlainObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, HIDDEN.has(key) && item !== null && item !== undefined ? '[hidden]' : hide(item, depth - 1)]))
}

function isPlainObject (value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

/** An error without whatever else was hung on it: errors of HTTP clients and servers carry whole packets. */
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
 * How ids of users and chats stand in logs. They are often phone numbers, few enough to be tried one by one, so that the digest
 * is made with something of the relay's that others do not know; it stays the same across restarts.
 */
export function createIdMask (secrets: ReadonlyArray<readonly string[]>): (id: string) => string {
  const key = createHash('sha256')
  for (const each of secrets) key.update(JSON.stringify(each))
  const salt = key.digest('base64')
  return id => hash('sha256', `${salt} ${id}`, 'base64url').slice(0, 12)
}
