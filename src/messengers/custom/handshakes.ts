import { z } from 'zod'
import { Unauthenticated } from '../../base/errors.ts'
import { isSameSecret } from '../../base/secret.ts'
import { tryParseBody, valueAt } from '../../base/json.ts'
import type { WebhookReply, WebhookRequest } from '../messenger.ts'
import { pointer } from './verification.ts'

/** Limits an echoed challenge in length, and to characters that no terminal or browser acts on. */
const CHALLENGE = /^[\x20-\x7e]{1,1000}$/

/** Unsigned questions are small. */
const MAX_BYTES = 16 * 1024

const conditions = z.record(z.string(), z.union([z.string().max(1000), z.number(), z.boolean()], 'must be a text, a number, true or false'), 'must be an object of expected values')
  .refine(value => Object.keys(value).length > 0, 'must name at least one value to expect')

/** Conditions on fields of the body, each named by a JSON Pointer. */
const fields = conditions.transform((value, context) => Object.entries(value).map(([key, expected]) => {
  const path = pointer.safeParse(key)
  if (!path.success) context.issues.push({ code: 'custom', input: key, message: `names ${key}, which is not a JSON Pointer such as /type` })
  return { path: path.data ?? [], expected }
}))

const unsigned = z.boolean('must be true or false').default(false)

const handshake = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('echo-query'), parameter: z.string('must name a parameter').min(1).max(100), when: conditions }),
  z.strictObject({ kind: z.literal('echo-json'), field: pointer, when: fields, as: z.enum(['text', 'json'], 'must be text or json').default('text'), unsigned }),
  z.strictObject({ kind: z.literal('static'), when: fields, text: z.string('must be a text').max(1000), unsigned }),
], 'must have the kind echo-query, echo-json or static')

export const handshakesSchema = z.array(handshake, 'must be a list of handshakes').max(10).default([])

export type Handshakes = z.output<typeof handshakesSchema>

type BodyHandshake = Exclude<Handshakes[number], { kind: 'echo-query' }>

/**
 * The answer to an unsigned question in the query or in the body, or null if the request is not one. Throws Unauthenticated if the query
 * has other values than the channel expects.
 */
export function greet (handshakes: Handshakes, request: WebhookRequest): WebhookReply | null {
  if (request.method === 'GET') {
    const query = new URLSearchParams(request.query)
    for (const handshake of handshakes) {
      const answer = handshake.kind === 'echo-query' ? echoQuery(handshake, query) : null
      if (answer !== null) return answer
    }
    return null
  }
  const open = handshakes.filter(handshake => handshake.kind !== 'echo-query' && handshake.unsigned)
  return open.length === 0 || request.body.length > MAX_BYTES ? null : answerBody(open, tryParseBody(request.body))
}

/** The answer to a body that asks a question, or null. */
export function answerBody (handshakes: Handshakes, body: unknown): WebhookReply | null {
  for (const handshake of handshakes) {
    if (handshake.kind === 'echo-query' || !handshake.when.every(({ path, expected }) => isSame(valueAt(body, path), expected))) continue
    const text = handshake.kind === 'static' ? handshake.text : readChallenge(handshake, body)
    if (text !== null) return { status: 200, body: text }
  }
  return null
}

function echoQuery ({ parameter, when }: Extract<Handshakes[number], { kind: 'echo-query' }>, query: URLSearchParams): WebhookReply | null {
  const challenge = query.get(parameter)
  if (challenge === null || !CHALLENGE.test(challenge) || !Object.keys(when).every(name => query.has(name))) return null
  // All are compared, so the time tells nothing about which one differs.
  const wrong = Object.entries(when).filter(([name, expected]) => !isSame(query.get(name), String(expected)))
  if (wrong.length > 0) throw new Unauthenticated(`the query does not have the values that this channel expects in ${Object.keys(when).join(', ')}`)
  return { status: 200, body: challenge }
}

function readChallenge ({ field, as }: Extract<BodyHandshake, { kind: 'echo-json' }>, body: unknown): unknown {
  const challenge = valueAt(body, field)
  if (typeof challenge !== 'string' || !CHALLENGE.test(challenge)) return null
  return as === 'text' ? challenge : { [field.at(-1) ?? '']: challenge }
}

/** In constant time for texts: the expected one may be a secret. */
function isSame (value: unknown, expected: string | number | boolean): boolean {
  return typeof value === 'string' && typeof expected === 'string' ? isSameSecret(value, expected) : value === expected
}
