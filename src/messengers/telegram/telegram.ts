import { z } from 'zod'
import type { MessageEdit, SeenClient } from '../../edit/edit.ts'
import { parseBody } from '../../base/json.ts'
import { type HeaderScheme, createVerifier } from '../../signatures/verify.ts'
import { type ChatTemplates, isOwn, origin, readAuthor, readChat, readChatId, user } from './origin.ts'
import { readTelegramMessage } from './text.ts'
import { counter, integer, numericId, optionalInteger, optionalTime, readFields, renderText, requireTime } from '../fields.ts'
import { defineMessenger, type WebhookContent } from '../messenger.ts'

const SCHEME: HeaderScheme = { kind: 'header', header: 'x-telegram-bot-api-secret-token', prefix: '' }

const EDITS = ['edited_message', 'edited_business_message', 'edited_channel_post'] as const

const editedMessage = origin.extend({
  message_id: numericId,
  date: optionalInteger,
  edit_date: integer,
  text: z.string().nullish(),
  caption: z.string().nullish(),
})

const update = z.looseObject({ update_id: counter })

const edition = z.object({ edit_date: z.unknown().optional() })

/** An event that is not an edit: in every kind, `from` is the user who caused it. */
const event = origin.extend({ from: user, date: optionalInteger })

/** Without {chat}, different chats would get one id. */
function chatTemplate (placeholder: 'connection' | 'topic') {
  const remedy = `must contain {chat}, and no placeholder but {chat} and {${placeholder}}`
  return z.string(remedy).max(200, remedy).regex(new RegExp(`^(?=.*\\{chat\\})(?:[^{}]|\\{chat\\}|\\{${placeholder}\\})*$`, 's'), remedy).default('{chat}')
}

/** https://core.telegram.org/bots/api#setwebhook: the webhook of one bot. */
export const telegram = defineMessenger({
  secret: {
    isGood: secret => /^[A-Za-z0-9_-]{16,256}$/.test(secret),
    remedy: 'must have 16 to 256 characters of A-Z, a-z, 0-9, _ and -, and equal the secret_token given to setWebhook; "openssl rand -hex 32" makes one',
  },
  keys: {
    businessChat: chatTemplate('connection').describe('the id of a chat of a business account, such as {connection}:{chat}'),
    topicChat: chatTemplate('topic').describe('the id of a topic, such as {chat}_{topic}'),
  },
  create: ({ secrets, settings }) => ({
    verify: createVerifier([SCHEME], secrets),
    parse: (request, nowMs) => readUpdate(parseBody(request.body), settings, nowMs),
    unreadable: 'acknowledge',
    // Telegram would read a body as a call of the Bot API.
    reply: () => ({ status: 200, body: '' }),
  }),
})

function readUpdate (body: unknown, templates: ChatTemplates, nowMs: number): WebhookContent {
  const { update_id: tie, ...parts } = readFields(update, body)
  const kind = EDITS.find(kind => parts[kind] !== undefined && parts[kind] !== null)
  const edit = kind === undefined ? null : readEdit(parts[kind], kind, tie, templates, nowMs)
  if (edit !== null) return { edits: [edit], ignored: [], clients: [] }
  return { edits: [], ignored: [{}], clients: Object.entries(parts).flatMap(([kind, part]) => readClients(part, kind, tie, templates, nowMs)) }
}

/** Null if nobody has edited the message, if it has nothing to show, or if it has no real id (an ephemeral message's is 0). */
function readEdit (value: unknown, kind: string, tie: bigint, templates: ChatTemplates, nowMs: number): MessageEdit | null {
  if (!isEdited(value, kind)) return null
  const message = readFields(editedMessage, value, `/${kind}`)
  const rich = readTelegramMessage(value as Readonly<Record<string, unknown>>)
  const id = String(message.message_id)
  if (rich === null || id === '0') return null
  return {
    direction: isOwn(message, kind) ? 'out' : 'in',
    user: readAuthor(message, kind),
    message: {
      id,
      date: optionalTime((message.date ?? 0) * 1000, nowMs),
      text: renderText(rich),
      // Every URL of a Telegram file contains the bot's token.
      files: [],
    },
    chat: readChat(message, kind, templates),
    // Times are whole seconds; update ids are in the order of events.
    revision: { at: requireTime(message.edit_date * 1000, nowMs, `/${kind}/edit_date`), tie },
  }
}

/**
 * Telegram sends the same kinds of updates when something else of a message changes, such as its first reaction or its link preview. Then
 * there is no `edit_date` (https://github.com/tdlib/td/issues/2294). The content is the old one: a photo would overwrite a text with a sign.
 */
function isEdited (value: unknown, kind: string): boolean {
  const { edit_date: editedAt } = readFields(edition, value, `/${kind}`)
  return editedAt !== undefined && editedAt !== null && editedAt !== 0
}

/** The client who caused an event that is not an edit. Skips what it cannot read: only edits must be readable. */
function readClients (part: unknown, kind: string, tie: bigint, templates: ChatTemplates, nowMs: number): SeenClient[] {
  const { success, data } = event.safeParse(part)
  if (!success || data.from.is_bot === true || isOwn(data, kind)) return []
  const at = data.date === undefined ? nowMs : data.date * 1000
  return [{ user: readAuthor(data, kind), chat: readChatId(data, kind, templates), revision: { at, tie } }]
}
