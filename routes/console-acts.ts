import type { FastifyInstance, FastifyRequest } from 'fastify'
import { MOST } from '../src/console/filter.ts'
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

/** What an administrator does. Each act is logged with its session, and none with a text. */
export function consoleActs (app: FastifyInstance, parts: ConsoleActsParts): void {
  const { outbox, confirmations, redelivery, readBack, intake, viewOf, views, sessionOf, maskId, log } = parts
  const schema = { hide: true }
  const idOf = (request: FastifyRequest): string => (request.params as { id: string }).id
  const pathOf = (request: FastifyRequest): string => `/console/edits/${encodeURIComponent(idOf(request))}`
  const note = (request: FastifyRequest, act: string, fields: Readonly<Record<string, unknown>>): void => {
    log.info({ event: 'console.acted', session: sessionOf(request).id, act, ...fields }, 'console.acted')
  }

  app.post('/console/edits/:id/redeliver', { schema, bodyLimit }, async (request, reply) => {
    const id = idOf(request)
    const outcome = await redelivery.one(id)
    note(request, 'redeliver', { id, outcome })
    return reply.redirect(outcome === 'not-found' ? pathOf(request) : `${pathOf(request)}?done=${outcome}`, 303)
  })

  app.post('/console/edits/:id/text', { schema, bodyLimit }, async (request, reply) => {
    const story = await findStory(request, parts)
    // Before it is shown, so that nobody looks without a trace.
    note(request, 'show-text', { id: story.edit.id })
    return sendPage(reply, views().editPage(viewOf(request, pathOf(request)), { ...story, content: await outbox.content(story.edit.id) }))
  })

  app.post('/console/edits/:id/verify', { schema, bodyLimit }, async (request, reply) => {
    const story = await findStory(request, parts)
    note(request, 'verify', { id: story.edit.id })
    return sendPage(reply, views().editPage(viewOf(request, pathOf(request)), { ...story, verification: await readBack.verify(story.edit.id) }))
  })

  app.post('/console/redeliver', { schema, bodyLimit }, async (request, reply) => {
    const { cursor, ...filter } = readRedelivery(request.body)
    const report = await redelivery.some(toFilter(filter, await confirmations.window()), { after: cursor ?? null, limit: MOST })
    note(request, 'redeliver-matching', { filter: { ...filter, ...filter.chat === undefined ? {} : { chat: maskId(filter.chat) } }, ...report })
    return sendPage(reply, views().redeliveredPage(viewOf(request, '/console/dead'), filter, report))
  })

  app.post('/console/channels/:id/preview', { schema, bodyLimit: PAYLOAD_LIMIT }, async (request, reply) => {
    const channel = idOf(request)
    const { payload = '', headers = '' } = (request.body ?? {}) as { payload?: string, headers?: string }
    const view = viewOf(request, '/console/channels')
    const given = readHeaderLines(headers.split('\n').filter(line => line.trim() !== ''))
    if (given === null) return sendPage(reply.code(400), views().errorPage(view, 400, view.texts.errors.headers))
    note(request, 'preview', { channel })
    const preview = await intake.preview(channel, { method: 'POST', query: '', headers: { 'content-type': 'application/json', ...given }, body: Buffer.from(payload) })
    return sendPage(reply, views().previewPage(view, preview))
  })
}
