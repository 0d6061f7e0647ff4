import { STATUS_CODES } from 'node:http'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { BadRequest, ClockUnproven, Conflict, Forbidden, NotFound, Overloaded, PortalSilent, ShuttingDown, StoreUnavailable, TooManyRequests, Unauthenticated, type FieldFault } from '../base/errors.ts'

export const PROBLEM_TYPE = 'application/problem+json'

/** The detail of a 404 where no route is, such as the API's while ADMIN_TOKEN is not set. */
export const NOTHING_HERE = 'there is nothing at this address for this method'

/** A problem document (RFC 9457). `errors` names each faulty field by a JSON Pointer into the body. */
export const problemSchema = z.object({
  type: z.literal('about:blank'),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
}).meta({ description: 'A problem document (RFC 9457)' })

export type Problem = z.output<typeof problemSchema>

interface ProblemAnswer {
  readonly problem: Problem
  readonly retryAfterS: number | null
}

/** Long enough to free a disk or to switch to another replica, short enough for a sender's first retry. */
export const RETRY_AFTER_S = 5

/** Maps errors to HTTP statuses. Any other error, except a refusal by Fastify, is a fault of the relay: 500 without details. */
const STATUS_OF: ReadonlyArray<readonly [new (...args: never[]) => Error, number]> = [
  [BadRequest, 400],
  [Unauthenticated, 401],
  [Forbidden, 403],
  [NotFound, 404],
  [Conflict, 409],
  [TooManyRequests, 429],
  [PortalSilent, 502],
  [StoreUnavailable, 503],
  [Overloaded, 503],
  [ShuttingDown, 503],
  [ClockUnproven, 503],
]

export function toProblem (error: unknown): ProblemAnswer {
  const status = STATUS_OF.find(([kind]) => error instanceof kind)?.[1] ?? statusOfServer(error)
  const detail = status === 500 ? 'the relay failed; see its log' : (error as Error).message
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

/** The faults that a parser or a route's schema has found. */
function faultsOf (error: unknown): FieldFault[] {
  if (error instanceof BadRequest) return [...error.faults]
  if (!hasZodFastifySchemaValidationErrors(error)) return []
  // The validator uses `/` for the whole body, but as a JSON Pointer `/` is the field with an empty name (RFC 6901).
  return error.validation.map(({ instancePath, message }) => ({ pointer: instancePath === '/' ? '' : instancePath, detail: message ?? 'is not valid' }))
}

/** Fastify's status for a request that it refuses before the route: too large, of an unknown type, unreadable. */
function statusOfServer (error: unknown): number {
  if (!(error instanceof Error) || !('code' in error)) return 500
  // Node's words for a client that has closed its connection within the body.
  if (error.code === 'ECONNRESET' && error.message === 'aborted') return 400
  if (!('statusCode' in error)) return 500
  const isRefusal = String(error.code).startsWith('FST_') && typeof error.statusCode === 'number' && error.statusCode >= 400 && error.statusCode < 500
  return isRefusal ? Number(error.statusCode) : 500
}
