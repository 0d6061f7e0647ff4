import { z } from 'zod'
import type { Chat, ClientProfile, MessageEdit, SeenClient } from '../../edit/edit.ts'
import { parseBody } from '../../base/json.ts'
import { fillTemplate } from '../../edit/address.ts'
import { type HeaderScheme, createVerifier } from '../../signatures/verify.ts'
import { readTelegramMessage } from './text.ts'
import { exactInteger, optionalText, readFields, renderText, requireTime } from '../fields.ts'
import { defineMessenger, type WebhookContent } from '../messenger.ts'

const SCHEME: HeaderScheme = { kind: 'header', header: 'x-telegram-bot-api-secret-token', prefix: '' }

const EDITS = ['edited_message', 'edited_business_message', 'edited_channel_post'] as const

const user = z.object({
  id: exactInteger,
  is_bot: z.literal(true).optional().catch(undefined),
  first_name: optionalText(1000),
  last_name: optionalText(1000),
  username: optionalText(100),
})

const chat = z.object({ id: exactInteger, title: optionalText(1000), username: optionalText(100) })

/** Who sent a message, and where. A channel post has no user; `sender_chat` is a chat that writes (a channel, an anonymous administrator). */
const origin = z.object({
  chat,
  from: user.optional(),
  sender_chat: chat.optional().catch(undefined),
  business_connection_id: z.string().max(256).optional(),
  message_thread_id: z.int().optional(),
  is_topic_message: z.literal(true).optional().catch(undefined),
  direct_messages_topic: z.object({ topic_id: exactInteger, user: user.optional().catch(undefined) }).optional(),
})

const editedMessage = origin.extend({ message_id: exactInteger, date: z.int(), edit_date: z.int() })

type Origin = z.output<typeof origin>

const update = z.looseObject({ update_id: z.int() })

/** An event that is not an edit: in every kind, `from` is the user who caused it. */
const event = origin.extend({ from: user, date: z.int() })

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
    businessChat: chatTemplate('connection'),
    topicChat: chatTemplate('topic'),
  },
  create: ({ secrets, settings }) => ({
    verify: createVerifier([SCHEME], secrets),
    parse: (request, nowMs) => readUpdate(parseBody(request.body), settings, nowMs),
    unreadable: 'acknowledge',
    // Telegram would read a body as a call of the Bot API.
    reply: () => ({ status: 200, body: '' }),
  }),
})

interface ChatTemplates { readonly businessChat: string, readonly topicChat: string }

function readUpdate (body: unknown, templates: ChatTemplates, nowMs: number): WebhookContent {
  const { update_id: id, ...parts } = readFields(update, body)
  const tie = BigInt(id)
  const kind = EDITS.find(kind => parts[kind] !== undefined)
  const edit = kind === undefined ? null : readEdit(parts[kind], kind, tie, templates, nowMs)
  if (edit !== null) return { edits: [edit], ignored: [], clients: [] }
  return { edits: [], ignored: [{}], clients: Object.values(parts).flatMap(part => readClients(part, tie, templates)) }
}

/** Null if the message has nothing to show, or has no real id (an ephemeral message's is 0). */
function readEdit (value: unknown, kind: string, tie: bigint, templates: ChatTemplates, nowMs: number): MessageEdit | null {
  const message = readFields(editedMessage, value, `/${kind}`)
  const rich = readTelegramMessage(value as Readonly<Record<string, unknown>>)
  if (rich === null || message.message_id === 0) return null
  return {
    direction: isOwn(message) ? 'out' : 'in',
    user: readAuthor(message),
    message: {
      id: String(message.message_id),
      date: requireTime(message.date * 1000, nowMs, `/${kind}/date`),
      text: renderText(rich),
      // Every URL of a Telegram file contains the bot's token.
      files: [],
    },
    chat: readChat(message, templates),
    // Times are whole seconds; update ids are in the order of events.
    revision: { at: requireTime(message.edit_date * 1000, nowMs, `/${kind}/edit_date`), tie },
  }
}

/**
 * Whether the operator's side wrote it: the owner of a business account, a channel's administrator in direct messages, or a bot.
 * A user who writes as a chat appears as a bot, but with `sender_chat`.
 */
function isOwn ({ business_connection_id: connection, from, sender_chat: speaker, chat, direct_messages_topic: topic }: Origin): boolean {
  if (from === undefined) return false
  if (connection !== undefined) return from.id !== chat.id
  if (topic?.user !== undefined) return from.id !== topic.user.id
  return from.is_bot === true && speaker === undefined
}

function readAuthor ({ from, sender_chat: speaker, chat }: Origin): ClientProfile {
  if (from !== undefined) return { id: String(from.id), name: from.first_name, lastName: from.last_name, url: profileUrl(from) }
  // Not the post's signature: it differs by administrator, and the portal would rename the client each time.
  const channel = speaker ?? chat
  return { id: String(channel.id), name: channel.title, url: profileUrl(channel) }
}

function profileUrl ({ username }: { readonly username?: string | undefined }): string | undefined {
  return username !== undefined && /^\w+$/.test(username) ? `https://t.me/${username}` : undefined
}

/** A private chat has no title, and its username is the client's. */
function readChat (message: Origin, templates: ChatTemplates): Chat {
  const { title } = message.chat
  return { id: readChatId(message, templates), name: title, url: title === undefined ? undefined : profileUrl(message.chat) }
}

/** The original connector may have separate chats for business accounts or for topics. */
function readChatId (message: Origin, { businessChat, topicChat }: ChatTemplates): string {
  const { chat, business_connection_id: connection } = message
  const topic = message.direct_messages_topic?.topic_id ?? (message.is_topic_message === true ? message.message_thread_id : undefined)
  if (connection !== undefined) return fillTemplate(businessChat, { chat: String(chat.id), connection })
  return topic === undefined ? String(chat.id) : fillTemplate(topicChat, { chat: String(chat.id), topic: String(topic) })
}

/** The client who caused an event that is not an edit. Skips what it cannot read: only edits must be readable. */
function readClients (part: unknown, tie: bigint, templates: ChatTemplates): SeenClient[] {
  const { success, data } = event.safeParse(part)
  if (!success || data.from.is_bot === true || isOwn(data)) return []
  return [{ user: readAuthor(data), chat: readChatId(data, templates), revision: { at: data.date * 1000, tie } }]
}
