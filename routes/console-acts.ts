import type { FastifyInstance, FastifyRequest } from 'fastify'
import { NotFound } from '../src/base/errors.ts'
import { editPage } from '../src/console/edit.ts'
import { MOST, type FilterFields } from '../src/console/filter.ts'
import { errorPage } from '../src/console/message.ts'
import { previewPage } from '../src/console/preview.ts'
import { redeliveredPage } from '../src/console/redeliver.ts'
import type { Session } from '../src/console/session.ts'
import { readHeaderLines } from '../src/http/header-lines.ts'
import { findStory, readRedelivery, type ConsoleParts } from './console-pages.ts'
import { toFilter } from './filter.ts'
import { sendPage } from './page.ts'

interface ConsoleActsParts extends ConsoleParts {
  readonly maskId: (id: string) => string
  /** Only for requests that have passed the sign-in. */
  readonly sessionOf: (request: FastifyRequest) => Session
}

/** A form escapes each byte of a payload of 1 MiB by up to three. */
const PAYLOAD_LIMIT = 3 * 1024 * 1024
const bodyLimit = 16 * 1024

/** As many characters as Node takes from a messenger. */
const MAX_HEADERS = 16 * 1024

/** What an administrator does. Each act is logged with its session before it begins, because it may fail half-way. */
export function consoleActs (app: FastifyInstance, parts: ConsoleActsParts): void {
  const { channels, outbox, confirmations, redelivery, readBack, intake, viewOf, sessionOf, maskId, log } = parts
  const schema = { hide: true }
  const idOf = (request: FastifyRequest): string => (request.params as { id: string }).id
  const pathOf = (request: FastifyRequest): string => `/console/edits/${encodeURIComponent(idOf(request))}`
  const note = (request: FastifyRequest, act: string, fields: Readonly<Record<string, unknown>>): void => {
    log.info({ event: 'console.acted', session: sessionOf(request).id, act, ...fields }, 'console.acted')
  }

  /** Ids of chats and messages often hold a phone number, and an unknown channel is whatever somebody has typed. */
  function loggable ({ chat, message, channel, ...words }: FilterFields): object {
    return { ...words, chat: chat && maskId(chat), message: message && maskId(message), channel: channel && (channels.has(channel) ? channel : maskId(channel)) }
  }

  app.post('/console/edits/:id/redeliver', { schema, bodyLimit }, async (request, reply) => {
    const id = idOf(request)
    if (await outbox.find(id) === null) throw new NotFound('no such edit')
    note(request, 'redeliver', { id })
    const outcome = await redelivery.one(id)
    return reply.redirect(outcome === 'not-found' ? pathOf(request) : `${pathOf(request)}?done=${outcome}`, 303)
  })

  app.post('/console/edits/:id/text', { schema, bodyLimit }, async (request, reply) => {
    const story = await findStory(request, parts)
    note(request, 'show-text', { id: story.edit.id })
    return sendPage(reply, editPage(viewOf(request, pathOf(request)), { ...story, content: await outbox.content(story.edit.id) }))
  })

  app.post('/console/edits/:id/verify', { schema, bodyLimit }, async (request, reply) => {
    const story = await findStory(request, parts)
    note(request, 'verify', { id: story.edit.id })
    return sendPage(reply, editPage(viewOf(request, pathOf(request)), { ...story, verification: await readBack.verify(story.edit.id) }))
  })

  app.post('/console/redeliver', { schema, bodyLimit }, async (request, reply) => {
    const { cursor, ...filter } = readRedelivery(request.body)
    note(request, 'redeliver-matching', { filter: loggable(filter) })
    const report = await redelivery.some(toFilter(filter, await confirmations.window()), { after: cursor ?? null, limit: MOST })
    note(request, 'redelivered-matching', report)
    return sendPage(reply, redeliveredPage(viewOf(request, '/console/dead'), filter, report))
  })

  app.post('/console/channels/:id/preview', { schema, bodyLimit: PAYLOAD_LIMIT }, async (request, reply) => {
    const channel = idOf(request)
    if (!channels.has(channel)) throw new NotFound('no such channel')
    const { payload = '', headers = '' } = (request.body ?? {}) as { payload?: string, headers?: string }
    const view = viewOf(request, '/console/channels')
    const given = headers.length > MAX_HEADERS ? null : readHeaderLines(headers.split(/\r?\n/).filter(line => line.trim() !== ''))
    if (given === null) return sendPage(reply.code(400), errorPage(view, 400, view.texts.errors.headers))
    note(request, 'preview', { channel })
    const preview = await intake.preview(channel, {
      method: 'POST',
      query: '',
      headers: { 'content-type': 'application/json', ...given },
      // A browser turns each line break into two characters, which no messenger has signed.
      body: Buffer.from(payload.replaceAll('\r\n', '\n')),
    })
    return sendPage(reply, previewPage(view, preview))
  })
}
