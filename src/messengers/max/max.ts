import { z } from 'zod'
import type { ClientProfile, FileLink, MessageEdit, SeenClient } from '../../edit/edit.ts'
import { BadRequest } from '../../base/errors.ts'
import { parseBody } from '../../base/json.ts'
import { type HeaderScheme, createVerifier } from '../../signatures/verify.ts'
import { counter, exactId, numericId, optionalInteger, optionalNumericId, optionalText, optionalTime, optionalUrl, readFields, renderText, requireTime } from '../fields.ts'
import { defineMessenger, type WebhookContent } from '../messenger.ts'
import type { RichText, Style, StyleRange } from '../../text/rich-text.ts'

const SCHEME: HeaderScheme = { kind: 'header', header: 'x-max-bot-api-secret', prefix: '' }

const MAX_FILES = 20

/** The kinds of attachments that are files, each with a sign for one without a URL. Buttons, contacts and link previews are not files. */
const FILE_SIGNS: ReadonlyMap<string, string> = new Map([['image', '📷'], ['video', '🎬'], ['audio', '🎵'], ['file', '📎']])

const user = z.object({
  user_id: numericId,
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
  // Null for posts of a channel.
  sender: user.nullish(),
  recipient: z.object({ chat_id: numericId }),
  timestamp: optionalInteger,
  // Null if the message only forwards another one.
  body: z.object({
    mid: exactId,
    // Exceeds 2^53.
    seq: counter,
    text: z.string().nullish(),
    markup: z.unknown().optional(),
    attachments: z.array(attachment.nullable().catch(null)).nullish().catch(undefined),
  }).nullish(),
})

type Body = NonNullable<z.output<typeof editedMessage>['body']>

const update = z.object({ update_type: z.string(), timestamp: optionalInteger, message: z.unknown().optional() })

/** An event that is not an edit. Its kind decides which of three fields has the user who caused it. */
const event = z.object({
  chat_id: optionalNumericId,
  user: user.optional().catch(undefined),
  callback: z.object({ user }).optional().catch(undefined),
  message: z.object({
    sender: user.optional().catch(undefined),
    recipient: z.object({ chat_id: optionalNumericId }).optional().catch(undefined),
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
    verify: createVerifier([SCHEME], secrets),
    parse: (request, nowMs) => readUpdate(parseBody(request.body), nowMs),
    // MAX ends the subscription of a bot that accepts nothing for eight hours.
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

/** Null if the message has nothing of its own to show. */
function readEdit (value: unknown, timestamp: number | undefined, nowMs: number): MessageEdit | null {
  const { sender, recipient, timestamp: sentAt, body } = readFields(editedMessage, value, '/message')
  if (body === null || body === undefined) return null
  const files = readFiles(body)
  const text = readText(body, files)
  if (text === null) return null
  if (timestamp === undefined) throw new BadRequest('faulty: /timestamp')
  return {
    direction: sender?.is_bot === true ? 'out' : 'in',
    user: sender === null || sender === undefined ? { id: String(recipient.chat_id) } : toProfile(sender),
    message: { id: String(body.mid), date: optionalTime(sentAt ?? 0, nowMs), text, files },
    chat: { id: String(recipient.chat_id) },
    revision: { at: requireTime(timestamp, nowMs, '/timestamp'), tie: body.seq },
  }
}

function readText ({ text, markup, attachments }: Body, files: readonly FileLink[]): string | null {
  if (typeof text === 'string' && text !== '') return renderText(readMaxMarkup(text, markup))
  if (files.length > 0) return ''
  return (attachments ?? []).map(attachment => FILE_SIGNS.get(attachment?.type ?? '')).find(sign => sign !== undefined) ?? null
}

/** These URLs open without the bot's token. The `token` beside them is not forwarded. */
function readFiles ({ attachments }: Body): FileLink[] {
  return (attachments ?? []).flatMap((attachment): FileLink[] => {
    const url = attachment?.payload?.url
    if (url === undefined || !FILE_SIGNS.has(attachment?.type ?? '')) return []
    return [attachment?.filename === undefined ? { url } : { url, name: attachment.filename }]
  }).slice(0, MAX_FILES)
}

function toProfile ({ user_id: id, first_name: firstName, name, ...rest }: z.output<typeof user>): ClientProfile {
  // `name` is an older field with the full name.
  return { id: String(id), name: firstName ?? name, lastName: rest.last_name, pictureUrl: rest.full_avatar_url ?? rest.avatar_url }
}

/** The client who caused an event that is not an edit. Skips what it cannot read: only edits must be readable. */
function readClients (value: unknown, timestamp: number | undefined, nowMs: number): SeenClient[] {
  const { user, callback, message, chat_id: chat = message?.recipient?.chat_id } = readFields(event, value)
  // A pressed button comes with the bot's own message.
  const client = [callback?.user, user, message?.sender].find(client => client !== undefined && client.is_bot !== true)
  if (client === undefined) return []
  return [{ user: toProfile(client), chat: chat === undefined ? undefined : String(chat), revision: { at: timestamp ?? nowMs, tie: 0n } }]
}

/** Other markup (mentions, highlights) does not change the text. */
const STYLES: ReadonlyMap<string, Style> = new Map<string, Style>([
  ['strong', 'bold'], ['emphasized', 'italic'], ['underline', 'underline'], ['strikethrough', 'strike'], ['monospaced', 'code'],
  ['heading', 'heading'], ['quote', 'quote'], ['blockquote', 'quote'], ['link', 'link'],
])

const markups = z.array(z.object({ type: z.string(), from: z.int(), length: z.int(), url: z.string().optional().catch(undefined) }).nullable().catch(null)).catch([])

/** A text of MAX with its `markup`, a list of `{ type, from, length, url? }` in UTF-16 units. Links without a URL and ranges outside the text have no effect. */
export function readMaxMarkup (text: string, markup: unknown): RichText {
  const ranges = markups.parse(markup).flatMap((element): StyleRange[] => {
    const style = element === null ? undefined : STYLES.get(element.type)
    return element === null || style === undefined ? [] : [{ offset: element.from, length: element.length, style, url: element.url }]
  })
  return { text, ranges }
}
