import { z } from 'zod'
import { type ClientProfile, type MessageEdit, type SeenClient, isNamed } from '../edit/edit.ts'
import { BadRequest, Unauthenticated } from '../base/errors.ts'
import { parseJsonOnce } from '../base/json.ts'
import { BEARER, createVerifier, type Verify } from '../signatures/verify.ts'
import { readWhatsApp } from '../text/whatsapp.ts'
import { exactId, exactInteger, optionalText, readFields, renderText, requireTime } from './fields.ts'
import { defineMessenger, type WebhookContent } from './messenger.ts'
import { idSuffix, phoneOf, writeId } from './whatsapp-ids.ts'

const INCOMING = 'incomingMessageReceived'
const OUTGOING: readonly string[] = ['outgoingMessageReceived', 'outgoingAPIMessageReceived']

const INSTANCE_REMEDY = 'must be the number of the instance, such as 1101000001'

const sender = z.object({
  chatId: exactId,
  chatName: optionalText(1000),
  sender: exactId,
  senderName: optionalText(1000),
  senderContactName: optionalText(1000),
  /** MAX and Telegram, whose ids are no telephone numbers. */
  senderPhoneNumber: exactInteger.optional().catch(undefined),
})

const instance = z.object({ instanceData: z.object({ idInstance: exactId }) })

/** Any notification; what it is about is asked for once its kind is known. */
const notification = instance.extend({
  typeWebhook: z.string(),
  messageData: z.object({ typeMessage: z.string().optional().catch(undefined) }).optional().catch(undefined),
})

const editedMessage = z.object({
  instanceData: z.object({ typeInstance: z.string().optional().catch(undefined) }),
  timestamp: z.int(),
  senderData: sender,
  messageData: z.object({
    editedMessageData: z.object({
      stanzaId: exactId,
      textMessage: z.string().nullish(),
      caption: z.string().nullish(),
    }),
  }),
})

/** An event that is no edit, as far as it tells who the client is. */
const incomingMessage = z.object({ timestamp: z.int().optional().catch(undefined), senderData: sender })

type Sender = z.output<typeof sender>

interface Settings { readonly instanceId: string, readonly idSuffix: z.output<typeof idSuffix> }

/** https://green-api.com/en/docs/api/receiving/: one instance, which is an account of WhatsApp, MAX ("v3") or Telegram. */
export const greenApi = defineMessenger({
  secret: {
    isGood: secret => /^[\x20-\x7e]{16,512}$/.test(secret) && secret.trim() === secret,
    remedy: 'must have 16 to 512 visible ASCII characters and equal the instance\'s webhookUrlToken; "openssl rand -hex 32" makes one',
  },
  keys: {
    instanceId: z.union([z.string().regex(/^\d{1,20}$/, INSTANCE_REMEDY), z.int(INSTANCE_REMEDY)], INSTANCE_REMEDY).transform(String),
    idSuffix,
  },
  create: ({ secrets, settings }) => ({
    verify: createInstanceVerifier(secrets.map(secret => Buffer.from(secret)), settings.instanceId),
    parse: (request, nowMs) => readNotification(parseJsonOnce(request.body), settings, nowMs),
    unreadable: 'acknowledge',
    // Anything but 200 holds up all later notifications of the instance.
    reply: () => ({ status: 200, body: '' }),
  }),
})

/** The token comes after "Bearer ", or as it is when it names a scheme itself ("Basic …"). It may be that of several instances, hence the second look. */
function createInstanceVerifier (keys: readonly Buffer[], instanceId: string): Verify {
  const bearer = createVerifier([BEARER], keys)
  const verbatim = createVerifier([{ ...BEARER, prefix: '' }], keys)
  return (request, nowMs) => {
    const isBearer = /^bearer /i.test(request.headers.authorization ?? '')
    const verify = isBearer ? bearer : verbatim
    verify(request, nowMs)
    const named = readInstance(request.body)
    if (named !== null && named !== instanceId) throw new Unauthenticated('instanceData.idInstance is not the instanceId of this channel')
  }
}

/** Null when the body names none: it is authentic, and `parse` says what is wrong with it. */
function readInstance (body: Buffer): string | null {
  try {
    return String(instance.parse(parseJsonOnce(body)).instanceData.idInstance)
  } catch (error) {
    if (error instanceof BadRequest || error instanceof z.ZodError) return null
    throw error
  }
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
  const text = edited.textMessage || (edited.caption ?? edited.textMessage)
  if (typeof text !== 'string') throw new BadRequest('faulty: /messageData/editedMessageData/textMessage')
  return {
    direction,
    user: readClient(senderData, settings),
    message: {
      // idMessage is the id of the edit; the message is named by stanzaId.
      id: String(edited.stanzaId),
      text: renderText(instanceData.typeInstance === 'whatsapp' ? readWhatsApp(text) : { text, ranges: [] }),
      files: [],
    },
    chat: { id: writeId(String(senderData.chatId), settings.idSuffix), name: senderData.chatName },
    // The clock has a resolution of a second. Notifications come one at a time, in order, so that the last one at the same second is the newest.
    revision: { at: requireTime(timestamp * 1000, nowMs, '/timestamp'), tie: 0n },
  }
}

/** Such an event is not the relay's to judge, so what cannot be read is passed over. */
function readClients (body: unknown, settings: Settings, nowMs: number): SeenClient[] {
  const { success, data } = incomingMessage.safeParse(body)
  if (!success) return []
  const user = readClient(data.senderData, settings)
  if (!isNamed(user)) return []
  const at = data.timestamp === undefined ? nowMs : data.timestamp * 1000
  return [{ user, chat: writeId(String(data.senderData.chatId), settings.idSuffix), revision: { at, tie: 0n } }]
}

/** The name that the client chose, as Green-API's own connector for Bitrix24 sends it, else the one in the account's contacts. */
function readClient ({ sender, senderName, senderContactName, senderPhoneNumber }: Sender, settings: Settings): ClientProfile {
  const id = String(sender)
  return {
    id: writeId(id, settings.idSuffix),
    name: senderName || senderContactName,
    phone: senderPhoneNumber === undefined ? phoneOf(id) : `+${senderPhoneNumber}`,
  }
}
