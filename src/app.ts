import Fastify, { LogController, type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import type { Logger } from 'pino'
import { bitrix24Routes } from '../routes/bitrix24.ts'
import { editRoutes } from '../routes/edits.ts'
import { healthRoutes, type Condition } from '../routes/health.ts'
import { metricsRoutes } from '../routes/metrics.ts'
import { registerOpenapi } from '../routes/openapi.ts'
import { sendProblem } from '../routes/problems.ts'
import { registerRateLimit } from '../routes/rate-limits.ts'
import { webhookRoutes } from '../routes/webhooks.ts'
import type { Install } from './bitrix24/install.ts'
import type { Config } from './config/config.ts'
import { NotFound } from './base/errors.ts'
import { answerClientError, trackResponses } from './http/client-error.ts'
import { createIdMask } from './base/log.ts'
import type { WebhookObserver } from './operations/metrics/metrics.ts'
import type { Redelivery } from './operations/redelivery.ts'
import type { Status } from './operations/status.ts'
import type { Outbox } from './outbox/outbox.ts'
import type { Store } from './outbox/store.ts'
import type { Forwarder } from './forward/forward.ts'
import type { Intake } from './intake.ts'

export interface Dependencies {
  readonly version: string
  readonly log: Logger
  /** Fulfilled when a write has been made durable. */
  readonly probe: Store['probe']
  readonly outbox: Outbox
  readonly intake: Intake
  readonly forwarders: ReadonlyMap<string, Forwarder>
  readonly install: Install
  readonly redelivery: Redelivery
  readonly status: () => Promise<Status>
  readonly condition: () => Promise<Condition>
  readonly webhookObserver?: WebhookObserver
  /** The text of all metrics; without it there are none to be had. */
  readonly scrape?: (() => Promise<string>) | undefined
  /** True from the first signal on: webhooks are refused and the relay is not ready, while calls under way end. */
  readonly stopping: () => boolean
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number
}

/** How long a request may take to arrive. A test may be less patient. */
export interface Patience {
  readonly requestTimeoutMs: number
  readonly checkEveryMs: number
}

const PATIENCE: Patience = { requestTimeoutMs: 15_000, checkEveryMs: 5_000 }

/** All that the relay says by HTTP. */
export function buildApp (config: Config, dependencies: Dependencies, patience = PATIENCE): FastifyInstance {
  const { version, log, probe, outbox, intake, forwarders, install, redelivery, status, condition, webhookObserver: observer, scrape, stopping, now } = dependencies

  const app = Fastify({
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    // One logger for all: a child for each request costs more than the line that it would write.
    childLoggerFactory: logger => logger,
    bodyLimit: 1024 * 1024,
    requestTimeout: patience.requestTimeoutMs,
    // An install waits for several calls to the portal, during which its connection is silent.
    connectionTimeout: 300_000,
    // Longer than the minute for which load balancers usually keep a connection: whoever closes first must not be us.
    keepAliveTimeout: 72_000,
    // Node exchanges the two limits when the headers' is the larger one, so that both must be said.
    http: { headersTimeout: patience.requestTimeoutMs, requestTimeout: patience.requestTimeoutMs, connectionsCheckingInterval: patience.checkEveryMs },
    trustProxy: typeof config.trustProxy === 'number' ? hopsUpTo(config.trustProxy) : config.trustProxy && [...config.trustProxy],
    exposeHeadRoutes: false,
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, _request, reply) => { sendProblem(reply, error) },
  })

  trackResponses(app.server)
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  app.setNotFoundHandler((_request, reply) => { sendProblem(reply, new NotFound('there is nothing at this address for this method')) })
  app.setErrorHandler((error, request, reply) => {
    const status = sendProblem(reply, error)
    if (status >= 500) log.error({ event: 'request.failed', method: request.method, route: request.routeOptions.url, status, err: error }, 'request.failed')
  })

  registerRateLimit(app)
  registerOpenapi(app, version)
  app.register(webhookRoutes, { intake, forwarders, channels: config.channels, maxPerMinute: config.webhookRateLimit, stopping, maskId: config.logIds ? id => id : createIdMask([...config.channels.values()].map(({ secrets }) => secrets)), observer, log })
  app.register(healthRoutes, { probe, condition, stopping, now })
  app.register(bitrix24Routes, { install, portalUrl: config.portal.url })
  if (config.adminToken !== null) app.register(editRoutes, { adminToken: config.adminToken, outbox, redelivery, status })
  if (config.adminToken !== null && scrape !== undefined) app.register(metricsRoutes, { adminToken: config.adminToken, scrape })
  return app
}

/** Trusts the addresses that the nearest proxies add, as many as there are. */
function hopsUpTo (count: number): (address: string, hop: number) => boolean {
  return (_address, hop) => hop < count
}
