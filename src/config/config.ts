import { isLoopback } from '../base/loopback.ts'
import { type Channel, defaultChannel, readChannels } from './channels.ts'
import { type PortalConfig, allowedOAuthOrigin } from '../bitrix24/hosts.ts'
import { findUnknownNames, isSet, readValues, type Environment, type ReadFile } from './environment.ts'
import type { Values } from './variables.ts'
import { ConfigError } from '../base/errors.ts'

export interface Config {
  readonly host: string
  readonly port: number
  readonly logLevel: string
  readonly databaseUrl: string
  /** Whether the PostgreSQL may lose commits in a crash. */
  readonly postgresUnsafe: boolean
  readonly portal: PortalConfig
  readonly channels: ReadonlyMap<string, Channel>
  /** The relay's own address without a trailing slash; null if the portal shall not report edits. */
  readonly publicUrl: string | null
  readonly webhookRateLimit: number
  readonly trustProxy: false | number | readonly string[]
  readonly adminToken: string | null
  /** Signs in to the console to read. Only beside an adminToken. */
  readonly viewerToken: string | null
  readonly encryptionKey: Buffer | null
  readonly retentionDays: number
  readonly logIds: boolean
}

/** Each plan's leaky bucket, shared by all applications at one address: requests a second, and the burst. */
const PLANS = {
  standard: { ratePerSecond: 2, burst: 50 },
  enterprise: { ratePerSecond: 5, burst: 250 },
}

/** Reads the environment and the files that it names. Throws one ConfigError that names every fault with its remedy. */
export function loadConfig (env: Environment, readFile: ReadFile): Config {
  const faults: string[] = []
  findUnknownNames(env, faults)
  const values = readValues(env, readFile, faults)
  const channels = loadChannels(values, env, readFile, faults)
  const portal = loadPortal(values, env, faults)
  if (values.PUBLIC_URL !== null && portal !== null && isLoopback(new URL(values.PUBLIC_URL)) && !isLoopback(new URL(portal.url))) {
    faults.push('PUBLIC_URL names this machine, but the portal is elsewhere and cannot reach it: set the address that Bitrix24 can reach, or remove it')
  }
  if (isSet('VIEWER_TOKEN', env) && !isSet('ADMIN_TOKEN', env)) faults.push('VIEWER_TOKEN cannot be used without an ADMIN_TOKEN: set both, or neither')
  if (values.VIEWER_TOKEN !== null && values.VIEWER_TOKEN === values.ADMIN_TOKEN) faults.push('VIEWER_TOKEN is the ADMIN_TOKEN, so it would let viewers act: set another one')
  if (faults.length > 0 || portal === null) throw new ConfigError(faults)

  for (const channel of channels.values()) freeze(channel)
  return freeze({
    host: values.HOST,
    port: values.PORT,
    logLevel: values.LOG_LEVEL,
    databaseUrl: values.DATABASE_URL,
    postgresUnsafe: values.POSTGRES_UNSAFE,
    portal,
    channels,
    publicUrl: values.PUBLIC_URL,
    webhookRateLimit: values.WEBHOOK_RATE_LIMIT,
    trustProxy: values.TRUST_PROXY,
    adminToken: values.ADMIN_TOKEN,
    viewerToken: values.VIEWER_TOKEN,
    encryptionKey: values.ENCRYPTION_KEY,
    retentionDays: values.RETENTION_DAYS,
    logIds: values.LOG_IDS,
  })
}

function loadPortal (values: Values, env: Environment, faults: string[]): PortalConfig | null {
  const url = values.BITRIX24_PORTAL_URL
  const { BITRIX24_CLIENT_ID: clientId, BITRIX24_CLIENT_SECRET: clientSecret, BITRIX24_REFRESH_TOKEN: refreshToken, BITRIX24_OAUTH_URL: oauthUrl } = values
  if (!isSet('BITRIX24_PORTAL_URL', env)) faults.push('BITRIX24_PORTAL_URL is missing: set it to the portal\'s address, such as https://example.bitrix24.ru')
  if (isSet('BITRIX24_CLIENT_ID', env) !== isSet('BITRIX24_CLIENT_SECRET', env)) {
    faults.push('BITRIX24_CLIENT_ID and BITRIX24_CLIENT_SECRET belong together: set both, or neither until Bitrix24 has shown them')
  }
  if (refreshToken !== null && !isSet('BITRIX24_CLIENT_ID', env)) faults.push('BITRIX24_REFRESH_TOKEN cannot be used without BITRIX24_CLIENT_ID and BITRIX24_CLIENT_SECRET')
  if (url === null) return null
  if (oauthUrl !== null && allowedOAuthOrigin(url, oauthUrl) === null) {
    faults.push('BITRIX24_OAUTH_URL names this machine, but the portal is elsewhere and the client secret is sent there: remove it')
  }
  const { ratePerSecond, burst } = PLANS[values.BITRIX24_PLAN]
  return {
    url,
    clientId,
    clientSecret,
    refreshToken,
    oauthUrl,
    // A smaller bucket would never allow a call.
    bucket: { ratePerSecond: ratePerSecond * values.BITRIX24_SHARE, burst: Math.max(1, burst * values.BITRIX24_SHARE) },
  }
}

function loadChannels (values: Values, env: Environment, readFile: ReadFile, faults: string[]): ReadonlyMap<string, Channel> {
  // A faulty value was already reported; do not report it as missing too.
  const defaults = {
    connector: values.BITRIX24_CONNECTOR ?? (isSet('BITRIX24_CONNECTOR', env) ? 'faulty' : null),
    line: values.BITRIX24_LINE ?? (isSet('BITRIX24_LINE', env) ? 1 : null),
    settleMs: values.SETTLE_MS,
  }
  const channels = new Map<string, Channel>()
  const fromEnvironment = values.WEBHOOK_SECRET === null ? null : defaultChannel(values.WEBHOOK_SECRET, defaults, faults)
  if (fromEnvironment !== null) channels.set(fromEnvironment.id, fromEnvironment)

  const fromFile = values.CHANNELS_FILE === null ? [] : readChannels(values.CHANNELS_FILE, defaults, env, readFile, faults)
  for (const channel of fromFile) {
    if (channels.has(channel.id)) faults.push(`CHANNELS_FILE: the channel ${channel.id} exists twice${channel.id === 'default' ? ' (WEBHOOK_SECRET makes one of that name)' : ''}: rename one`)
    channels.set(channel.id, channel)
  }
  if (!isSet('WEBHOOK_SECRET', env) && (values.CHANNELS_FILE === null || (channels.size === 0 && faults.length === 0))) {
    faults.push('there is no channel: set WEBHOOK_SECRET ("npm run -s relay -- secret" makes one), or name channels in CHANNELS_FILE')
  }
  return channels
}

/** Only plain objects and arrays, at every depth: buffers and maps cannot be frozen. */
function freeze<T> (value: T): T {
  if (Array.isArray(value) || (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype)) {
    Object.values(value).forEach(freeze)
    Object.freeze(value)
  }
  return value
}
