import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import { z } from 'zod'
import { NotFound, ShuttingDown, Unauthenticated } from '../src/errors.ts'
import type { Intake, Receipt } from '../src/intake.ts'
import type { WebhookRequest } from '../src/messengers/messenger.ts'
import type { WebhookObserver } from '../src/metrics/webhooks.ts'
import { genericEventDocument } from '../src/messengers/generic-schema.ts'
import { describeProblems, sendProblem } from './problems.ts'
import { createWebhookLimits } from './rate-limits.ts'

const BODY_LIMIT = 1024 * 1024

export interface WebhookRoutesOptions {
  readonly intake: Intake
  readonly channels: ReadonlyMap<string, unknown>
  readonly maxPerMinute: number
  readonly stopping: () => boolean
  /** How the ids of chats stand in the log. */
  readonly maskId: (id: string) => string
  readonly observer: WebhookObserver
  readonly log: Logger
}

interface WebhookRoute { Params: { channel: string } }

const answerSchema = z.object({
  edits: z.array(z.object({
    id: z.string().optional().describe('of the edit\'s message, the same for every edit of it'),
    outcome: z.enum(['accepted', 'duplicate', 'stale', 'ignored', 'refused']),
    reason: z.enum(['empty-text', 'too-old', 'id-too-long', 'anonymous-user', 'outgoing', 'unreadable']).optional(),
  })),
}).describe('What became of each edit; what is accepted is on disk')

const schema = {
  summary: 'Takes edits of messages, signed by Standard Webhooks',
  params: z.object({ channel: z.string().describe('the id of a configured channel, such as default') }),
  headers: z.object({ 'webhook-id': z.string(), 'webhook-timestamp': z.string(), 'webhook-signature': z.string() }),
  body: genericEventDocument,
  response: {
    202: answerSchema,
    ...describeProblems({
      400: 'A field is faulty; errors names each',
      401: 'Not signed with a secret of this channel within five minutes',
      404: 'No such channel',
      413: 'Larger than 1 MiB',
      415: 'Not application/json',
      429: 'Too many; repeat after Retry-After seconds',
      503: 'The edit cannot be made durable now; repeat after Retry-After seconds',
    }),
  },
}

/** `POST /webhooks/:channel`. The body stays bytes until its sender has proven who it is. */
export async function webhookRoutes (app: FastifyInstance, options: WebhookRoutesOptions): Promise<void> {
  const { intake, channels, stopping, maskId, observer, log } = options
  const limits = createWebhookLimits(app, channels, options.maxPerMinute)

  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))

  app.addHook<WebhookRoute>('onRequest', (request, reply, done) => {
    if (stopping()) {
      reply.header('connection', 'close')
      return done(new ShuttingDown('the relay is stopping'))
    }
    if (channels.has(request.params.channel)) return done()
    limits.count(request, reply).then(() => done(new NotFound('no such channel')), done)
  })

  app.setErrorHandler((error, request: FastifyRequest<WebhookRoute>, reply) => {
    const status = sendProblem(reply, error)
    const level = status === 429 ? 'debug' : status >= 500 ? 'error' : 'warn'
    const channel = channels.has(request.params.channel) ? request.params.channel : null
    observer.onRejected(channel, status)
    log[level]({ event: 'webhook.rejected', channel, status, durationMs: reply.elapsedTime, err: error }, 'webhook.rejected')
  })

  // The schemas document the route. They validate nothing: a body is parsed only once it is known to be authentic.
  app.setValidatorCompiler(() => value => ({ value }))
  app.setSerializerCompiler(() => value => JSON.stringify(value))

  app.post<WebhookRoute>('/webhooks/:channel', { schema, bodyLimit: BODY_LIMIT }, receive)
  app.get<WebhookRoute>('/webhooks/:channel', { schema: { hide: true } }, receive)

  async function receive (request: FastifyRequest<WebhookRoute>, reply: FastifyReply): Promise<unknown> {
    const { channel } = request.params
    const webhook = toWebhookRequest(request)
    const receipt = await intake.receive(channel, webhook, () => limits.count(request, reply))
      .catch(async (error: unknown) => {
        if (error instanceof Unauthenticated) await limits.countFailure(request, reply)
        throw error
      })

    reply.code(receipt.reply.status)
    observer.onReceived(channel, receipt.edits)
    const level = receipt.edits.some(({ result }) => result.reason === 'unreadable') ? 'warn' : 'info'
    log[level]({ event: 'webhook.accepted', channel, bytes: webhook.body.length, durationMs: reply.elapsedTime, edits: receipt.edits.map(describe) }, 'webhook.accepted')
    return receipt.reply.body
  }

  function describe ({ edit, result, detail }: Receipt['edits'][number]) {
    if (edit === null) return detail === undefined ? result : { ...result, detail }
    return { ...result, chat: maskId(edit.chat.id) }
  }
}

function toWebhookRequest ({ method, url, headers, body }: FastifyRequest<WebhookRoute>): WebhookRequest {
  const at = url.indexOf('?')
  return { method: method === 'GET' ? 'GET' : 'POST', query: at < 0 ? '' : url.slice(at + 1), headers, body: Buffer.isBuffer(body) ? body : Buffer.alloc(0) }
}
