import { z } from 'zod'
import type { ClientProfile, FileLink, MessageEdit, SeenClient } from '../../edit/edit.ts'
import { parseJsonExactly } from '../../base/json.ts'
import { type HeaderScheme, createVerifier } from '../../signatures/verify.ts'
import { exactId, exactInteger, isPlausibleTime, optionalText, optionalUrl, readFields, renderText, requireTime } from '../fields.ts'
import { defineMessenger, type WebhookContent } from '../messenger.ts'
import type { RichText, Style, StyleRange } from '../../text/rich-text.ts'

const SCHEME: HeaderScheme = { kind: 'header', header: 'x-max-bot-api-secret', prefix: '' }

const MAX_FILES = 20

/** The attachments that are files, with what stands in the place of one that has no address; buttons, contacts and previews of links are none. */
const FILE_SIGNS: ReadonlyMap<string, string> = new Map([['image', '📷'], ['video', '🎬'], ['audio', '🎵'], ['file', '📎']])

const user = z.object({
  user_id: exactInteger,
  is_bot: z.literal(true).optional().catch(undefined),
  first_name: optionalText(1000),
  last_name: optionalText(1000),
  name: optionalText(1000),
  avatar_url: optionalUrl,
  full_avatar_url: optionalUrl,
})

const attachment = z.object({
  type: z.string(),
  payload: z.object({ url: optionalUrl }).optional().catch(undefined),
  filename: optionalText(1000),
})

const editedMessage = z.object({
  // Null for what a channel says.
  sender: user.nullish(),
  recipient: z.object({ chat_id: exactInteger }),
  timestamp: z.int(),
  // Null when the message is nothing but a forwarded one.
  body: z.object({
    mid: exactId,
    seq: exactInteger.optional().catch(undefined),
    text: z.string().nullish(),
    markup: z.unknown().optional(),
    attachments: z.array(attachment.nullable().catch(null)).nullish().catch(undefined),
  }).nullish(),
})

type Body = NonNullable<z.output<typeof editedMessage>['body']>

const update = z.object({ update_type: z.string(), timestamp: z.int(), message: z.unknown().optional() })

/** An event that is no edit tells who caused it in one of three places, by its kind. */
const event = z.object({
  chat_id: exactInteger.optional().catch(undefined),
  user: user.optional().catch(undefined),
  callback: z.object({ user }).optional().catch(undefined),
  message: z.object({
    sender: user.optional().catch(undefined),
    recipient: z.object({ chat_id: exactInteger }).optional().catch(undefined),
  }).optional().catch(undefined),
})

/** https://dev.max.ru/docs-api/methods/POST/subscriptions: the webhook of one bot. */
export const max = defineMessenger({
  secret: {
    isGood: secret => /^[A-Za-z0-9_-]{16,256}$/.test(secret),
    remedy: 'must have 16 to 256 characters of A-Z, a-z, 0-9, _ and -, and equal the secret of the subscription; "openssl rand -hex 32" makes one',
  },
  keys: {},
  create: ({ secrets }) => ({
    verify: createVerifier([SCHEME], secrets.map(secret => Buffer.from(secret))),
    parse: (request, nowMs) => readUpdate(parseJsonExactly(request.body), nowMs),
    // MAX ends the subscription of a bot that takes nothing for eight hours.
    unreadable: 'acknowledge',
    reply: () => ({ status: 200, body: '' }),
  }),
})

function readUpdate (value: unknown, nowMs: number): WebhookContent {
  const { update_type: kind, timestamp, message } = readFields(update, value)
  const edit = kind === 'message_edited' ? readEdit(message, timestamp, nowMs) : null
  if (edit !== null) return { edits: [edit], ignored: [], clients: [] }
  return { edits: [], ignored: [{}], clients: readClients(value, timestamp, nowMs) }
}

/** Null when the message says nothing of its own that could be shown. */
function readEdit (value: unknown, timestamp: number, nowMs: number): MessageEdit | null {
  const { sender, recipient, timestamp: sentAt, body } = readFields(editedMessage, value, '/message')
  if (body === null || body === undefined) return null
  const files = readFiles(body)
  const text = readText(body, files)
  if (text === null) return null
  return {
    direction: sender?.is_bot === true ? 'out' : 'in',
    user: sender === null || sender === undefined ? { id: String(recipient.chat_id) } : toProfile(sender),
    message: { id: String(body.mid), date: requireTime(sentAt, nowMs, '/message/timestamp'), text, files },
    chat: { id: String(recipient.chat_id) },
    // `seq` numbers a chat's messages beyond what a number can hold.
    revision: { at: requireTime(timestamp, nowMs, '/timestamp'), tie: BigInt.asIntN(64, BigInt(body.seq ?? 0)) },
  }
}

function readText ({ text, markup, attachments }: Body, files: readonly FileLink[]): string | null {
  if (typeof text === 'string' && text !== '') return renderText(readMaxMarkup(text, markup))
  if (files.length > 0) return ''
  return (attachments ?? []).map(attachment => FILE_SIGNS.get(attachment?.type ?? '')).find(sign => sign !== undefined) ?? null
}

/** The URLs that open without the bot's token; `token` beside them stays here. */
function readFiles ({ attachments }: Body): FileLink[] {
  return (attachments ?? []).flatMap((attachment): FileLink[] => {
    const url = attachment?.payload?.url
    if (url === undefined || !FILE_SIGNS.has(attachment?.type ?? '')) return []
    return [attachment?.filename === undefined ? { url } : { url, name: attachment.filename }]
  }).slice(0, MAX_FILES)
}

function toProfile ({ user_id: id, first_name: firstName, name, ...rest }: z.output<typeof user>): ClientProfile {
  // `name` is an older word for all names together.
  return { id: String(id), name: firstName ?? name, lastName: rest.last_name, pictureUrl: rest.full_avatar_url ?? rest.avatar_url }
}

/** The client who caused an event that is no edit. Such an event is not the relay's to judge, so what cannot be read is passed over. */
function readClients (value: unknown, timestamp: number, nowMs: number): SeenClient[] {
  const { user, callback, message, chat_id: chat = message?.recipient?.chat_id } = readFields(event, value)
  // A pressed button comes with the bot's own message.
  const client = [callback?.user, user, message?.sender].find(client => client !== undefined && client.is_bot !== true)
  if (client === undefined || !isPlausibleTime(timestamp, nowMs)) return []
  return [{ user: toProfile(client), chat: chat === undefined ? undefined : String(chat), revision: { at: timestamp, tie: 0n } }]
}

/** Those missing here (mentions, highlighted) style nothing: their text stands as it is. */
const STYLES: ReadonlyMap<string, Style> = new Map<string, Style>([
  ['strong', 'bold'], ['emphasized', 'italic'], ['underline', 'underline'], ['strikethrough', 'strike'], ['monospaced', 'code'],
  ['heading', 'heading'], ['quote', 'quote'], ['blockquote', 'quote'], ['link', 'link'],
])

const markups = z.array(z.object({ type: z.string(), from: z.int(), length: z.int(), url: z.string().optional().catch(undefined) }).nullable().catch(null)).catch([])

/**
 * A text of MAX with its `markup`, a list of `{ type, from, length, url? }` in UTF-16 units. MAX sends links without a URL, and ranges that
 * lie outside the text: neither styles anything.
 */
export function readMaxMarkup (text: string, markup: unknown): RichText {
  const ranges = markups.parse(markup).flatMap((element): StyleRange[] => {
    const style = element === null ? undefined : STYLES.get(element.type)
    return element === null || style === undefined ? [] : [{ offset: element.from, length: element.length, style, url: element.url }]
  })
  return { text, ranges }
}
