import type { FastifyInstance } from 'fastify'
import { requireAdmin, type Tokens } from './admin.ts'

interface MetricsRoutesOptions {
  readonly tokens: Tokens
  /** The text of all metrics, in Prometheus' format. */
  readonly scrape: () => Promise<string>
}

/** `GET /metrics`, for Prometheus. */
export async function metricsRoutes (app: FastifyInstance, { tokens, scrape }: MetricsRoutesOptions): Promise<void> {
  requireAdmin(app, tokens)
  app.get('/metrics', { schema: { hide: true } }, async (_request, reply) => {
    reply.type('text/plain; version=0.0.4; charset=utf-8').header('cache-control', 'no-store')
    return await scrape()
  })
}
