import { errorCodes, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import { z } from 'zod'
import type { Channel } from '../src/config/channels.ts'
import { REFUSAL_REASONS } from '../src/edit/edit.ts'
import type { Forwarder } from '../src/forward/forward.ts'
import { BadRequest, ClockUnproven, NotFound, ShuttingDown, Unauthenticated } from '../src/base/errors.ts'
import { createTurn } from '../src/http/turn.ts'
import type { Intake, Receipt, VerifiedWebhook } from '../src/intake.ts'
import { genericEventDocument } from '../src/messengers/generic/schema.ts'
import type { WebhookObserver } from '../src/operations/observers.ts'
import type { IncomingWebhook } from '../src/forward/request.ts'
import type { Passage } from '../src/forward/connector.ts'
import { describeProblems, sendProblem } from './problems.ts'
import { createWebhookLimits } from './rate-limits.ts'

const BODY_LIMIT = 1024 * 1024

/** Replaces a body whose media type is not accepted. */
const NOT_ACCEPTED = Symbol('not accepted')

interface WebhookRoutesOptions {
  readonly intake: Intake
  /** By the channel's id, for each channel in front of a connector. */
  readonly forwarders: ReadonlyMap<string, Forwarder>
  readonly channels: ReadonlyMap<string, Pick<Channel, 'upstream'>>
  readonly maxPerMinute: number
  readonly stopping: () => boolean
  /** Masks the ids of chats for the log. */
  readonly maskId: (id: string) => string
  readonly observer?: WebhookObserver | undefined
  readonly log: Logger
}

interface WebhookRoute { Params: { channel: string } }

const answerSchema = z.object({
  edits: z.array(z.object({
    id: z.string().optional().describe('the id of the edit\'s message, the same for all its edits'),
    outcome: z.enum(['accepted', 'duplicate', 'stale', 'ignored', 'refused']),
    reason: z.enum([...REFUSAL_REASONS, 'unreadable']).optional(),
  })),
}).describe('The outcome of each edit. Accepted edits are on disk.')

const schema = {
  summary: 'Takes edits of messages, signed by Standard Webhooks',
  params: z.object({ channel: z.string().describe('the id of a configured channel, such as default') }),
  headers: z.object({ 'webhook-id': z.string(), 'webhook-timestamp': z.string(), 'webhook-signature': z.string() }),
  body: genericEventDocument,
  response: {
    202: answerSchema,
    ...describeProblems({
      400: 'A field is faulty; see errors',
      401: 'Not signed with a secret of this channel within five minutes',
      404: 'No such channel',
      413: 'Larger than 1 MiB',
      415: 'Not application/json',
      429: 'Too many; repeat after Retry-After seconds',
      503: 'The edit cannot be made durable now, or its time is impossible by our clock, which may be wrong; repeat after Retry-After seconds',
    }),
  },
}

/** `POST /webhooks/:channel`. The body stays bytes until its sender is authenticated. */
export async function webhookRoutes (app: FastifyInstance, options: WebhookRoutesOptions): Promise<void> {
  const { intake, forwarders, channels, stopping, maskId, observer, log } = options
  const limits = createWebhookLimits(app, channels, options.maxPerMinute)
  const endOfTurn = createTurn()

  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  // Other media types are only for a connector behind the relay. Otherwise `receive` refuses them: an error here would close the connection.
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body, done) => {
    const { channel } = request.params as WebhookRoute['Params']
    done(null, channels.get(channel)?.upstream ? body : NOT_ACCEPTED)
  })

  app.addHook<WebhookRoute>('onRequest', (request, reply, done) => {
    if (stopping()) {
      reply.header('connection', 'close')
      return done(new ShuttingDown('the relay is stopping'))
    }
    const { channel } = request.params
    if (!channels.has(channel)) limits.count(request, reply).then(() => done(new NotFound('no such channel')), done)
    else if (intake.hasSecretInBody(channel)) limits.askFailures(request, reply).then(() => done(), done)
    else done()
  })

  app.setErrorHandler((error, request: FastifyRequest<WebhookRoute>, reply) => {
    const status = sendProblem(reply, error)
    const level = status === 429 ? 'debug' : status >= 500 ? 'error' : 'warn'
    const channel = channels.has(request.params.channel) ? request.params.channel : null
    // Only the content of an authentic webhook can be a BadRequest.
    observer?.onRejected(channel, status, error instanceof BadRequest ? error.message : null)
    const event = error instanceof ClockUnproven ? 'webhook.clock-unproven' : 'webhook.rejected'
    log[level]({ event, channel, status, durationMs: reply.elapsedTime, err: error }, event)
  })

  // The schemas only document the route: a body is parsed after its sender is authenticated.
  app.setValidatorCompiler(() => value => ({ value }))
  app.setSerializerCompiler(() => value => JSON.stringify(value))

  app.post<WebhookRoute>('/webhooks/:channel', { schema, bodyLimit: BODY_LIMIT }, receive)
  app.get<WebhookRoute>('/webhooks/:channel', { schema: { hide: true } }, receive)

  async function receive (request: FastifyRequest<WebhookRoute>, reply: FastifyReply): Promise<unknown> {
    if (request.body === NOT_ACCEPTED) throw new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE()
    const { channel } = request.params
    const webhook = toIncomingWebhook(request)
    await endOfTurn()
    const verified = await verify(request, reply, webhook)
    if (verified.greeting === null) observer?.onVerified(channel)
    await limits.count(request, reply)
    const receipt = await intake.accept(verified)
    const forwarded = await forwarders.get(channel)?.forward(webhook, receipt.kind) ?? null

    const { status, headers = {}, body } = forwarded?.reply ?? receipt.reply
    reply.code(status).headers(headers)
    observer?.onReceived(channel, receipt.edits)
    logReceipt(receipt, forwarded?.passage, { channel, bytes: webhook.body.length, status, durationMs: reply.elapsedTime })
    return body === '' || (Buffer.isBuffer(body) && body.length === 0) ? reply.send() : body
  }

  async function verify (request: FastifyRequest<WebhookRoute>, reply: FastifyReply, webhook: IncomingWebhook): Promise<VerifiedWebhook> {
    try {
      return intake.verify(request.params.channel, webhook)
    } catch (error) {
      if (error instanceof Unauthenticated) await limits.countFailure(request, reply)
      throw error
    }
  }

  function logReceipt ({ edits }: Receipt, forwarded: Passage | undefined, fields: { readonly channel: string, readonly bytes: number, readonly status: number, readonly durationMs: number }): void {
    const isSound = !edits.some(({ result }) => result.reason === 'unreadable') && (forwarded === undefined || forwarded.outcome === 'answered')
    const event = forwarded === undefined ? 'webhook.accepted' : 'webhook.forwarded'
    log[isSound ? 'info' : 'warn']({ event, ...fields, edits: edits.map(describe), forwarded: forwarded && describePassage(forwarded) }, event)
  }

  function describe ({ edit, result, detail }: Receipt['edits'][number]) {
    if (edit === null) return detail === undefined ? result : { ...result, detail }
    return { ...result, chat: maskId(edit.chat.id) }
  }
}

/** For the log, without headers and body. */
function describePassage (passage: Passage) {
  const { outcome, durationMs } = passage
  return passage.outcome === 'answered' ? { outcome, status: passage.status, durationMs } : { outcome, cause: passage.cause, durationMs }
}

function toIncomingWebhook (request: FastifyRequest<WebhookRoute>): IncomingWebhook {
  const { method, url, headers, body, raw, ip, host, protocol } = request
  const at = url.indexOf('?')
  return {
    method: method === 'GET' ? 'GET' : 'POST',
    query: at < 0 ? '' : url.slice(at + 1),
    headers,
    body: Buffer.isBuffer(body) ? body : Buffer.alloc(0),
    arrival: { rawHeaders: raw.rawHeaders, httpVersion: raw.httpVersion, address: ip, host, protocol },
  }
}
