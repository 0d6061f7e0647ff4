import type { FastifyInstance } from 'fastify'
import { requireAdmin } from './admin.ts'

interface MetricsRoutesOptions {
  readonly adminToken: string
  /** The text of all metrics, in Prometheus' format. */
  readonly scrape: () => Promise<string>
}

/** `GET /metrics`, for Prometheus. */
export async function metricsRoutes (app: FastifyInstance, { adminToken, scrape }: MetricsRoutesOptions): Promise<void> {
  requireAdmin(app, adminToken)
  app.get('/metrics', { schema: { hide: true } }, async (_request, reply) => {
    reply.type('text/plain; version=0.0.4; charset=utf-8').header('cache-control', 'no-store')
    return await scrape()
  })
}
