import type { FastifyInstance } from 'fastify'
import { z } from 'zod'

/** How long the answer to "can the store write?" is good for, and how long it may take. */
const PROBE_VALID_MS = 1000
const PROBE_TIMEOUT_MS = 2000

export interface Condition {
  /** `ready`, or the code for which the portal takes nothing at present. */
  readonly portal: string
  readonly lines: ReadonlyArray<{ readonly code: string }>
}

export interface HealthRoutesOptions {
  /** Fulfilled when a write has been made durable. */
  readonly probe: () => Promise<void>
  readonly condition: () => Promise<Condition>
  readonly stopping: () => boolean
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number
}

const UNKNOWN: Condition = { portal: 'unknown', lines: [] }

const readinessSchema = z.object({
  status: z.enum(['ready', 'stopping', 'store-unavailable']),
  portal: z.string().describe('ready, or the code for which the portal takes nothing at present; unknown while the store cannot be asked'),
  lines: z.array(z.string()).describe('the code of each open line that takes nothing at present'),
})

/**
 * `/livez`: the process turns. `/readyz`: it can keep what it is given. A portal in trouble does not make it unready, because
 * edits are kept until the portal is well again; it is shown by code, without names, since anybody may ask.
 */
export async function healthRoutes (app: FastifyInstance, { probe, condition, stopping, now }: HealthRoutesOptions): Promise<void> {
  const canWrite = reuse(() => within(probe().then(() => true, () => false), PROBE_TIMEOUT_MS, false), PROBE_VALID_MS, now)

  app.get('/livez', { schema: { summary: 'The process turns', response: { 200: z.object({ status: z.literal('live') }) } } }, async () => ({ status: 'live' as const }))

  app.get('/readyz', { schema: { summary: 'The relay can keep what it is given', response: { 200: readinessSchema, 503: readinessSchema } } }, async (_request, reply) => {
    const status = stopping() ? 'stopping' : await canWrite() ? 'ready' : 'store-unavailable'
    const { portal, lines } = await within(condition(), PROBE_TIMEOUT_MS, UNKNOWN)
    reply.code(status === 'ready' ? 200 : 503).header('cache-control', 'no-store')
    return { status, portal, lines: lines.map(line => line.code) }
  })
}

/** Asks again only when the last answer is too old, and once for all who ask meanwhile: a probe costs a write. */
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
