import rateLimit from '@fastify/rate-limit'
import Fastify, { LogController } from 'fastify'
import { Webhook } from 'standardwebhooks'
import { genericEdit } from '../../src/messengers/generic/schema.ts'

export interface Edit {
  readonly user: { readonly id: string }
  readonly message: { readonly id: string, readonly text: string }
  readonly chat: { readonly id: string }
}

export interface Peer {
  /** Fulfilled once the edit is durable. */
  keep (edit: Edit): Promise<void>
  /** Starts to pass stored edits to `send`, which rejects if the portal did not accept one. */
  work (send: (edit: Edit) => Promise<void>): Promise<void>
}

/**
 * The common part of all peers: verify, store, answer; and one call to the portal for each job. With SAME_DOOR it also does the relay's other work for
 * each webhook: rate limit, validation and a line of log.
 */
export async function listen (peer: Peer): Promise<void> {
  const { PORT = '', WEBHOOK_SECRET = '', BITRIX24_PORTAL_URL: portalUrl, BITRIX24_TOKEN: auth, SAME_DOOR = '' } = process.env
  const webhook = new Webhook(WEBHOOK_SECRET)
  const isSameDoor = SAME_DOOR !== ''
  const app = Fastify({ logger: { level: isSameDoor ? 'info' : 'error' }, logController: new LogController({ disableRequestLogging: true }) })
  if (isSameDoor) await app.register(rateLimit, { max: 1_000_000, timeWindow: 60_000 })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => { done(null, body) })
  app.get('/', async () => 'ready')
  app.post('/webhooks/default', async (request, reply) => {
    const { data } = webhook.verify(request.body as Buffer, request.headers as Record<string, string>) as { data: Edit }
    await peer.keep(isSameDoor ? genericEdit.parse(data) as Edit : data)
    if (isSameDoor) request.log.info({ event: 'webhook.accepted', status: 202, durationMs: reply.elapsedTime }, 'webhook.accepted')
    return await reply.code(202).send({ outcome: 'accepted' })
  })

  if (portalUrl !== undefined) {
    await peer.work(async ({ user, message, chat }) => {
      const response = await fetch(`${portalUrl}/rest/imconnector.update.messages`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ CONNECTOR: 'relay_demo', LINE: 1, MESSAGES: [{ user, message: { id: message.id, text: message.text }, chat }], auth }),
      })
      if (!response.ok) throw new Error(`the portal answered ${response.status}`)
    })
  }
  await app.listen({ host: '127.0.0.1', port: Number(PORT) })
}
