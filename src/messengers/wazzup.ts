import { z } from 'zod'
import { type ClientProfile, type EditedMessage, type MessageEdit, type SeenClient, isNamed } from '../edit/edit.ts'
import { BadRequest, Unauthenticated } from '../base/errors.ts'
import { parseJson, parseJsonExactly } from '../base/json.ts'
import { BEARER, createVerifier } from '../signatures/verify.ts'
import { isBlankForPortal } from '../text/blank.ts'
import { readWhatsApp } from '../text/whatsapp.ts'
import { readEach, exactId, optionalText, optionalUrl, readFields, renderText, requireTime } from './fields.ts'
import { defineMessenger, type Messenger, type WebhookContent, type WebhookRequest } from './messenger.ts'

/** A handshake is a few bytes; no larger body is parsed before it is known to be authentic. */
const MAX_HANDSHAKE_BYTES = 64

const webhook = z.looseObject({ messages: z.array(z.unknown()).optional() })

const message = z.object({
  messageId: exactId,
  /** The account at Wazzup. */
  channelId: z.string().optional().catch(undefined),
  /** whatsapp, whatsgroup, telegram, telegroup, max, maxgroup, vk, avito, instagram, viber. */
  chatType: z.string(),
  chatId: exactId,
  /** When the original was sent, by the messenger's clock: all edits of a message have the same. */
  dateTime: z.iso.datetime({ offset: true }),
  isEcho: z.boolean().optional().catch(undefined),
  contact: z.object({
    name: optionalText(1000),
    avatarUri: optionalUrl,
    username: optionalText(100),
    phone: optionalText(100),
  }).optional().catch(undefined),
})

const kind = z.object({ isEdited: z.boolean().optional().catch(undefined), isDeleted: z.boolean().optional().catch(undefined) })

const editedMessage = message.extend({
  text: z.string().nullish(),
  contentUri: optionalUrl,
  oldInfo: z.object({ oldText: z.string() }).optional().catch(undefined),
})

type Message = z.output<typeof message>

type EditedItem = z.output<typeof editedMessage>

interface Settings { readonly secretIn: 'header' | 'query', readonly channelIds?: readonly string[] | undefined }

/** https://wazzup24.com/help/api-documentation-en/webhooks/, version 3. */
export const wazzup = defineMessenger({
  secret: {
    isGood: secret => /^[A-Za-z0-9._~-]{16,120}$/.test(secret),
    remedy: 'must have 16 to 120 characters of A-Z, a-z, 0-9, ., _, ~ and -, and equal the crmKey given to Wazzup; "openssl rand -hex 32" makes one',
  },
  keys: {
    secretIn: z.enum(['header', 'query'], 'must be header or query').default('header'),
    channelIds: z.array(z.string('must be the id of a channel at Wazzup').min(1).max(100), 'must be a list of channels at Wazzup').min(1, 'must name at least one channel at Wazzup').optional(),
  },
  create: ({ secrets, settings }) => ({
    greet: answerTest,
    verify: createSecretVerifier(secrets.map(secret => Buffer.from(secret)), settings.secretIn),
    parse: (request, nowMs) => readWebhook(readFields(webhook, parseJsonExactly(request.body)), settings, nowMs),
    unreadable: 'acknowledge',
    reply: () => ({ status: 200, body: '' }),
  }),
})

/** Wazzup asks with `{"test":true}` whether the address answers, before it takes it. */
function answerTest ({ method, body }: WebhookRequest): ReturnType<NonNullable<Messenger['greet']>> {
  if (method !== 'POST' || body.length > MAX_HANDSHAKE_BYTES) return null
  try {
    return z.strictObject({ test: z.literal(true) }).safeParse(parseJson(body)).success ? { status: 200, body: '' } : null
  } catch (error) {
    if (error instanceof BadRequest) return null
    throw error
  }
}

/** Wazzup proves itself by the crmKey alone, and an account that was connected with an API key has none: its secret stands in the URL. */
function createSecretVerifier (keys: readonly Buffer[], secretIn: Settings['secretIn']): Messenger['verify'] {
  const verify = createVerifier([BEARER], keys)
  if (secretIn === 'header') return verify
  return ({ query, body }, nowMs) => {
    const secret = new URLSearchParams(query).get('secret')
    if (secret === null) throw new Unauthenticated('the URL has no secret')
    verify({ headers: { authorization: BEARER.prefix + secret }, body }, nowMs)
  }
}

function readWebhook ({ messages = [], ...others }: z.output<typeof webhook>, settings: Settings, nowMs: number): WebhookContent {
  const content = readEach(messages, item => readMessage(item, settings, nowMs))
  // Statuses, new contacts and deals may come beside messages: nothing for the relay, and something for a connector behind it.
  const isMore = messages.length === 0 || Object.values(others).some(value => !Array.isArray(value) || value.length > 0)
  return isMore ? { ...content, ignored: [...content.ignored, {}] } : content
}

function readMessage (item: unknown, settings: Settings, nowMs: number): Partial<WebhookContent> {
  const { isEdited, isDeleted } = readFields(kind, item)
  if (isEdited !== true || isDeleted === true) return { ignored: [{}], clients: readClients(item, settings) }
  const edited = readFields(editedMessage, item)
  return isOfChannel(edited, settings) ? { edits: [readEdit(edited, nowMs)] } : { ignored: [{}] }
}

function isOfChannel ({ channelId = '' }: Message, { channelIds }: Settings): boolean {
  return channelIds === undefined || channelIds.includes(channelId)
}

function readEdit (edited: EditedItem, nowMs: number): MessageEdit {
  const { messageId, chatId, dateTime, isEcho, text, contentUri, oldInfo } = edited
  if (typeof text !== 'string' && contentUri === undefined) throw new BadRequest('faulty: /text')
  const sentAt = requireTime(Date.parse(dateTime), nowMs, '/dateTime')
  return {
    direction: isEcho === true ? 'out' : 'in',
    user: readClient(edited),
    message: { id: String(messageId), date: sentAt, ...readContent(edited, text ?? '') },
    replaces: oldInfo === undefined ? undefined : readContent(edited, oldInfo.oldText),
    chat: { id: String(chatId) },
    revision: { at: sentAt, tie: 0n },
  }
}

/** The portal changes the text only, so that a file is told of where there is no text. */
function readContent ({ chatType, contentUri }: EditedItem, text: string): Pick<EditedMessage, 'text' | 'files'> {
  const files = contentUri !== undefined && isBlankForPortal(text) ? [{ url: contentUri }] : []
  return { text: renderText(chatType.startsWith('whats') ? readWhatsApp(text) : { text, ranges: [] }), files }
}

/** Such an event is not the relay's to judge, so what cannot be read is passed over. */
function readClients (item: unknown, settings: Settings): SeenClient[] {
  const { success, data } = message.safeParse(item)
  if (!success || data.isEcho === true || !isOfChannel(data, settings)) return []
  const user = readClient(data)
  return isNamed(user) ? [{ user, chat: String(data.chatId), revision: { at: Date.parse(data.dateTime), tie: 0n } }] : []
}

/** Wazzup knows a client by his chat. */
function readClient ({ chatType, chatId, contact }: Message): ClientProfile {
  const { name, avatarUri, username, phone } = contact ?? {}
  return {
    id: String(chatId),
    name,
    pictureUrl: avatarUri,
    url: chatType === 'telegram' && username !== undefined && /^\w+$/.test(username) ? `https://t.me/${username}` : undefined,
    phone: phone ?? (chatType === 'whatsapp' ? `+${chatId}` : undefined),
  }
}
