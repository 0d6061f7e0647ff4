import { z } from 'zod'
import type { CallResult, Client } from '../bitrix24/client.ts'
import { pinnedOrigin, type PortalConfig } from '../bitrix24/hosts.ts'
import type { Config } from '../config/config.ts'
import { ConfigError } from '../base/errors.ts'
import type { StoreSnapshot } from '../outbox/store.ts'
import type { Lane } from '../outbox/outbox.ts'

/** One line of the report. `open`: it could not be checked now. */
export interface Finding {
  readonly state: 'ok' | 'fault' | 'open'
  readonly subject: 'configuration' | 'store' | 'portal' | 'token' | 'scope' | 'connector' | 'line'
  readonly words: string
}

interface DoctorOptions {
  readonly load: () => Config
  readonly readStore: (config: Config) => Promise<StoreSnapshot | null>
  readonly client: Client
}

const appInfo = z.object({ CODE: z.string() })
const scopes = z.array(z.string())
const connectors = z.union([z.record(z.string(), z.string()), z.array(z.string())])
const lineStatus = z.object({ STATUS: z.boolean(), ERROR: z.boolean().optional().catch(false) })

const NEEDED_SCOPES: readonly string[] = ['imopenlines', 'imconnector']

type Ask = (method: string, params?: Readonly<Record<string, unknown>>) => Promise<CallResult>

/** Checks everything that the delivery of an edit needs, from the configuration to the line. Changes nothing and renews no token. */
export async function * examine ({ load, readStore, client }: DoctorOptions): AsyncGenerator<Finding> {
  let config: Config
  try {
    config = load()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const fault of error.faults) yield { state: 'fault', subject: 'configuration', words: fault }
    return
  }
  yield { state: 'ok', subject: 'configuration', words: `portal ${config.portal.host}, channels ${[...config.channels.keys()].join(', ')}` }

  let snapshot: StoreSnapshot | null
  try {
    snapshot = await readStore(config)
  } catch (error) {
    yield { state: 'fault', subject: 'store', words: error instanceof Error ? error.message : String(error) }
    return
  }
  yield { state: 'ok', subject: 'store', words: snapshot === null ? 'there is none yet; the relay creates it when it starts' : `${snapshot.name}, ${snapshot.pending} edits pending` }

  const tokens = snapshot?.record.tokens ?? null
  if (tokens === null) {
    yield config.portal.refreshToken === null
      ? { state: 'fault', subject: 'token', words: `the portal has not installed the application: ${howToInstall(config.portal)}` }
      : { state: 'open', subject: 'token', words: 'the relay imports BITRIX24_REFRESH_TOKEN when it starts' }
    return
  }
  if (tokens.accessToken === '') {
    yield { state: 'open', subject: 'token', words: 'there is only a refresh token; the relay gets an access token at its next call' }
    return
  }
  const endpoint = snapshot?.record.endpoint ?? config.portal.url
  const ask: Ask = (method, params = {}) => client.call({ endpoint, method, params, accessToken: tokens.accessToken })
  const isUsable = yield * examineToken(config.portal, await ask('app.info'))
  if (isUsable) yield * examineConnectors(config, ask)
}

async function * examineToken (portal: PortalConfig, result: CallResult): AsyncGenerator<Finding, boolean> {
  if (result.kind === 'unreachable' || result.kind === 'unknown') {
    yield { state: 'fault', subject: 'portal', words: `${portal.url} does not answer (${result.cause}): check the address, the network and the portal itself` }
    return false
  }
  if (result.kind === 'moved') {
    yield pinnedOrigin(portal.url, result.location) === null
      ? { state: 'fault', subject: 'portal', words: `it redirects to ${result.location}: set BITRIX24_PORTAL_URL to it if that is your portal` }
      : { state: 'open', subject: 'portal', words: `it has moved to ${result.location}; the relay follows at its next call` }
    return false
  }
  yield { state: 'ok', subject: 'portal', words: `${portal.url} answers in ${Math.round(result.durationMs)} ms` }
  if (result.kind === 'refused') {
    const isExpired = result.code.toLowerCase() === 'expired_token'
    yield isExpired
      ? { state: 'open', subject: 'token', words: 'the access token has expired; the relay renews it at its next call. Run the doctor again after that' }
      : { state: 'fault', subject: 'token', words: `the portal refuses it (${result.code}: ${result.words}): ${howToInstall(portal)}` }
    return false
  }
  const info = appInfo.safeParse(result.result)
  if (info.success && portal.clientId !== null && info.data.CODE !== portal.clientId) {
    yield { state: 'fault', subject: 'token', words: `it belongs to the application ${info.data.CODE}, not to BITRIX24_CLIENT_ID: ${howToInstall(portal)}` }
    return false
  }
  yield portal.clientId === null
    ? { state: 'fault', subject: 'token', words: 'the portal accepts it, but it cannot be renewed: set BITRIX24_CLIENT_ID and BITRIX24_CLIENT_SECRET to those that Bitrix24 shows for the application' }
    : { state: 'ok', subject: 'token', words: 'the portal accepts it' }
  return true
}

async function * examineConnectors (config: Config, ask: Ask): AsyncGenerator<Finding> {
  const granted = read(scopes, await ask('scope'))
  if ('fault' in granted) yield { state: 'fault', subject: 'scope', words: granted.fault }
  else {
    const missing = NEEDED_SCOPES.filter(scope => !granted.value.includes(scope))
    yield missing.length === 0
      ? { state: 'ok', subject: 'scope', words: NEEDED_SCOPES.join(', ') }
      : { state: 'fault', subject: 'scope', words: `${missing.join(', ')} missing: add it to the application's permissions and install it again` }
    if (missing.length > 0) return
  }

  const lanes = lanesOf(config)
  const listed = read(connectors, await ask('imconnector.list'))
  if ('fault' in listed) yield { state: 'fault', subject: 'connector', words: listed.fault }
  else {
    const known = Array.isArray(listed.value) ? listed.value : Object.keys(listed.value)
    for (const connector of new Set(lanes.map(lane => lane.connector))) {
      yield known.includes(connector)
        ? { state: 'ok', subject: 'connector', words: connector }
        : { state: 'fault', subject: 'connector', words: `the portal does not know ${connector}: set BITRIX24_CONNECTOR to one of ${known.join(', ') || 'none, so register one with imconnector.register'}` }
    }
  }

  for (const { connector, line } of lanes) {
    const status = read(lineStatus, await ask('imconnector.status', { CONNECTOR: connector, LINE: line }))
    if ('fault' in status) yield { state: 'fault', subject: 'line', words: `${connector} on line ${line}: ${status.fault}` }
    else if (status.value.ERROR) yield { state: 'fault', subject: 'line', words: `${connector} reports an error on line ${line}: open its settings in the Contact Center` }
    else if (!status.value.STATUS) yield { state: 'fault', subject: 'line', words: `${connector} is not active on line ${line}: activate it in the Contact Center, or correct BITRIX24_LINE` }
    else yield { state: 'ok', subject: 'line', words: `${connector} is active on line ${line}` }
  }
}

function lanesOf (config: Config): Lane[] {
  const lanes = new Map([...config.channels.values()].map(({ connector, line }) => [`${connector} ${line}`, { connector, line }]))
  return [...lanes.values()]
}

function read<T> (schema: z.ZodType<T>, result: CallResult): { readonly value: T } | { readonly fault: string } {
  if (result.kind === 'refused') return { fault: `the portal refuses to answer (${result.code}: ${result.words})` }
  const parsed = result.kind === 'answered' ? schema.safeParse(result.result) : null
  return parsed?.success ? { value: parsed.data } : { fault: 'the portal\'s answer cannot be read: try again' }
}

function howToInstall (portal: PortalConfig): string {
  return portal.clientId === null
    ? 'create a local application whose handler is https://<this relay>/bitrix24/install, with the relay running'
    : `install it again, or open ${portal.url}/oauth/authorize/?${new URLSearchParams({ client_id: portal.clientId })} as an administrator`
}
