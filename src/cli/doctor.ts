import { z } from 'zod'
import type { CallResult, Client } from '../bitrix24/client.ts'
import { pinnedOrigin, type PortalConfig } from '../bitrix24/hosts.ts'
import { addressOf, isOutdated, isUnproven } from '../bitrix24/place.ts'
import { authorizeUrl } from '../bitrix24/session.ts'
import { isFed } from '../config/channels.ts'
import type { Config } from '../config/config.ts'
import { ConfigError } from '../base/errors.ts'
import { EMPTY_RECORD } from '../outbox/portals.ts'
import type { PendingLane, StoreSnapshot } from '../outbox/store.ts'
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
  yield { state: 'ok', subject: 'configuration', words: `portal ${new URL(config.portal.url).host}, channels ${[...config.channels.keys()].join(', ')}` }

  let snapshot: StoreSnapshot | null
  try {
    snapshot = await readStore(config)
  } catch (error) {
    yield { state: 'fault', subject: 'store', words: error instanceof Error ? error.message : String(error) }
    return
  }
  yield { state: 'ok', subject: 'store', words: snapshot === null ? 'there is none yet; the relay creates it when it starts' : `${snapshot.name}, ${sumOf(snapshot.pending)} edits pending` }
  for (const { channel, connector, line, pending } of (snapshot?.pending ?? []).filter(lane => !isFed(lane, config.channels))) {
    yield { state: 'fault', subject: 'store', words: `${pending} pending edits are for ${connector} on line ${line} from the channel ${channel}, which no channel feeds any more: they are still sent there; restore the channel if that is wrong` }
  }

  if (snapshot !== null && isUnproven(config.portal, snapshot.record)) {
    yield { state: 'fault', subject: 'portal', words: `the database's portal is at ${snapshot.record.address}, and nothing proves yet that it has moved to ${config.portal.url}: start the relay, which asks the OAuth server, or correct BITRIX24_PORTAL_URL` }
    return
  }
  if (snapshot !== null && isOutdated(config.portal, snapshot.record)) {
    yield { state: 'open', subject: 'portal', words: `BITRIX24_PORTAL_URL is a former address: set it to ${snapshot.record.address}` }
  }
  const address = addressOf(config.portal, snapshot?.record ?? EMPTY_RECORD)
  const tokens = snapshot?.record.tokens ?? null
  if (tokens === null) {
    yield config.portal.refreshToken === null
      ? { state: 'fault', subject: 'token', words: `the portal has not installed the application: ${howToInstall(address, config.portal)}` }
      : { state: 'open', subject: 'token', words: 'the relay imports BITRIX24_REFRESH_TOKEN when it starts' }
    return
  }
  if (tokens.accessToken === '') {
    yield { state: 'open', subject: 'token', words: 'there is only a refresh token; the relay gets an access token at its next call' }
    return
  }
  const ask: Ask = (method, params = {}) => client.call({ endpoint: address, method, params, accessToken: tokens.accessToken })
  const isUsable = yield * examineToken(address, config.portal, await ask('app.info'))
  if (isUsable) yield * examineConnectors(config, ask)
}

async function * examineToken (address: string, portal: PortalConfig, result: CallResult): AsyncGenerator<Finding, boolean> {
  if (result.kind === 'unreachable' || result.kind === 'unknown') {
    yield { state: 'fault', subject: 'portal', words: `${address} does not answer (${result.cause}): check the address, the network and the portal itself` }
    return false
  }
  if (result.kind === 'moved') {
    yield pinnedOrigin(address, result.location) === null
      ? { state: 'fault', subject: 'portal', words: `it redirects to ${result.location}: set BITRIX24_PORTAL_URL to it if that is your portal` }
      : { state: 'open', subject: 'portal', words: `it has moved to ${result.location}; the relay asks the OAuth server at its next call` }
    return false
  }
  yield { state: 'ok', subject: 'portal', words: `${address} answers in ${Math.round(result.durationMs)} ms` }
  if (result.kind === 'refused') {
    const isExpired = result.code.toLowerCase() === 'expired_token'
    yield isExpired
      ? { state: 'open', subject: 'token', words: 'the access token has expired; the relay renews it at its next call. Run the doctor again after that' }
      : { state: 'fault', subject: 'token', words: `the portal refuses it (${result.code}: ${result.words}): ${howToInstall(address, portal)}` }
    return false
  }
  const info = appInfo.safeParse(result.result)
  if (info.success && portal.clientId !== null && info.data.CODE !== portal.clientId) {
    yield { state: 'fault', subject: 'token', words: `it belongs to the application ${info.data.CODE}, not to BITRIX24_CLIENT_ID: ${howToInstall(address, portal)}` }
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

function sumOf (lanes: readonly PendingLane[]): number {
  return lanes.reduce((sum, { pending }) => sum + pending, 0)
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

function howToInstall (address: string, portal: PortalConfig): string {
  return portal.clientId === null
    ? 'create a local application whose handler is https://<this relay>/bitrix24/install, with the relay running'
    : `install it again, or open ${authorizeUrl(address, portal)} as an administrator`
}
