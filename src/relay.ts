import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import type { Logger } from 'pino'
import { buildApp } from './app.ts'
import { createClient, createDispatcher } from './bitrix24/client.ts'
import { createBinding } from './bitrix24/binding.ts'
import { createEvents } from './bitrix24/events.ts'
import { createInstall } from './bitrix24/install.ts'
import { createOAuth } from './bitrix24/oauth.ts'
import { createOpenLines } from './bitrix24/open-lines.ts'
import { createOperatorCalls } from './bitrix24/operator-calls.ts'
import { createSession } from './bitrix24/session.ts'
import { processClock, wallClock } from './base/clock.ts'
import { createPortalClock } from './base/portal-clock.ts'
import { isFed } from './config/channels.ts'
import type { Config } from './config/config.ts'
import { createCourier } from './courier/courier.ts'
import { conditionOf, UNKNOWN_CONDITION, type PortalCondition } from './courier/parks.ts'
import { StoreUnavailable } from './base/errors.ts'
import { createIntake } from './intake.ts'
import { createActivity } from './operations/activity.ts'
import { createConfirmations } from './operations/confirmations.ts'
import { createJanitor } from './operations/janitor.ts'
import { createLeadership } from './courier/leadership.ts'
import type { HeldLease } from './outbox/leases.ts'
import { createApi, createApiDispatcher } from './names/api.ts'
import { createNameSources } from './names/sources.ts'
import { createMetrics } from './operations/metrics/metrics.ts'
import { createOverview } from './operations/overview.ts'
import { createReadBack } from './operations/read-back.ts'
import { createRedelivery } from './operations/redelivery.ts'
import { createStatus } from './operations/status.ts'
import { openStore } from './outbox/open.ts'
import { createForwarders } from './forward/forward.ts'
import { createNames } from './names/names.ts'

/** After a stop, running calls to the portal and requests to connectors have this long to end. */
const GRACE_MS = 10_000

/** Then the last answers have this long to be sent; slower connections are closed. */
const CLOSE_WITHIN_MS = 2000

/** How long an operator's question waits for the portal. */
const OPERATOR_TIMEOUT_MS = 10_000

interface RelayOptions {
  readonly config: Config
  readonly version: string
  readonly log: Logger
  /** Called when the database is lost: the process should end. */
  readonly onLost: (error: Error) => void
  /** The duration of the portal's lease if relays share a database; for tests. */
  readonly leaseMs?: number
}

export interface Relay {
  readonly url: string
  /** Refuses webhooks, waits for running calls, records the others as "outcome unknown" and closes the database. */
  stop (): Promise<void>
}

function withoutStore (error: unknown): PortalCondition {
  if (error instanceof StoreUnavailable) return UNKNOWN_CONDITION
  throw error
}

/** Creates the parts and starts them: the store, the HTTP server, and then the competition for the portal's lease. */
export async function startRelay ({ config, version, log, onLost, leaseMs }: RelayOptions): Promise<Relay> {
  const { portal } = config
  const userAgent = `imconnector-relay/${version}`
  const now = processClock()
  const wallTime = wallClock
  const wait = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

  const { observers: metrics, createScrape } = createMetrics({ version, channels: config.channels.values(), now })
  const store = await openStore({ databaseUrl: config.databaseUrl, encryptionKey: config.encryptionKey, mayBeUnsafe: config.postgresUnsafe, now, observeCommit: metrics.onCommit, onLost, leaseMs })
  const { portal: portalId, outbox, portals, profiles, leases, signals } = store
  const activity = createActivity({ channels: config.channels.values(), store: store.activity, now, log })
  const observers = activity.observe(metrics)
  const clock = createPortalClock({
    now,
    wallTime,
    save: history => { portals.write(portalId, history).catch((error: unknown) => log.error({ event: 'clock.failed', err: error }, 'clock.failed')) },
    log,
  })
  const dispatcher = createDispatcher()
  const client = createClient({ dispatcher, now, userAgent, onTime: clock.answered })
  const oauth = createOAuth({ dispatcher, now, userAgent })
  const apiDispatcher = createApiDispatcher()
  const sources = createNameSources(config.channels, log)
  const askApi = createApi({ dispatcher: apiDispatcher, userAgent, now })

  /** Only the leader calls the portal, renews its tokens and asks messengers for names. */
  async function lead (lease: HeldLease) {
    const session = createSession({ portalId, portal, portals, client, oauth, lease, now: wallTime, log, onRenewal: observers.onRenewal })
    await session.open()
    for (const { channel, connector, line } of (await outbox.lanes(portalId)).filter(lane => !isFed(lane, config.channels))) {
      log.warn({ event: 'outbox.unfed-lane', channel, connector, line }, 'edits are pending for a connector and line that the channel no longer feeds; they are still sent there')
    }
    clock.restore(await portals.read(portalId))
    const courier = await createCourier({ portal: portalId, lease, outbox, portals, session, bucket: portal.bucket, log, now, wallTime, clock, random: Math.random, observer: observers.courier })
    const names = createNames({ portal: portalId, lease, outbox, profiles, sources, askApi, log, now, wallTime, clock, random: Math.random, onLookUp: observers.onLookUp, onDead: observers.onDead, onNamed: () => courier.wake() })
    const binding = createBinding({ portalId, portals, session, lease, publicUrl: config.publicUrl, onCall: courier.countCall, now, log })
    const watch = confirmations.createWatch()
    courier.start()
    names.start()
    binding.start()
    watch.start()
    // The answer proves our clock, so that webhooks are judged by it from the first on.
    courier.callPortal()
    return {
      wake (dueAt?: number) {
        courier.wake(dueAt)
        names.wake(dueAt)
      },
      recheck () {
        courier.recheck()
        names.wake()
        binding.recheck()
      },
      countCall: courier.countCall,
      callPortal: courier.callPortal,
      condition: courier.condition,
      bucketLevel: courier.bucketLevel,
      async stop (graceMs: number) {
        await Promise.all([courier.stop(graceMs), names.stop(), binding.stop(), watch.stop()])
        await session.idle()
      },
    }
  }

  // A wrong ENCRYPTION_KEY makes the start fail here, not when this process becomes the leader.
  const { address } = await portals.read(portalId)
  if (address !== null && address !== portal.url) log.warn({ event: 'portal.other-address', stored: address, configured: portal.url }, 'BITRIX24_PORTAL_URL differs from the stored address; the stored one is used until the OAuth server confirms the other')
  const leadership = createLeadership({ portal: portalId, replica: randomUUID(), leases, signals, now, log, lead })
  const onDue = (dueAt: number) => leadership.tell('edits', dueAt)
  const condition = async () => leadership.leader()?.condition() ?? await portals.read(portalId).then(conditionOf, withoutStore)
  const janitor = createJanitor({ outbox, profiles, activity: store.activity, retentionDays: config.retentionDays, now, clock, callPortal: () => leadership.leader()?.callPortal(), log })
  const install = createInstall({ portalId, portals, client, oauth, portal, onInstalled: () => leadership.tell('portal'), onCall: () => leadership.tell('call'), now: wallTime, wait, log })
  const connectorIds = new Set([...config.channels.values()].map(({ connector }) => connector))
  const events = createEvents({ portalId, portals, outbox, connectors: connectorIds, onEvent: observers.onEvent, now, log })
  const intake = createIntake({ portal: portalId, channels: config.channels, outbox, profiles, now, wallTime, clock, onAccepted: onDue })
  const connectors = createForwarders({ channels: config.channels.values(), now: wallTime, onForwarded: observers.onForwarded })
  const redelivery = createRedelivery({ outbox, now, onDue })
  const operatorClient = createClient({ dispatcher, now, userAgent, onTime: clock.answered, responseTimeoutMs: OPERATOR_TIMEOUT_MS })
  const operatorCalls = createOperatorCalls({ portalId, portal, portals, client: operatorClient, askLeader: () => leadership.tell('token'), now })
  const readBack = createReadBack({ outbox, openLines: createOpenLines(operatorCalls) })
  const confirmations = createConfirmations({ portalId, portals, outbox, isEnabled: config.publicUrl !== null, now, log })
  const overview = createOverview({ portalId, portal, outbox, portals, condition, activity, isListening: config.publicUrl !== null })
  const status = createStatus({ portalId, portal, outbox, portals, condition, confirmations, activity })
  const scrape = createScrape({ portal: portalId, outbox, confirmations: config.publicUrl === null ? null : confirmations.summary, leader: leadership.leader, burst: portal.bucket.burst, now })

  let isStopping = false
  const app = buildApp(config, { version, log, probe: store.probe, outbox, intake, forwarders: connectors.forwarders, install, events, redelivery, overview, activity, readBack, status, confirmations, condition, webhookObserver: observers.webhooks, scrape, stopping: () => isStopping, now })
  async function stop (): Promise<void> {
    isStopping = true
    operatorCalls.stop()
    await Promise.all([leadership.stop(GRACE_MS), janitor.stop(), connectors.stop(GRACE_MS)])
    const timer = setTimeout(() => app.server.closeAllConnections(), CLOSE_WITHIN_MS)
    await app.close()
    clearTimeout(timer)
    await activity.stop()
    await store.close()
    await Promise.all([dispatcher.destroy(), apiDispatcher.destroy()])
  }

  try {
    // A port that is in use makes the start fail before the lease is taken.
    await app.listen({ host: config.host, port: config.port })
    await leadership.start()
  } catch (error) {
    await stop()
    throw error
  }
  janitor.start()
  activity.start()
  const { port } = app.server.address() as AddressInfo
  return { url: `http://${config.host}:${port}`, stop }
}
