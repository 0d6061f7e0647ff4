import { parse } from 'qs'
import { entriesOf, fromEntries, isArray, toText, type PhpMap, type PhpValue } from '../portal/php.ts'
import { decodeJson } from './php-json.ts'

/** A call, from any transport. Parameters are as sent; the body's override the query's. */
export interface RestRequest {
  /** As the client addressed the portal. */
  readonly host: string
  readonly method: string
  readonly parameters: Readonly<PhpMap>
  readonly token: string
  /** Called as `/rest/<user>/<secret>/<method>`, without an application. */
  readonly webhook: boolean
}

interface RawRequest {
  readonly host: string
  readonly path: string
  readonly query: string
  readonly contentType: string
  readonly authorization: string
  readonly body: Uint8Array
}

export function readRequest (raw: RawRequest): RestRequest {
  const parameters = { ...parseForm(raw.query), ...parseBody(raw) }
  const [, webhook, path = raw.path] = /^\/*(\d+\/\w+)\/+(.+)$/.exec(raw.path) ?? []
  return {
    host: raw.host,
    method: methodName(path),
    parameters,
    token: findToken(raw.authorization, parameters),
    webhook: webhook !== undefined,
  }
}

/** Method names are lower-cased first; `.json` only asks for the format it has anyway. */
export function methodName (path: string): string {
  return path.toLowerCase().replace(/^\/+|\/+$/g, '').replace(/\.json$/, '')
}

/** PHP's reading of a query or a form: `MESSAGES[0][message][text]=…`, the last of equal names wins. */
export function parseForm (text: string): PhpMap {
  const parsed = parse(text, {
    depth: 32, parameterLimit: 200_000, arrayLimit: 100_000, allowSparse: true, duplicates: 'last', plainObjects: true,
  })
  return Object.fromEntries(Object.entries(parsed).map(([key, value]) => [key, toPhp(value)]))
}

function toPhp (value: unknown): PhpValue {
  if (typeof value !== 'object' || value === null) return toText(value as PhpValue)
  return fromEntries(Object.entries(value).map(([key, inner]) => [key, toPhp(inner)] as const))
}

function parseBody ({ contentType, body }: RawRequest): PhpMap {
  if (body.byteLength === 0) return {}
  if (!/^application\/(?:[\w.-]+\+)?json\b/i.test(contentType)) return parseForm(Buffer.from(body).toString('utf8'))
  // The real portal ignores JSON it cannot read: the token in it is then missing, and the answer is NO_AUTH_FOUND.
  const decoded = decodeJson(body)
  return isArray(decoded) ? Object.fromEntries(entriesOf(decoded)) : {}
}

/** In the order of the portal's source: the header, then `auth`, then `access_token`. */
function findToken (authorization: string, parameters: PhpMap): string {
  const bearer = /^Bearer\s+(\S+)$/i.exec(authorization)?.[1]
  return bearer ?? (toText(parameters['auth']) || toText(parameters['access_token']))
}

export function upperKeys (parameters: Readonly<PhpMap>): PhpMap {
  return Object.fromEntries(Object.entries(parameters).map(([key, value]) => [key.toUpperCase(), value]))
}
