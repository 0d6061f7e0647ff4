import { z } from 'zod'
import type { CallResult } from '../../bitrix24/client.ts'
import { pinnedOrigin, type PortalConfig } from '../../bitrix24/hosts.ts'
import type { Channel } from '../../config/channels.ts'
import type { Config } from '../../config/config.ts'
import type { PortalRecord } from '../../outbox/portals.ts'
import { fault, ok, open, read, type Ask, type Finding } from './finding.ts'
import { examineRenewal, howToInstall, SET_CREDENTIALS } from './tokens.ts'

const appInfo = z.object({ CODE: z.string().optional(), INSTALLED: z.boolean().optional().catch(undefined) })
const scopes = z.array(z.string())
const connectors = z.union([z.record(z.string(), z.string()), z.array(z.string())])
const lineStatus = z.object({ STATUS: z.boolean(), ERROR: z.boolean().optional().catch(false) })

const NEEDED_SCOPES: readonly string[] = ['imopenlines', 'imconnector']

/** By the answer to `app.info`. Returns whether the token can be used for further questions. */
export async function * examineToken (address: string, portal: PortalConfig, record: PortalRecord, result: CallResult): AsyncGenerator<Finding, boolean> {
  if (result.kind === 'unreachable' || result.kind === 'unknown') {
    yield fault('portal', `${address} does not answer (${result.cause})`, 'check the address, the network and the portal itself')
    return false
  }
  if (result.kind === 'moved') {
    yield pinnedOrigin(address, result.location) === null
      ? fault('portal', `it redirects to ${result.location}`, 'set BITRIX24_PORTAL_URL to it if that is your portal')
      : open('portal', `it has moved to ${result.location}`, 'wait for the relay\'s next call, before which it asks the OAuth server')
    return false
  }
  yield ok('portal', `${address} answers in ${Math.round(result.durationMs)} ms`)
  if (result.kind === 'refused') {
    yield result.code.toLowerCase() === 'expired_token'
      ? examineRenewal('the access token has expired', portal, record)
      : fault('token', `the portal refuses it (${result.code}: ${result.words})`, howToInstall(address, portal))
    return false
  }
  const { CODE: code, INSTALLED: isInstalled } = appInfo.safeParse(result.result).data ?? {}
  if (code !== undefined && portal.clientId !== null && code !== portal.clientId) {
    yield fault('token', `it belongs to the application ${code}, not to BITRIX24_CLIENT_ID`, howToInstall(address, portal))
    return false
  }
  yield portal.clientId === null
    ? fault('token', 'the portal accepts it, but it cannot be renewed', SET_CREDENTIALS)
    : ok('token', 'the portal accepts it')
  if (isInstalled === true) yield ok('application', 'it is installed')
  if (isInstalled === false) yield fault('application', 'its installation is not finished, so the portal sends it no events', 'open the application once as an administrator, or switch on "uses API only" in its settings')
  return true
}

/** Whether the portal lets the application use the connectors and the lines of all channels. */
export async function * examineConnectors ({ channels }: Config, ask: Ask): AsyncGenerator<Finding> {
  const granted = read(scopes, await ask('scope'), 'scope')
  if ('finding' in granted) yield granted.finding
  else {
    const missing = NEEDED_SCOPES.filter(scope => !granted.value.includes(scope))
    if (missing.length > 0) {
      yield fault('scope', `${missing.join(', ')} missing`, 'add it to the application\'s permissions and install it again')
      return
    }
    yield ok('scope', NEEDED_SCOPES.join(', '))
  }

  const listed = read(connectors, await ask('imconnector.list'), 'connector')
  if ('finding' in listed) yield listed.finding
  else {
    const known = Array.isArray(listed.value) ? listed.value : Object.keys(listed.value)
    for (const [connector, users] of Map.groupBy(channels.values(), channel => channel.connector)) {
      const remedy = known.length === 0 ? 'register it with imconnector.register: the portal has none' : `set ${settingOf('connector', users)} to one of ${known.join(', ')}`
      yield known.includes(connector) ? ok('connector', connector) : fault('connector', `the portal does not know ${connector}`, remedy)
    }
  }

  for (const users of Map.groupBy(channels.values(), ({ connector, line }) => `${connector} ${line}`).values()) {
    const [{ connector, line }] = users as [Channel, ...Channel[]]
    const status = read(lineStatus, await ask('imconnector.status', { CONNECTOR: connector, LINE: line }), 'line', `${connector} on line ${line}: `)
    if ('finding' in status) yield status.finding
    else if (status.value.ERROR) yield fault('line', `${connector} reports an error on line ${line}`, 'open its settings in the Contact Center')
    else if (!status.value.STATUS) yield fault('line', `${connector} is not active on line ${line}`, `activate it in the Contact Center, or correct ${settingOf('line', users)}`)
    else yield ok('line', `${connector} is active on line ${line}`)
  }
}

/** The settings from which these channels have their connector or line. */
function settingOf (key: 'connector' | 'line', channels: readonly Channel[]): string {
  const variable = { connector: 'BITRIX24_CONNECTOR', line: 'BITRIX24_LINE' }[key]
  return [...new Set(channels.map(({ id, own }) => own[key] ? `"${key}" of the channel ${id}` : variable))].join(' and ')
}
