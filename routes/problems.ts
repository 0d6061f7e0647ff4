import type { FastifyReply } from 'fastify'
import { problemSchema, PROBLEM_TYPE, toProblem } from '../src/http/problem.ts'

/** Answers with what the table of errors makes of `error`, and returns the status. */
export function sendProblem (reply: FastifyReply, error: unknown): number {
  const { problem, retryAfterS } = toProblem(error)
  if (retryAfterS !== null) reply.header('retry-after', retryAfterS)
  // A string goes out as it is, whatever serializer the route has for its own answers.
  reply.code(problem.status).type(PROBLEM_TYPE).send(JSON.stringify(problem))
  return problem.status
}

/** How a route's refusals stand in the OpenAPI document. */
export function describeProblems (descriptions: Readonly<Record<number, string>>) {
  return Object.fromEntries(Object.entries(descriptions).map(([status, description]) =>
    [status, { description, content: { [PROBLEM_TYPE]: { schema: problemSchema } } }]))
}
