import type { FastifyRequest } from 'fastify'
import type { z } from 'zod'

/** A control request that cannot be carried out. */
export class BadControl extends Error {
  readonly statusCode = 400
}

export function check<Schema extends z.ZodType> (schema: Schema, value: unknown): z.infer<Schema> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw new BadControl(result.error.issues
    .map(({ path, message }) => `${path.length === 0 ? 'body' : path.join('.')}: ${message}`).join('; '))
}

export function jsonOf (request: FastifyRequest): unknown {
  const text = Buffer.isBuffer(request.body) ? request.body.toString('utf8') : ''
  if (text === '') return {}
  try {
    return JSON.parse(text)
  } catch {
    throw new BadControl('body: not JSON')
  }
}
