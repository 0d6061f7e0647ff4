import { parseBody } from '../../base/json.ts'
import { answerBody, greet } from './handshakes.ts'
import { readBody, keys } from './reader.ts'
import { createVerification, SECRET_RULE } from './verification.ts'
import { defineMessenger, type WebhookReply } from '../messenger.ts'
import { BadRequest } from '../../base/errors.ts'

/** Any messenger that sends edits as JSON. Its authentication, handshakes and replies are configuration; JSONata reads its events. */
export const custom = defineMessenger({
  secret: SECRET_RULE,
  keys,
  create: ({ secrets, settings }) => {
    const { status, body, contentType } = settings.reply
    const reply: WebhookReply = { status, body, ...(contentType === undefined ? {} : { headers: { 'content-type': contentType } }) }
    return {
      hasSecretInBody: settings.verify.kind === 'field',
      greet: request => greet(settings.handshakes, request),
      verify: createVerification(settings.verify, secrets),
      parse: async (request, nowMs, findAuthor) => {
        const body = toPlain(parseBody(request.body))
        const answer = answerBody(settings.handshakes, body)
        return answer === null ? await readBody(settings, body, nowMs, findAuthor) : { edits: [], ignored: [], clients: [], reply: answer }
      },
      unreadable: settings.unreadable,
      reply: () => reply,
    }
  },
})

/** A hundred edits, each with a hundred fields. */
const MAX_VALUES = 10_000
const MAX_DEPTH = 64

/** A parsed body for JSONata, which has no bigints: they become strings of the same digits. Throws BadRequest for a body with too many values or levels. */
function toPlain (body: unknown): unknown {
  let left = MAX_VALUES
  const copy = (value: unknown, depth: number): unknown => {
    if (--left < 0) throw new BadRequest(`the body has more than ${MAX_VALUES} values`)
    if (typeof value === 'bigint') return String(value)
    if (typeof value !== 'object' || value === null) return value
    if (depth === MAX_DEPTH) throw new BadRequest(`the body has lists or objects more than ${MAX_DEPTH} deep`)
    if (Array.isArray(value)) return value.map(item => copy(item, depth + 1))
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copy(item, depth + 1)]))
  }
  return copy(body, 0)
}
