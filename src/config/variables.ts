import { isIP } from 'node:net'
import { z } from 'zod'
import { allowedOAuthOrigin } from '../bitrix24/hosts.ts'
import { isLoopback } from '../base/loopback.ts'
import { readSecret } from '../signatures/standard-webhooks.ts'
import { isPostgresUrl, readAddress } from '../outbox/postgres/address.ts'

/** One environment variable. The schema's messages complete the sentence "NAME …"; `fallback` is its text when unset. */
export interface Variable<T> {
  readonly schema: z.ZodType<T, string>
  readonly fallback: string | null
  /** May be given as NAME_FILE; messages never repeat it. */
  readonly secret: boolean
}

const withDefault = <T>(fallback: string, schema: z.ZodType<T, string>): Variable<T> => ({ schema, fallback, secret: false })
const optional = <T>(schema: z.ZodType<T, string>): Variable<T | null> => ({ schema, fallback: null, secret: false })
const secret = <T>(schema: z.ZodType<T, string>): Variable<T | null> => ({ schema, fallback: null, secret: true })

function number (min: number, max: number, remedy = `must be a whole number from ${min} to ${max}`) {
  return z.string().regex(/^\d{1,9}$/, remedy).transform(Number).refine(value => value >= min && value <= max, remedy)
}

function oneOf<const T extends string> (...values: T[]) {
  return z.enum(values, `must be one of ${values.join(', ')}`)
}

const boolean = oneOf('true', 'false').transform(value => value === 'true')

export const connectorSchema = z.string().regex(/^[a-z0-9_-]{1,64}$/,
  'must be the connector\'s id as registered: lower-case letters, digits, _ and -')

export const lineSchema = number(1, 999_999_999, 'must be the number of an open line')

const portalUrl = z.string().refine(value => URL.canParse(value) && isPortalUrl(new URL(value)),
  'must be the portal\'s address without a path, such as https://example.bitrix24.ru (http only on this machine)')
  .transform(value => new URL(value).origin)

function isPortalUrl (url: URL): boolean {
  const isSafe = url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url))
  return isSafe && url.pathname === '/' && url.search === '' && url.hash === '' && url.username === '' && url.password === ''
}

// `loadConfig` checks again, with the real portal, whether a loopback address is allowed.
const publicUrl = z.string().refine(value => URL.canParse(value) && isPublicUrl(new URL(value)),
  'must be the https address at which Bitrix24 and messengers reach the relay, such as https://relay.example.com (http only on this machine, for a sandbox)')
  .transform(value => new URL(value).href.replace(/\/+$/, ''))

function isPublicUrl (url: URL): boolean {
  return (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url))) && url.search === '' && url.hash === '' && url.username === '' && url.password === ''
}

const OAUTH_REMEDY = 'must be https://oauth.bitrix.info or https://oauth.bitrix24.tech (or on this machine, for a sandbox)'
// `loadConfig` checks again, with the real portal, whether a loopback server is allowed.
const oauthUrl = z.string().transform(value => allowedOAuthOrigin('http://127.0.0.1', value)).refine(origin => origin !== null, OAUTH_REMEDY)

const databaseUrl = z.string().superRefine((value, context) => {
  if (isPostgresUrl(value)) {
    if (readAddress(value) === null) context.addIssue('must name a writable PostgreSQL as postgres://user:password@host:5432/database (separate several hosts by commas, write special characters as %40 and so on)')
  } else if (!/^file:(?!\/\/[^/]|:memory:)[^?#]*[^?#/]$/.test(value)) context.addIssue('must name a file, such as file:./data/relay.db or file:/data/relay.db, or a PostgreSQL, such as postgres://user:password@host:5432/database')
})

const PROXY_REMEDY = 'must be false, the number of proxies in front (1 to 10), or their addresses as a list such as 10.0.0.0/8,127.0.0.1. ' +
  'true is not allowed, because then any client could forge its address'
const trustProxy = z.string().transform((value, context): false | number | readonly string[] => {
  if (value === 'false' || value === '0') return false
  if (/^([1-9]|10)$/.test(value)) return Number(value)
  const list = value.split(',').map(part => part.trim())
  if (list.every(isAddressRange)) return list
  context.addIssue(PROXY_REMEDY)
  return z.NEVER
})

export function isAddressRange (value: string): boolean {
  const [address = '', prefix, ...rest] = value.split('/')
  const version = isIP(address)
  if (version === 0 || rest.length > 0) return false
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128))
}

const WEBHOOK_SECRET_REMEDY = 'must be whsec_ followed by base64 of 24 to 64 bytes, several separated by commas; "npm run -s relay -- secret" makes one'
const webhookSecrets = z.string().transform(value => value.split(',').map(part => part.trim()))
  .refine(secrets => secrets.every(secret => readSecret(secret) !== null), WEBHOOK_SECRET_REMEDY)

const KEY_REMEDY = 'must be 32 bytes in base64 or hexadecimal; "openssl rand -base64 32" makes them'
const encryptionKey = z.string().transform(value => Buffer.from(value, /^[0-9a-f]{64}$/i.test(value) ? 'hex' : 'base64'))
  .refine(key => key.length === 32, KEY_REMEDY)

const token = z.string().regex(/^[\x21-\x7e]{16,512}$/, 'must be 16 to 512 visible ASCII characters')

/** All variables, in the order of `.env.example`. */
export const variables = {
  HOST: withDefault('0.0.0.0', z.string()),
  PORT: withDefault('3000', number(0, 65_535)),
  LOG_LEVEL: withDefault('info', oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent')),
  LOG_IDS: withDefault('false', boolean),
  DATABASE_URL: { ...withDefault('file:./data/relay.db', databaseUrl), secret: true },
  POSTGRES_UNSAFE: withDefault('false', boolean),
  RETENTION_DAYS: withDefault('14', number(4, 3650, 'must be from 4 to 3650: the portal accepts edits for three days')),
  ENCRYPTION_KEY: secret(encryptionKey),
  BITRIX24_PORTAL_URL: optional(portalUrl),
  BITRIX24_CLIENT_ID: optional(z.string()),
  BITRIX24_CLIENT_SECRET: secret(z.string()),
  BITRIX24_REFRESH_TOKEN: secret(z.string()),
  BITRIX24_OAUTH_URL: optional(oauthUrl),
  BITRIX24_CONNECTOR: optional(connectorSchema),
  BITRIX24_LINE: optional(lineSchema),
  BITRIX24_PLAN: withDefault('standard', oneOf('standard', 'enterprise')),
  BITRIX24_SHARE: withDefault('0.5', z.string().regex(/^\d(\.\d{1,6})?$/, 'must be a number above 0 and up to 1').transform(Number)
    .refine(share => share > 0 && share <= 1, 'must be a number above 0 and up to 1')),
  WEBHOOK_SECRET: secret(webhookSecrets),
  CHANNELS_FILE: optional(z.string()),
  SETTLE_MS: withDefault('2000', number(0, 600_000)),
  PUBLIC_URL: optional(publicUrl),
  WEBHOOK_RATE_LIMIT: withDefault('6000', number(0, 1_000_000)),
  TRUST_PROXY: withDefault('false', trustProxy),
  ADMIN_TOKEN: secret(token),
  VIEWER_TOKEN: secret(token),
} as const

export type VariableName = keyof typeof variables

export type Values = { readonly [Name in VariableName]: typeof variables[Name] extends Variable<infer T> ? T : never }
