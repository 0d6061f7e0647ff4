import { z } from 'zod'
import { type ClientProfile, type MessageEdit, type SeenClient, isNamed } from '../edit/edit.ts'
import { BadRequest, Unauthenticated } from '../base/errors.ts'
import { parseBody, tryParseBody } from '../base/json.ts'
import { BEARER, createVerifier, type Verify } from '../signatures/verify.ts'
import { readWhatsApp } from '../text/whatsapp.ts'
import { exactId, integer, optionalId, optionalInteger, optionalNumericId, optionalText, readFields, renderText, requireTime } from './fields.ts'
import { defineMessenger, type WebhookContent } from './messenger.ts'
import { idSuffix, phoneOf, writeId } from './whatsapp-ids.ts'

const INCOMING = 'incomingMessageReceived'
const OUTGOING: readonly string[] = ['outgoingMessageReceived', 'outgoingAPIMessageReceived']

/** Shown instead of a file whose caption was removed: the edit does not tell its kind. */
const NO_CAPTION = '📎'

/** The chat of a group: of WhatsApp, or of MAX and Telegram. */
const GROUP = /@g\.us$|^-/

const INSTANCE_REMEDY = 'must be the number of the instance, such as 1101000001'

const sender = z.object({
  chatId: exactId,
  chatName: optionalText(1000),
  sender: optionalId,
  senderName: optionalText(1000),
  senderContactName: optionalText(1000),
  /** For MAX and Telegram, whose ids are not phone numbers. */
  senderPhoneNumber: optionalNumericId,
})

const instance = z.object({ instanceData: z.object({ idInstance: exactId }) })

/** The fields that tell the kind of a notification. */
const notification = instance.extend({
  typeWebhook: z.string(),
  messageData: z.object({ typeMessage: z.string().optional().catch(undefined) }).optional().catch(undefined),
})

const editedMessage = z.object({
  instanceData: z.object({ typeInstance: z.string().optional().catch(undefined) }),
  timestamp: integer,
  senderData: sender,
  messageData: z.object({
    editedMessageData: z.object({
      stanzaId: exactId,
      textMessage: z.string().nullish(),
      caption: z.string().nullish(),
    }),
  }),
})

/** The client's data in an event that is not an edit. */
const incomingMessage = z.object({ timestamp: optionalInteger, senderData: sender })

type Sender = z.output<typeof sender>

interface Settings { readonly instanceId: string, readonly idSuffix: z.output<typeof idSuffix> }

/** https://green-api.com/en/docs/api/receiving/: one instance, an account of WhatsApp, MAX ("v3") or Telegram. */
export const greenApi = defineMessenger({
  secret: {
    isGood: secret => /^[\x20-\x7e]{16,512}$/.test(secret) && secret.trim() === secret,
    remedy: 'must have 16 to 512 visible ASCII characters and equal the instance\'s webhookUrlToken; "openssl rand -hex 32" makes one',
  },
  keys: {
    instanceId: z.union([z.string().regex(/^\d{1,20}$/, INSTANCE_REMEDY), z.int(INSTANCE_REMEDY)], INSTANCE_REMEDY).transform(String).describe('the instance\'s idInstance'),
    idSuffix,
  },
  create: ({ secrets, settings }) => ({
    verify: createInstanceVerifier(secrets, settings.instanceId),
    parse: (request, nowMs) => readNotification(parseBody(request.body), settings, nowMs),
    unreadable: 'acknowledge',
    // Any status but 200 blocks all later notifications of the instance.
    reply: () => ({ status: 200, body: '' }),
  }),
})

/** The token follows "Bearer " unless it has a scheme of its own ("Basic …"). Several instances may share it, so the instance id is checked too. */
function createInstanceVerifier (secrets: readonly string[], instanceId: string): Verify {
  const bearer = createVerifier([BEARER], secrets)
  const verbatim = createVerifier([{ ...BEARER, prefix: '' }], secrets)
  return (request, nowMs) => {
    const isBearer = /^bearer /i.test(request.headers.authorization ?? '')
    if (isBearer) bearer(request, nowMs)
    else verbatim(request, nowMs)
    const named = readInstance(request.body)
    if (named !== null && named !== instanceId) throw new Unauthenticated('instanceData.idInstance is not the instanceId of this channel')
  }
}

/** Null if the body has no instance id; then `parse` reports the fault. */
function readInstance (body: Buffer): string | null {
  const { success, data } = instance.safeParse(tryParseBody(body))
  return success ? String(data.instanceData.idInstance) : null
}

function readNotification (body: unknown, settings: Settings, nowMs: number): WebhookContent {
  const { typeWebhook, messageData } = readFields(notification, body)
  const isIncoming = typeWebhook === INCOMING
  if (messageData?.typeMessage === 'editedMessage' && (isIncoming || OUTGOING.includes(typeWebhook))) {
    return { edits: [readEdit(body, isIncoming ? 'in' : 'out', settings, nowMs)], ignored: [], clients: [] }
  }
  return { edits: [], ignored: [{}], clients: isIncoming ? readClients(body, settings, nowMs) : [] }
}

function readEdit (body: unknown, direction: 'in' | 'out', settings: Settings, nowMs: number): MessageEdit {
  const { instanceData, timestamp, senderData, messageData: { editedMessageData: edited } } = readFields(editedMessage, body)
  const text = edited.textMessage || edited.caption || (edited.caption === undefined ? edited.textMessage : NO_CAPTION)
  if (typeof text !== 'string') throw new BadRequest('faulty: /messageData/editedMessageData/textMessage')
  const user = toProfile(senderData, settings)
  if (user === null) throw new BadRequest('faulty: /senderData/sender')
  return {
    direction,
    user,
    message: {
      // idMessage is the edit's own id; stanzaId is the message's.
      id: String(edited.stanzaId),
      text: renderText(instanceData.typeInstance === 'whatsapp' ? readWhatsApp(text) : { text, ranges: [] }),
      files: [],
    },
    chat: { id: writeId(String(senderData.chatId), settings.idSuffix), name: senderData.chatName },
    // Timestamps are whole seconds. Notifications come one at a time and in order, so the last one of a second is the newest.
    revision: { at: requireTime(timestamp * 1000, nowMs, '/timestamp'), tie: 0n },
  }
}

/** Skips what it cannot read: only edits must be readable. */
function readClients (body: unknown, settings: Settings, nowMs: number): SeenClient[] {
  const { success, data } = incomingMessage.safeParse(body)
  if (!success) return []
  const user = toProfile(data.senderData, settings)
  if (user === null || !isNamed(user)) return []
  const at = data.timestamp === undefined ? nowMs : data.timestamp * 1000
  return [{ user, chat: writeId(String(data.senderData.chatId), settings.idSuffix), revision: { at, tie: 0n } }]
}

/**
 * Prefers the name that the client chose, as Green-API's own connector for Bitrix24 does, to the one in the account's contacts. Null if
 * nothing tells who wrote in a group.
 */
function toProfile ({ chatId, sender, senderName, senderContactName, senderPhoneNumber }: Sender, settings: Settings): ClientProfile | null {
  // In a chat of two, the sender has the chat's id.
  const id = String(sender ?? chatId)
  if (sender === undefined && GROUP.test(id)) return null
  return {
    id: writeId(id, settings.idSuffix),
    name: senderName || senderContactName,
    phone: senderPhoneNumber === undefined ? phoneOf(id) : `+${senderPhoneNumber}`,
  }
}
