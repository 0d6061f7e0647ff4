import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { readStored } from '../bbcode.ts'
import { findMessages, viewMessage } from '../control/views.ts'
import type { PortalMessage } from '../portal/dialogs.ts'
import type { State } from '../state.ts'
import { toElements } from './elements.ts'

const files = [
  { url: '/', file: 'page.html', type: 'text/html; charset=utf-8' },
  { url: '/page.css', file: 'page.css', type: 'text/css; charset=utf-8' },
  { url: '/page.js', file: 'page.js', type: 'text/javascript; charset=utf-8' },
]

const securityHeaders = {
  'content-security-policy': "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
}

/** Only the newest: ten thousand messages of a benchmark would slow the browser down. */
const snapshotSize = 1_000
const gatherMs = 100

/** The page that shows the open line live. */
export function pageRoutes (app: FastifyInstance, state: State): void {
  for (const { url, file, type } of files) {
    const content = readFileSync(join(import.meta.dirname, file))
    app.get(url, async (_request, reply) => await reply.headers({ ...securityHeaders, 'content-type': type }).send(content))
  }
  app.get('/live', (_request, reply) => { stream(state, reply) })
}

/** Server-sent events: a snapshot at first and after a reset, then changes, gathered for a tenth of a second. */
function stream (state: State, reply: FastifyReply): void {
  reply.hijack()
  reply.raw.writeHead(200, { ...securityHeaders, 'content-type': 'text/event-stream' })
  const write = (event: string, messages: readonly PortalMessage[]): void => {
    reply.raw.write(`event: ${event}\ndata: ${JSON.stringify(messages.map(view))}\n\n`)
  }
  const snapshot = (): void => {
    write('snapshot', findMessages(state.portal, {}).sort((a, b) => a.id - b.id).slice(-snapshotSize))
  }

  const changed = new Set<PortalMessage>()
  let timer: NodeJS.Timeout | undefined
  const flush = (): void => {
    timer = undefined
    write('messages', [...changed])
    changed.clear()
  }
  const watch = (message: PortalMessage | undefined): void => {
    if (message === undefined) {
      changed.clear()
      snapshot()
      return
    }
    changed.add(message)
    timer ??= setTimeout(flush, gatherMs)
  }

  snapshot()
  state.watchers.add(watch)
  reply.raw.on('close', () => {
    clearTimeout(timer)
    state.watchers.delete(watch)
  })
}

/** With the profile's current name, which the operator also sees on old messages, and with the visible form of each text. */
function view (message: PortalMessage): object {
  const { user, dialog } = message
  const viewed = viewMessage(message)
  const runs = readStored(message.text)
  return {
    ...viewed,
    dialog: dialog.id,
    userName: `${user.name} ${user.lastName}`.trim(),
    plain: runs.map(({ text }) => text).join(''),
    body: toElements(runs),
    history: viewed.history.map(({ at, text }) => ({ at, text, body: toElements(readStored(text)) })),
  }
}
