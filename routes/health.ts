import type { FastifyInstance } from 'fastify'
import { UNKNOWN_CONDITION, type PortalCondition } from '../src/courier/parks.ts'
import { z } from 'zod'

/** How long the answer to "can the store write?" is reused, and how long it may take. */
const PROBE_VALID_MS = 1000
const PROBE_TIMEOUT_MS = 2000

interface HealthRoutesOptions {
  /** Fulfilled when a write has been made durable. */
  readonly probe: () => Promise<void>
  readonly condition: () => Promise<PortalCondition>
  readonly stopping: () => boolean
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number
}

const readinessSchema = z.object({
  status: z.enum(['ready', 'stopping', 'store-unavailable']),
  portal: z.string().describe('ready, or the code of the portal\'s park; unknown while the store cannot be read'),
  lines: z.array(z.string()).describe('the code of each parked open line'),
})

/**
 * `/livez`: the process runs. `/readyz`: it can store edits. A parked portal does not make the relay unready, because edits are kept until it works
 * again. The answer has codes but no names, because anyone may ask.
 */
export async function healthRoutes (app: FastifyInstance, { probe, condition, stopping, now }: HealthRoutesOptions): Promise<void> {
  const canWrite = reuse(() => within(probe().then(() => true, () => false), PROBE_TIMEOUT_MS, false), PROBE_VALID_MS, now)

  app.get('/livez', { schema: { summary: 'The process runs', response: { 200: z.object({ status: z.literal('live') }) } } }, async () => ({ status: 'live' as const }))

  app.get('/readyz', { schema: { summary: 'The relay can store edits', response: { 200: readinessSchema, 503: readinessSchema } } }, async (_request, reply) => {
    const status = stopping() ? 'stopping' : await canWrite() ? 'ready' : 'store-unavailable'
    const { portal, lines } = await within(condition(), PROBE_TIMEOUT_MS, UNKNOWN_CONDITION)
    reply.code(status === 'ready' ? 200 : 503).header('cache-control', 'no-store')
    return { status, portal, lines: lines.map(line => line.code) }
  })
}

/** Reuses the last answer while it is recent, and shares a running probe: a probe costs a write. */
function reuse (ask: () => Promise<boolean>, validMs: number, now: () => number): () => Promise<boolean> {
  let last: { readonly answer: Promise<boolean>, at: number } | null = null
  return () => {
    if (last === null || now() - last.at >= validMs) {
      const current = { answer: ask(), at: Infinity }
      current.answer.then(() => { current.at = now() })
      last = current
    }
    return last.answer
  }
}

async function within<T> (work: Promise<T>, timeoutMs: number, otherwise: T): Promise<T> {
  const { promise: timeout, resolve } = Promise.withResolvers<T>()
  const timer = setTimeout(() => resolve(otherwise), timeoutMs)
  return await Promise.race([work, timeout]).finally(() => clearTimeout(timer))
}
