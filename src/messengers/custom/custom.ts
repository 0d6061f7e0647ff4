import { parseJsonOnce } from '../../base/json.ts'
import { answerBody, greet } from './handshakes.ts'
import { toPlain } from './plain.ts'
import { readBody } from './reader.ts'
import { keys } from './settings.ts'
import { createVerification, SECRET_RULE } from './verification.ts'
import { defineMessenger, type WebhookReply } from '../messenger.ts'

/** Any messenger that sends edits as JSON: how it proves who it is, asks and is answered is data, and its events are read by JSONata. */
export const custom = defineMessenger({
  secret: SECRET_RULE,
  keys,
  create: ({ secrets, settings }) => {
    const { status, body, contentType } = settings.reply
    const reply: WebhookReply = { status, body, ...(contentType === undefined ? {} : { headers: { 'content-type': contentType } }) }
    return {
      greet: request => greet(settings.handshakes, request),
      verify: createVerification(settings.verify, secrets),
      parse: async (request, nowMs) => {
        const body = toPlain(parseJsonOnce(request.body))
        const answer = answerBody(settings.handshakes, body)
        return answer === null ? await readBody(settings, body, nowMs) : { edits: [], ignored: [], clients: [], reply: answer }
      },
      unreadable: settings.unreadable,
      reply: () => reply,
    }
  },
})
