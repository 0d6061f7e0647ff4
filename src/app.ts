import Fastify, { LogController, type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import type { Logger } from 'pino'
import { bitrix24Routes } from '../routes/bitrix24.ts'
import { consoleRoutes } from '../routes/console.ts'
import { editRoutes } from '../routes/edits.ts'
import { healthRoutes } from '../routes/health.ts'
import { metricsRoutes } from '../routes/metrics.ts'
import { registerOpenapi } from '../routes/openapi.ts'
import { previewRoutes } from '../routes/preview.ts'
import { sendProblem } from '../routes/problems.ts'
import { registerRateLimit } from '../routes/rate-limits.ts'
import { readBackRoutes } from '../routes/read-back.ts'
import { webhookRoutes } from '../routes/webhooks.ts'
import type { Events } from './bitrix24/events.ts'
import type { Install } from './bitrix24/install.ts'
import type { Config } from './config/config.ts'
import type { PortalCondition } from './courier/parks.ts'
import { NotFound } from './base/errors.ts'
import { answerClientError, trackResponses } from './http/client-error.ts'
import { NOTHING_HERE } from './http/problem.ts'
import { createIdMask } from './base/log.ts'
import type { WebhookObserver } from './operations/observers.ts'
import type { Confirmations } from './operations/confirmations.ts'
import type { ReadBack } from './operations/read-back.ts'
import type { ChannelActivity } from './operations/activity.ts'
import type { Overview } from './operations/overview.ts'
import type { Redelivery } from './operations/redelivery.ts'
import type { Status } from './operations/status.ts'
import type { Outbox } from './outbox/outbox.ts'
import type { Store } from './outbox/store.ts'
import type { Forwarder } from './forward/forward.ts'
import type { Intake } from './intake.ts'

export interface Dependencies {
  readonly version: string
  readonly log: Logger
  readonly probe: Store['probe']
  readonly outbox: Outbox
  readonly intake: Intake
  readonly forwarders: ReadonlyMap<string, Forwarder>
  readonly install: Install
  readonly events: Events
  readonly redelivery: Redelivery
  readonly overview: () => Promise<Overview>
  readonly activity: { summary (): Promise<readonly ChannelActivity[]> }
  readonly readBack: ReadBack
  readonly status: () => Promise<Status>
  readonly confirmations: Confirmations
  readonly condition: () => Promise<PortalCondition>
  readonly webhookObserver?: WebhookObserver
  /** Returns the text of all metrics; if absent, there is no /metrics. */
  readonly scrape?: (() => Promise<string>) | undefined
  /** True from the first signal on: the relay refuses webhooks and is not ready while running calls end. */
  readonly stopping: () => boolean
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number
}

/** How long a request may take to arrive. Tests use shorter times. */
export interface Patience {
  readonly requestTimeoutMs: number
  readonly checkEveryMs: number
}

const nothingHere = () => new NotFound(NOTHING_HERE)

const PATIENCE: Patience = { requestTimeoutMs: 15_000, checkEveryMs: 5_000 }

/** The HTTP server with all its routes. */
export function buildApp (config: Config, dependencies: Dependencies, patience = PATIENCE): FastifyInstance {
  const { version, log, probe, outbox, intake, forwarders, install, events, redelivery, overview, activity, readBack, status, confirmations, condition, webhookObserver: observer, scrape, stopping, now } = dependencies

  const app = Fastify({
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    // One logger for all requests: creating a child costs more than writing a line.
    childLoggerFactory: logger => logger,
    bodyLimit: 1024 * 1024,
    requestTimeout: patience.requestTimeoutMs,
    // During an install, which makes several calls to the portal, the connection is silent.
    connectionTimeout: 300_000,
    // Load balancers usually keep a connection for a minute. They must close it before we do.
    keepAliveTimeout: 72_000,
    // Both are set, because Node swaps the two limits if that for the headers is larger.
    http: { headersTimeout: patience.requestTimeoutMs, requestTimeout: patience.requestTimeoutMs, connectionsCheckingInterval: patience.checkEveryMs },
    trustProxy: typeof config.trustProxy === 'number' ? hopsUpTo(config.trustProxy) : config.trustProxy && [...config.trustProxy],
    exposeHeadRoutes: false,
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, _request, reply) => { sendProblem(reply, error) },
  })

  trackResponses(app.server)
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  app.setNotFoundHandler((_request, reply) => { sendProblem(reply, nothingHere()) })
  // Before the body: Fastify would parse it, and only then call the handler above.
  app.addHook('onRequest', (request, _reply, done) => { done(request.is404 ? nothingHere() : undefined) })
  app.setErrorHandler((error, request, reply) => {
    const status = sendProblem(reply, error)
    if (status >= 500) log.error({ event: 'request.failed', method: request.method, route: request.routeOptions.url, status, err: error }, 'request.failed')
  })

  registerRateLimit(app)
  registerOpenapi(app, version)
  const maskId = config.logIds ? (id: string) => id : createIdMask([...config.channels.values()].map(({ secrets }) => secrets))
  app.register(webhookRoutes, { intake, forwarders, channels: config.channels, maxPerMinute: config.webhookRateLimit, stopping, maskId, observer, log })
  app.register(healthRoutes, { probe, condition, stopping, now })
  app.register(bitrix24Routes, { install, events, log })
  const tokens = config.adminToken === null ? null : { admin: config.adminToken, viewer: config.viewerToken }
  if (tokens !== null) app.register(editRoutes, { tokens, outbox, redelivery, status, confirmations })
  if (tokens !== null) app.register(previewRoutes, { tokens, intake })
  if (tokens !== null) app.register(readBackRoutes, { tokens, readBack })
  if (tokens !== null && scrape !== undefined) app.register(metricsRoutes, { tokens, scrape })
  if (tokens !== null) app.register(consoleRoutes, { tokens, channels: config.channels, publicUrl: config.publicUrl, outbox, overview, condition, activity, confirmations, redelivery, readBack, intake, maskId, now, log })
  return app
}

/** Trusts the addresses that the nearest `count` proxies add. */
function hopsUpTo (count: number): (address: string, hop: number) => boolean {
  return (_address, hop) => hop < count
}
