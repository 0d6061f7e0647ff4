import type { Client } from '../../bitrix24/client.ts'
import { addressOf, isOutdated, isUnproven } from '../../bitrix24/place.ts'
import { isFed } from '../../config/channels.ts'
import type { Config } from '../../config/config.ts'
import { ConfigError } from '../../base/errors.ts'
import { EMPTY_RECORD } from '../../outbox/portals.ts'
import type { StoreSnapshot } from '../../outbox/store.ts'
import { fault, ok, open, type Ask, type Finding } from './finding.ts'
import { examineParks } from './parks.ts'
import { examineConnectors, examineToken } from './portal.ts'
import { examineAddress, examineBinding, examineChannel, type Reach } from './reports.ts'
import { examineRenewal, howToInstall } from './tokens.ts'

interface DoctorOptions {
  readonly load: () => Config
  readonly readStore: (config: Config) => Promise<StoreSnapshot | null>
  readonly client: Client
  readonly reach: Reach
}

/**
 * Checks everything that an edit and its confirmation need, from the configuration to the portal's events. Changes nothing, renews no token, and sends
 * none to an address that is not proven.
 */
export async function * examine ({ load, readStore, client, reach }: DoctorOptions): AsyncGenerator<Finding> {
  let config: Config
  try {
    config = load()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const words of error.faults) yield configurationFault(words)
    return
  }
  yield ok('configuration', `portal ${new URL(config.portal.url).host}, channels ${[...config.channels.keys()].join(', ')}`)

  let snapshot: StoreSnapshot | null
  try {
    snapshot = await readStore(config)
  } catch (error) {
    yield fault('store', error instanceof Error ? error.message : String(error), 'correct DATABASE_URL or ENCRYPTION_KEY, or restore a backup')
    return
  }
  const record = snapshot?.record ?? EMPTY_RECORD
  if (snapshot === null) yield ok('store', 'there is none yet; the relay creates it when it starts')
  else yield * examineStore(config, snapshot)
  yield * examineParks(config.portal, record)
  yield await examineAddress(config.publicUrl, record, reach)

  if (isUnproven(config.portal, record)) {
    yield fault('portal', `the database's portal is at ${record.address}, and nothing proves yet that it has moved to ${config.portal.url}`, 'start the relay, which asks the OAuth server, or correct BITRIX24_PORTAL_URL')
    return
  }
  if (isOutdated(config.portal, record)) yield open('portal', 'BITRIX24_PORTAL_URL is a former address', `set it to ${record.address}`)
  const address = addressOf(config.portal, record)
  const { tokens } = record
  if (tokens === null) {
    yield config.portal.refreshToken === null
      ? fault('token', 'the portal has not installed the application', howToInstall(address, config.portal))
      : open('token', 'BITRIX24_REFRESH_TOKEN is not imported yet', 'start the relay, which imports it')
    return
  }
  if (tokens.accessToken === '') {
    yield examineRenewal('there is only a refresh token', config.portal, record)
    return
  }
  const ask: Ask = (method, params = {}) => client.call({ endpoint: address, method, params, accessToken: tokens.accessToken })
  if (!(yield * examineToken(address, config.portal, record, await ask('app.info')))) return
  yield * examineConnectors(config, ask)
  if (config.publicUrl !== null) yield * examineBinding(config.publicUrl, record, ask)
}

/** Most faults end with their remedy, after a colon. */
function configurationFault (words: string): Finding {
  const at = words.lastIndexOf(': ')
  return at === -1 ? fault('configuration', words, '.env.example explains every variable') : fault('configuration', words.slice(0, at), words.slice(at + 2))
}

function * examineStore (config: Config, snapshot: StoreSnapshot): Generator<Finding> {
  const { name, pending } = snapshot
  yield ok('store', `${name}, ${pending.reduce((sum, lane) => sum + lane.pending, 0)} edits pending`)
  for (const lane of pending.filter(lane => !isFed(lane, config.channels))) {
    yield fault('store', `${lane.pending} pending edits are for ${lane.connector} on line ${lane.line} from the channel ${lane.channel}, which no channel feeds any more: they are still sent there`, 'restore the channel if that is wrong')
  }
  for (const channel of config.channels.values()) yield examineChannel(channel, snapshot, config.publicUrl !== null)
}
