import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { BadRequest, Conflict, Forbidden, NotFound, Overloaded, ShuttingDown, StoreUnavailable, TooManyRequests, Unauthenticated, type FieldFault } from '../base/errors.ts'

/** An `import` would read all that the module exports, and with it load the engine's own `fetch`: 40 ms of each start. */
const { STATUS_CODES } = process.getBuiltinModule('node:http')

export const PROBLEM_TYPE = 'application/problem+json'

/** A problem document (RFC 9457). `errors` names each faulty field by a JSON Pointer into the body. */
export const problemSchema = z.object({
  type: z.literal('about:blank'),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
}).meta({ description: 'A problem document (RFC 9457)' })

export type Problem = z.output<typeof problemSchema>

export interface ProblemAnswer {
  readonly problem: Problem
  readonly retryAfterS: number | null
}

/** Long enough for a disk to be freed or another replica to take over, short enough for a sender's first retry. */
const RETRY_AFTER_S = 5

/** The one table from errors to HTTP. What is not in it, and not the HTTP server's own word, is a fault of ours and told to nobody. */
const STATUS_OF: ReadonlyArray<readonly [new (...args: never[]) => Error, number]> = [
  [BadRequest, 400],
  [Unauthenticated, 401],
  [Forbidden, 403],
  [NotFound, 404],
  [Conflict, 409],
  [TooManyRequests, 429],
  [StoreUnavailable, 503],
  [Overloaded, 503],
  [ShuttingDown, 503],
]

export function toProblem (error: unknown): ProblemAnswer {
  const status = STATUS_OF.find(([kind]) => error instanceof kind)?.[1] ?? statusOfServer(error)
  const detail = status === 500 ? 'the relay failed to answer; its log says why' : (error as Error).message
  const faults = faultsOf(error)
  const errors = faults.length > 0 ? { errors: faults } : {}
  return {
    problem: { ...problem(status, detail), ...errors },
    retryAfterS: error instanceof TooManyRequests ? error.retryAfterS : status === 503 ? RETRY_AFTER_S : null,
  }
}

export function problem (status: number, detail: string): Problem {
  return { type: 'about:blank', title: STATUS_CODES[status] ?? 'Unknown', status, detail }
}

/** Those that a parser of ours has found, or those that a route's schema has. */
function faultsOf (error: unknown): FieldFault[] {
  if (error instanceof BadRequest) return [...error.faults]
  if (!hasZodFastifySchemaValidationErrors(error)) return []
  // The validator writes `/` for the whole, which is the pointer to a field without a name (RFC 6901).
  return error.validation.map(({ instancePath, message }) => ({ pointer: instancePath === '/' ? '' : instancePath, detail: message ?? 'is not valid' }))
}

/** Fastify's refusals of what never reached a route: too large, of an unknown type, not readable. */
function statusOfServer (error: unknown): number {
  if (!(error instanceof Error) || !('statusCode' in error) || !('code' in error)) return 500
  const isRefusal = String(error.code).startsWith('FST_') && typeof error.statusCode === 'number' && error.statusCode >= 400 && error.statusCode < 500
  return isRefusal ? Number(error.statusCode) : 500
}
