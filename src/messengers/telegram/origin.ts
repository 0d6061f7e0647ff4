import { z } from 'zod'
import type { Chat, ClientProfile } from '../../edit/edit.ts'
import { BadRequest } from '../../base/errors.ts'
import { fill } from '../../base/fill.ts'
import { numericId, optionalId, optionalNumericId, optionalText } from '../fields.ts'

/*
 * Who sent a message of the Bot API, and where. `kind` is the update's, such as `edited_message`: it tells a channel post and a business
 * account's message from others, whatever fields are missing.
 */

const isTrue = z.literal(true).optional().catch(undefined)

export const user = z.object({
  id: numericId,
  is_bot: isTrue,
  first_name: optionalText(1000),
  last_name: optionalText(1000),
  username: optionalText(100),
})

const chat = z.object({ id: numericId, title: optionalText(1000), username: optionalText(100) })

/** A channel post has no user; `sender_chat` is a chat that writes (a channel, an anonymous administrator). */
export const origin = z.object({
  chat,
  from: user.optional().catch(undefined),
  sender_chat: chat.optional().catch(undefined),
  is_automatic_forward: isTrue,
  business_connection_id: optionalId,
  message_thread_id: optionalNumericId,
  is_topic_message: isTrue,
  direct_messages_topic: z.object({ topic_id: optionalNumericId, user: user.optional().catch(undefined) }).optional().catch(undefined),
})

type Origin = z.output<typeof origin>

export interface ChatTemplates { readonly businessChat: string, readonly topicChat: string }

/**
 * Whether the operator's side wrote it: the owner of a business account, a channel's administrator in direct messages, a group's anonymous
 * administrator, the linked channel of a group, or a bot. A user who writes as a chat of their own appears as a bot, but with `sender_chat`.
 */
export function isOwn ({ from, sender_chat: speaker, chat, direct_messages_topic: topic, ...message }: Origin, kind: string): boolean {
  if (kind.endsWith('channel_post')) return false
  if (kind.endsWith('business_message') || message.business_connection_id !== undefined) return from !== undefined && !isSame(from, chat)
  if (message.is_automatic_forward === true || (speaker !== undefined && isSame(speaker, chat))) return true
  if (topic?.user !== undefined) return from !== undefined && !isSame(from, topic.user)
  return from?.is_bot === true && speaker === undefined
}

interface Identified { readonly id: z.output<typeof numericId> }

function isSame (a: Identified, b: Identified): boolean {
  return String(a.id) === String(b.id)
}

export function readAuthor ({ from, sender_chat: speaker, chat }: Origin, kind: string): ClientProfile {
  if (from !== undefined) return { id: String(from.id), name: from.first_name, lastName: from.last_name, url: profileUrl(from) }
  // Not the post's signature: it differs by administrator, and the portal would rename the client each time.
  const channel = speaker ?? (kind.endsWith('channel_post') ? chat : undefined)
  if (channel === undefined) throw new BadRequest(`faulty: /${kind}/from`)
  return { id: String(channel.id), name: channel.title, url: profileUrl(channel) }
}

function profileUrl ({ username }: { readonly username?: string | undefined }): string | undefined {
  return username !== undefined && /^\w+$/.test(username) ? `https://t.me/${username}` : undefined
}

/** A private chat has no title, and its username is the client's. */
export function readChat (message: Origin, kind: string, templates: ChatTemplates): Chat {
  const { title } = message.chat
  const id = readChatId(message, kind, templates)
  if (id === undefined) throw new BadRequest(`faulty: /${kind}/business_connection_id`)
  return { id, name: title, url: title === undefined ? undefined : profileUrl(message.chat) }
}

/** The original connector may have separate chats for business accounts or for topics. Undefined if the template needs an id that is missing. */
export function readChatId (message: Origin, kind: string, { businessChat, topicChat }: ChatTemplates): string | undefined {
  const { business_connection_id: connection } = message
  const chat = String(message.chat.id)
  if (kind.endsWith('business_message') || connection !== undefined) {
    if (connection === undefined && businessChat.includes('{connection}')) return undefined
    return fill(businessChat, { chat, connection: String(connection) })
  }
  const topic = message.direct_messages_topic?.topic_id ?? (message.is_topic_message === true ? message.message_thread_id : undefined)
  return topic === undefined ? chat : fill(topicChat, { chat, topic: String(topic) })
}
