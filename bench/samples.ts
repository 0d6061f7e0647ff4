import { createHmac } from 'node:crypto'
import { postRequest } from './load.ts'

/*
 * One edit of each messenger, in its own format and with the text of the generic channel's webhooks, so only the messenger differs.
 */

const TEXT = 'Good afternoon, the delivery is wanted on Thursday, not on Friday'
const SECRET = 'bench0123456789abcdef0123456789a'
const HEX_SECRET = '0123456789abcdef0123456789abcdef'

export interface Sample {
  readonly name: string
  /** The channel's entry of CHANNELS_FILE; its id is the name. */
  readonly channel: Readonly<Record<string, unknown>>
  /** An edit; each `number` is another message. */
  readonly event: (number: number, nowS: number) => unknown
  readonly headers: (body: string, nowS: number) => Record<string, string>
}

const hmac = (algorithm: string, key: string, text: string): string => createHmac(algorithm, key).update(text).digest('hex')

const bearer = (): Record<string, string> => ({ authorization: `Bearer ${SECRET}` })

export const samples: readonly Sample[] = [
  {
    name: 'telegram',
    channel: { messenger: 'telegram', secrets: [SECRET] },
    event: (number, nowS) => ({
      update_id: number,
      edited_message: {
        message_id: number,
        from: { id: 5501, is_bot: false, first_name: 'Ivan', last_name: 'Petrov', username: 'ivan_petrov', language_code: 'en' },
        chat: { id: 5501, first_name: 'Ivan', last_name: 'Petrov', username: 'ivan_petrov', type: 'private' },
        date: nowS - 3600,
        edit_date: nowS,
        text: TEXT,
        entities: [{ type: 'bold', offset: 42, length: 8 }],
      },
    }),
    headers: () => ({ 'x-telegram-bot-api-secret-token': SECRET }),
  },
  {
    name: 'max',
    channel: { messenger: 'max', secrets: [SECRET] },
    event: (number, nowS) => ({
      update_type: 'message_edited',
      timestamp: nowS * 1000,
      message: {
        sender: { user_id: 40123456, first_name: 'Ivan', last_name: 'Petrov', name: 'Ivan Petrov', is_bot: false, last_activity_time: nowS * 1000 },
        recipient: { chat_id: 182182182, chat_type: 'dialog', user_id: 50999 },
        timestamp: (nowS - 3600) * 1000,
        body: { mid: `mid.${number.toString(16).padStart(32, '0')}`, seq: 117327994376978000 + number, text: TEXT, markup: [{ type: 'strong', from: 42, length: 8 }] },
      },
    }),
    headers: () => ({ 'x-max-bot-api-secret': SECRET }),
  },
  {
    name: 'vk',
    // Its events have no names. Look-ups at the API are not part of the acknowledgement.
    channel: { messenger: 'vk', secrets: [SECRET], groupId: 220011223, confirmation: 'a1b2c3d4', allowAnonymous: true },
    event: (number, nowS) => ({
      type: 'message_edit',
      group_id: 220011223,
      event_id: number.toString(16).padStart(40, '0'),
      v: '5.199',
      secret: SECRET,
      object: {
        id: 0,
        conversation_message_id: number,
        date: nowS - 3600,
        update_time: nowS,
        from_id: 40123456,
        peer_id: 40123456,
        out: 0,
        text: TEXT,
        attachments: [],
        fwd_messages: [],
        format_data: { version: '1', items: [{ type: 'bold', offset: 42, length: 8 }] },
      },
    }),
    headers: () => ({}),
  },
  {
    name: 'green-api',
    channel: { messenger: 'green-api', secrets: [SECRET], instanceId: 1101000001 },
    event: (number, nowS) => ({
      typeWebhook: 'incomingMessageReceived',
      instanceData: { idInstance: 1101000001, wid: '79260000042@c.us', typeInstance: 'whatsapp' },
      timestamp: nowS,
      idMessage: `3EB0${number}`,
      senderData: { chatId: '79161234567@c.us', chatName: 'Ivan', sender: '79161234567@c.us', senderName: 'Ivan', senderContactName: 'Ivan Petrov' },
      messageData: { typeMessage: 'editedMessage', editedMessageData: { textMessage: TEXT, stanzaId: `BAE5${number}` } },
    }),
    headers: bearer,
  },
  {
    name: 'wazzup',
    channel: { messenger: 'wazzup', secrets: [SECRET] },
    event: (number, nowS) => ({
      messages: [{
        messageId: `6a2087e8-e0f4-4999-b968-${number.toString(16).padStart(12, '0')}`,
        dateTime: new Date((nowS - 3600) * 1000).toISOString(),
        channelId: 'b96a353b-9999-4cac-8413-ba9999993f98',
        chatType: 'whatsapp',
        chatId: '79161234567',
        type: 'text',
        isEcho: false,
        contact: { name: 'Ivan Petrov', avatarUri: 'https://store.wazzup24.com/0e99' },
        text: TEXT,
        status: 'inbound',
        isEdited: true,
        oldInfo: { oldText: 'Good afternoon' },
      }],
    }),
    headers: bearer,
  },
  {
    name: 'meta',
    channel: { messenger: 'meta', secrets: [HEX_SECRET], verifyToken: SECRET },
    event: (number, nowS) => ({
      object: 'whatsapp_business_account',
      entry: [{
        id: '220033440055',
        changes: [{
          field: 'messages',
          value: {
            messaging_product: 'whatsapp',
            metadata: { display_phone_number: '15550001122', phone_number_id: '330044550066' },
            contacts: [{ profile: { name: 'Ivan Petrov' }, wa_id: '79161234567' }],
            messages: [{
              from: '79161234567', id: `wamid.EDIT${number}`, timestamp: String(nowS), type: 'edit', edit: { original_message_id: `wamid.${number}`, message: { type: 'text', text: { body: TEXT } } },
            }],
          },
        }],
      }],
    }),
    headers: body => ({ 'x-hub-signature-256': `sha256=${hmac('sha256', HEX_SECRET, body)}` }),
  },
  {
    name: 'waha',
    channel: { messenger: 'waha', secrets: [SECRET] },
    event: (number, nowS) => ({
      id: `evt_${number}`,
      timestamp: nowS * 1000,
      event: 'message.edited',
      session: 'default',
      me: { id: '79260000042@c.us', pushName: 'Shop' },
      payload: {
        id: `false_79161234567@c.us_E${number}`,
        timestamp: nowS,
        from: '79161234567@c.us',
        fromMe: false,
        to: '79260000042@c.us',
        participant: null,
        body: TEXT,
        hasMedia: false,
        ack: 2,
        ackName: 'DEVICE',
        editedMessageId: `A${number}`,
        _data: { Info: { PushName: 'Ivan Petrov' } },
      },
      engine: 'GOWS',
      environment: { version: '2026.7.1', engine: 'GOWS', tier: 'PLUS' },
    }),
    headers: body => ({ 'x-webhook-hmac': hmac('sha512', SECRET, body), 'x-webhook-hmac-algorithm': 'sha512' }),
  },
  {
    name: 'custom',
    channel: {
      messenger: 'custom',
      secrets: [SECRET],
      verify: { kind: 'hmac', header: 'x-signature', prefix: 'sha256=' },
      filter: 'kind = "edited"',
      map: '{ "user": { "id": author.id, "name": author.name }, "message": { "id": id, "date": sentAt, "edited_at": editedAt, "text": text }, "chat": { "id": room } }',
    },
    event: (number, nowS) => ({ kind: 'edited', id: number, author: { id: 42, name: 'Ivan Petrov' }, room: 'channel-123', sentAt: nowS - 3600, editedAt: nowS, text: TEXT }),
    headers: body => ({ 'x-signature': `sha256=${hmac('sha256', SECRET, body)}` }),
  },
]

/** Signed webhooks of a messenger, each with an edit of another message. */
export function prepareSamples ({ name, event, headers }: Sample, count: number, first: number): Buffer[] {
  const nowS = Math.floor(Date.now() / 1000)
  return Array.from({ length: count }, (_, index) => {
    const body = JSON.stringify(event(first + index, nowS))
    return postRequest(`/webhooks/${name}`, headers(body, nowS), body)
  })
}
