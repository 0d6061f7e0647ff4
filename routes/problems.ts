import type { FastifyReply } from 'fastify'
import { problemSchema, PROBLEM_TYPE, toProblem } from '../src/http/problem.ts'

/** Answers with the problem document for `error` and returns its status. */
export function sendProblem (reply: FastifyReply, error: unknown): number {
  const { problem, retryAfterS } = toProblem(error)
  if (retryAfterS !== null) reply.header('retry-after', retryAfterS)
  // A browser shows a problem document as text, also at an address below /console that no page has.
  reply.headers({ 'content-security-policy': "default-src 'none'; frame-ancestors 'none'", 'x-content-type-options': 'nosniff' })
  // A string bypasses the route's serializer.
  reply.code(problem.status).type(PROBLEM_TYPE).send(JSON.stringify(problem))
  return problem.status
}

/** Describes the errors of a route in the OpenAPI document. */
export function describeProblems (descriptions: Readonly<Record<number, string>>) {
  return Object.fromEntries(Object.entries(descriptions).map(([status, description]) =>
    [status, { description, content: { [PROBLEM_TYPE]: { schema: problemSchema } } }]))
}
