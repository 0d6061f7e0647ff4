import { z } from 'zod'
import { type ClientProfile, type EditedMessage, type MessageEdit, type SeenClient, isNamed } from '../edit/edit.ts'
import { BadRequest, Unauthenticated } from '../base/errors.ts'
import { parseBody, tryParseBody } from '../base/json.ts'
import { BEARER, createVerifier } from '../signatures/verify.ts'
import { isBlankForPortal } from '../text/blank.ts'
import { readWhatsApp } from '../text/whatsapp.ts'
import { readEach, exactId, optionalId, optionalText, optionalTime, optionalUrl, readFields, renderText } from './fields.ts'
import { defineMessenger, type WebhookContent, type WebhookReply, type WebhookRequest } from './messenger.ts'

/** A handshake is a few bytes; a larger body is parsed only once it is authentic. */
const MAX_HANDSHAKE_BYTES = 64

const webhook = z.looseObject({ messages: z.array(z.unknown()).nullish() })

const message = z.object({
  messageId: exactId,
  /** The account at Wazzup. */
  channelId: optionalId,
  /** whatsapp, whatsgroup, telegram, telegroup, max, maxgroup, vk, avito, instagram, viber. */
  chatType: z.string().catch(''),
  chatId: exactId,
  /** text, image, video, audio, document and others. */
  type: z.string().catch(''),
  /** When the original was sent, by the messenger's clock; the same in all edits of a message. */
  dateTime: z.string().catch(''),
  isEcho: z.boolean().optional().catch(undefined),
  contact: z.object({
    name: optionalText(1000),
    avatarUri: optionalUrl,
    username: optionalText(100),
    phone: optionalId,
  }).optional().catch(undefined),
})

const kind = z.object({ isEdited: z.boolean().optional().catch(undefined), isDeleted: z.boolean().optional().catch(undefined) })

const editedMessage = message.extend({
  text: z.string().nullish(),
  contentUri: optionalUrl,
  oldInfo: z.object({ oldText: z.string() }).optional().catch(undefined),
})

/** Shown instead of a file whose link is missing, if there is no text. */
const SIGNS: ReadonlyMap<string, string> = new Map([['image', '📷'], ['video', '🎬'], ['audio', '🎵'], ['document', '📎']])

/** ISO 8601 with a time zone, which may be hours only: +00. */
const DATE_TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(?:Z|([+-]\d\d)(?::?(\d\d))?)$/

type Message = z.output<typeof message>

type EditedItem = z.output<typeof editedMessage>

const testSchema = z.strictObject({ test: z.literal(true) })

interface Settings { readonly secretIn: 'header' | 'query', readonly channelIds?: readonly string[] | undefined }

/** https://wazzup24.com/help/api-documentation-en/webhooks/, version 3. */
export const wazzup = defineMessenger({
  secret: {
    isGood: secret => /^[A-Za-z0-9._~-]{16,120}$/.test(secret),
    remedy: 'must have 16 to 120 characters of A-Z, a-z, 0-9, ., _, ~ and -, and equal the crmKey given to Wazzup; "openssl rand -hex 32" makes one',
  },
  keys: {
    secretIn: z.enum(['header', 'query'], 'must be header or query').default('header').describe('query reads the secret from ?secret= in the URL'),
    channelIds: z.array(z.string('must be the id of a channel at Wazzup').min(1).max(100), 'must be a list of channels at Wazzup').min(1, 'must name at least one channel at Wazzup').optional().describe('the accounts at Wazzup whose edits go to this line; all if absent'),
  },
  create: ({ secrets, settings }) => ({
    greet: answerTest,
    verify: createSecretVerifier(secrets, settings.secretIn),
    parse: (request, nowMs) => readWebhook(readFields(webhook, parseBody(request.body)), settings, nowMs),
    unreadable: 'acknowledge',
    reply: () => ({ status: 200, body: '' }),
  }),
})

/** Before Wazzup accepts an address, it sends `{"test":true}` and expects 200. */
function answerTest ({ method, body }: WebhookRequest): WebhookReply | null {
  if (method !== 'POST' || body.length > MAX_HANDSHAKE_BYTES) return null
  return testSchema.safeParse(tryParseBody(body)).success ? { status: 200, body: '' } : null
}

/** Wazzup authenticates only by the crmKey. An account that was connected with an API key has none, so its secret is in the URL. */
function createSecretVerifier (secrets: readonly string[], secretIn: Settings['secretIn']): (request: WebhookRequest, nowMs: number) => void {
  const verify = createVerifier([BEARER], secrets)
  if (secretIn === 'header') return verify
  return ({ query, body }, nowMs) => {
    const secret = new URLSearchParams(query).get('secret')
    if (secret === null) throw new Unauthenticated('the URL has no secret')
    verify({ headers: { authorization: BEARER.prefix + secret }, body }, nowMs)
  }
}

function readWebhook ({ messages: items, ...others }: z.output<typeof webhook>, settings: Settings, nowMs: number): WebhookContent {
  const messages = items ?? []
  const content = readEach(messages, item => readMessage(item, settings, nowMs))
  // Statuses, new contacts and deals may come with messages. The relay ignores them, but a connector behind it may need them.
  const isMore = messages.length === 0 || Object.values(others).some(value => !Array.isArray(value) || value.length > 0)
  return isMore ? { ...content, ignored: [...content.ignored, {}] } : content
}

function readMessage (item: unknown, settings: Settings, nowMs: number): Partial<WebhookContent> {
  const { isEdited, isDeleted } = readFields(kind, item)
  if (isEdited !== true || isDeleted === true) return { ignored: [{}], clients: readClients(item, settings, nowMs) }
  const edited = readFields(editedMessage, item)
  return isOfChannel(edited, settings) ? { edits: [readEdit(edited, nowMs)] } : { ignored: [{}] }
}

function isOfChannel ({ channelId = '' }: Message, { channelIds }: Settings): boolean {
  return channelIds === undefined || channelIds.includes(String(channelId))
}

function readEdit (edited: EditedItem, nowMs: number): MessageEdit {
  const { messageId, chatId, isEcho, type, text, contentUri, oldInfo } = edited
  if (typeof text !== 'string' && contentUri === undefined && !SIGNS.has(type)) throw new BadRequest('faulty: /text')
  return {
    direction: isEcho === true ? 'out' : 'in',
    user: toProfile(edited),
    message: { id: String(messageId), date: optionalTime(readTime(edited), nowMs), ...readContent(edited, text ?? '') },
    replaces: oldInfo === undefined ? undefined : readContent(edited, oldInfo.oldText),
    chat: { id: String(chatId) },
    // All edits of a message have the same: Wazzup gives no time of an edit.
    revision: { at: 0, tie: 0n },
  }
}

/** Milliseconds; 0 if there is no time. */
function readTime ({ dateTime }: Message): number {
  const [, time, hours, minutes = '00'] = DATE_TIME.exec(dateTime) ?? []
  return time === undefined ? 0 : Date.parse(time + (hours === undefined ? 'Z' : `${hours}:${minutes}`)) || 0
}

/** The portal updates only the text, so the file's link is sent only if there is no text. */
function readContent ({ chatType, type, contentUri }: EditedItem, text: string): Pick<EditedMessage, 'text' | 'files'> {
  const isBlank = isBlankForPortal(text)
  if (isBlank && contentUri === undefined && SIGNS.has(type)) return { text: SIGNS.get(type) ?? '', files: [] }
  const files = contentUri !== undefined && isBlank ? [{ url: contentUri }] : []
  return { text: renderText(chatType.startsWith('whats') ? readWhatsApp(text) : { text, ranges: [] }), files }
}

/** Skips what it cannot read: only edits must be readable. */
function readClients (item: unknown, settings: Settings, nowMs: number): SeenClient[] {
  const { success, data } = message.safeParse(item)
  if (!success || data.isEcho === true || !isOfChannel(data, settings)) return []
  const user = toProfile(data)
  return isNamed(user) ? [{ user, chat: String(data.chatId), revision: { at: readTime(data) || nowMs, tie: 0n } }] : []
}

/** Wazzup identifies a client by their chat. */
function toProfile ({ chatType, chatId, contact }: Message): ClientProfile {
  const { name, avatarUri, username, phone = chatType === 'whatsapp' ? `+${chatId}` : undefined } = contact ?? {}
  return {
    id: String(chatId),
    name,
    pictureUrl: avatarUri,
    url: chatType === 'telegram' && username !== undefined && /^\w+$/.test(username) ? `https://t.me/${username}` : undefined,
    phone: phone === undefined ? undefined : String(phone),
  }
}
