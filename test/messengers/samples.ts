import { z } from 'zod'
import type { MessengerModule, WebhookContent } from '../../src/messengers/messenger.ts'
import { messengers } from '../../src/messengers/registry.ts'
import { fixture } from './fixture.ts'
import {
  anna, anonymousEdited, businessEdited, channelPostEdited, edited, forwardEdited, photo, richMessage, supergroup,
} from './fixtures/telegram/updates.ts'

/** A webhook with edits, and what its reader takes from which field. `*` in a pattern stands for any index. */
export interface Sample {
  readonly payload: unknown
  readonly parse: (body: Buffer) => WebhookContent
  /** Without these there is no such edit. */
  readonly needed: readonly string[]
  /** What else an edit has from a field: names of its values. */
  readonly gives: Readonly<Record<string, readonly string[]>>
  /** Ranges of styles, which are read only as numbers. */
  readonly styles?: readonly string[]
}

const NOW = Date.UTC(2026, 10, 22, 10, 30)

/** Several samples of one messenger, each with what it needs besides. */
function of (name: keyof typeof messengers, settings: object, common: Omit<Sample, 'payload' | 'parse'>, payloads: Readonly<Record<string, readonly [payload: unknown, ...needed: string[]]>>): Record<string, Sample> {
  const module: MessengerModule = messengers[name]
  const messenger = module.create({ secrets: ['s'.repeat(32)], settings: z.object(module.keys).parse(settings) })
  const parse = (body: Buffer) => messenger.parse({ method: 'POST', query: '', headers: {}, body }, NOW) as WebhookContent
  return Object.fromEntries(Object.entries(payloads).map(([what, [payload, ...needed]]) => [`${name}, ${what}`, { ...common, payload: JSON.parse(JSON.stringify(payload)) as unknown, parse, needed: [...common.needed, ...needed] }]))
}

const read = (path: string): unknown => JSON.parse(fixture(path).toString())

const USER = ['user.name', 'user.lastName', 'user.url']

/** What each kind of update of the Bot API gives besides. */
function telegram (kind: string): Sample['gives'] {
  return {
    update_id: ['revision.tie'],
    [`${kind}.date`]: ['message.date'],
    [`${kind}.from.first_name`]: USER,
    [`${kind}.from.last_name`]: USER,
    [`${kind}.from.username`]: USER,
    [`${kind}.sender_chat.title`]: USER,
    [`${kind}.sender_chat.username`]: USER,
    [`${kind}.chat.title`]: ['chat.name', 'chat.url'],
    [`${kind}.chat.username`]: ['chat.url'],
    [`${kind}.entities`]: ['message.text'],
    [`${kind}.caption_entities`]: ['message.text'],
    [`${kind}.photo`]: [],
    [`${kind}.rich_message.blocks`]: ['message.text'],
  }
}

const message = (kind: string, ...fields: string[]) => ['message_id', 'edit_date', 'chat.id', ...fields].map(field => `${kind}.${field}`)

const bold = [{ type: 'bold', offset: 4, length: 5, url: null }]

const EDITED = { needed: message('edited_message', 'from.id'), gives: telegram('edited_message'), styles: ['edited_message.entities', 'edited_message.caption_entities', 'edited_message.rich_message'] }

const IN_PAGE = 'entry.*.messaging.*'
const VALUE = 'entry.*.changes.*.value'

export const samples: Readonly<Record<string, Sample>> = {
  ...of('telegram', {}, EDITED, {
    'a text': [edited({ text: 'Two kilos', entities: bold as never }), 'edited_message.text'],
    'a caption': [edited({ text: undefined, photo, caption: 'Two kilos', caption_entities: bold as never }), 'edited_message.caption'],
    'a file without a caption': [edited({ text: undefined, caption: null as never, photo }), 'edited_message.photo'],
    'a rich message': [edited({ text: undefined, rich_message: richMessage }), 'edited_message.rich_message'],
    'a topic': [edited({ chat: supergroup, message_thread_id: 31, is_topic_message: true }), 'edited_message.text'],
    'a channel\'s direct messages': [edited({ direct_messages_topic: { topic_id: 5501, user: anna }, chat: supergroup }), 'edited_message.text'],
  }),
  ...of('telegram', {}, { ...EDITED, needed: message('edited_message') }, {
    'an anonymous administrator': [anonymousEdited(), 'edited_message.text', 'edited_message.from.id'],
    'a linked channel': [forwardEdited(), 'edited_message.text', 'edited_message.from.id', 'edited_message.is_automatic_forward'],
  }),
  ...of('telegram', {}, { needed: message('edited_business_message', 'from.id', 'text'), gives: telegram('edited_business_message') }, {
    'a business account': [businessEdited()],
  }),
  ...of('telegram', {}, { needed: message('edited_channel_post', 'text'), gives: telegram('edited_channel_post') }, {
    'a channel post': [channelPostEdited()],
  }),

  ...of('max', {}, {
    needed: ['update_type', 'timestamp', 'message.recipient.chat_id', 'message.body.mid'],
    gives: {
      'message.timestamp': ['message.date'],
      'message.body.seq': ['revision.tie'],
      'message.body.markup': ['message.text'],
      'message.body.attachments': ['message.files', 'message.text'],
      'message.sender.first_name': ['user.name'],
      'message.sender.last_name': ['user.lastName'],
      'message.sender.avatar_url': ['user.pictureUrl'],
      'message.sender.full_avatar_url': ['user.pictureUrl'],
    },
    styles: ['message.body.markup'],
  }, {
    'a text': [read('max/message_edited'), 'message.body.text', 'message.sender.user_id'],
    'markup of all kinds': [read('max/message_edited.link-without-url'), 'message.body.text', 'message.sender.user_id'],
    files: [read('max/message_edited.files'), 'message.body.attachments', 'message.sender.user_id'],
    'a channel': [read('max/message_edited.channel'), 'message.body.text'],
  }),

  ...of('vk', { groupId: 220011223, confirmation: 'c0ffee42' }, {
    needed: ['type', 'group_id', 'object.from_id', 'object.peer_id', 'object.conversation_message_id'],
    gives: {
      'object.date': ['message.date'],
      'object.update_time': ['revision.at'],
      'object.version': ['revision.tie'],
      'object.format_data': ['message.text'],
      'object.attachments': ['message.files', 'message.text'],
    },
    styles: ['object.format_data', 'object.attachments.*.photo.sizes'],
  }, {
    'a text': [read('vk/message_edit'), 'object.text'],
    files: [read('vk/message_edit.files'), 'object.text'],
    'the community\'s own': [read('vk/message_edit.own'), 'object.text'],
  }),

  ...of('waha', {}, {
    needed: ['event', 'payload.from', 'payload.editedMessageId', 'payload.body'],
    gives: { timestamp: ['revision.tie'], 'payload.timestamp': ['revision.at'], 'payload._data': ['user.name'] },
  }, {
    'a text': [read('waha/edited')],
    'a caption in a group': [read('waha/group-edited'), 'payload.participant'],
    'our own': [read('waha/own-edited'), 'payload.to'],
  }),

  ...of('wazzup', {}, {
    needed: ['messages.*.messageId', 'messages.*.chatId', 'messages.*.text', 'messages.*.isEdited'],
    gives: {
      'messages.*.dateTime': ['message.date'],
      'messages.*.chatType': ['message.text', 'replaces', 'user.phone', 'user.url'],
      'messages.*.contact': ['user.name', 'user.pictureUrl', 'user.phone', 'user.url'],
      'messages.*.contentUri': ['message.files', 'message.text', 'replaces'],
      'messages.*.oldInfo': ['replaces'],
    },
  }, {
    'a text': [read('wazzup/edited')],
    'a file without a text': [read('wazzup/file-edited')],
    'a batch': [read('wazzup/batch'), 'messages.3.isEcho'],
  }),

  ...of('green-api', { instanceId: 1101700042 }, {
    needed: ['typeWebhook', 'instanceData.idInstance', 'timestamp', 'senderData.chatId', 'messageData.typeMessage', 'messageData.editedMessageData.stanzaId'],
    gives: {
      'instanceData.typeInstance': ['message.text'],
      'senderData.chatName': ['chat.name'],
      'senderData.senderName': ['user.name'],
      'senderData.senderContactName': ['user.name'],
      'senderData.senderPhoneNumber': ['user.phone'],
      'senderData.sender': ['user.id', 'user.phone'],
    },
  }, {
    'a text': [read('green-api/whatsapp-edited'), 'messageData.editedMessageData.textMessage'],
    'a caption in a group': [read('green-api/whatsapp-group-edited'), 'messageData.editedMessageData.caption', 'senderData.sender'],
    MAX: [read('green-api/max-edited'), 'messageData.editedMessageData.textMessage'],
    Telegram: [read('green-api/telegram-edited'), 'messageData.editedMessageData.textMessage'],
    'the account\'s own': [read('green-api/outgoing-edited'), 'messageData.editedMessageData.textMessage'],
  }),

  ...of('meta', { verifyToken: 'verify-token-of-the-tests' }, {
    needed: ['object', `${IN_PAGE}.sender.id`, `${IN_PAGE}.message_edit.mid`, `${IN_PAGE}.message_edit.text`],
    gives: { [`${IN_PAGE}.timestamp`]: ['revision.at'], [`${IN_PAGE}.message_edit.num_edit`]: ['revision.tie'] },
  }, {
    Messenger: [read('meta/message_edit')],
  }),
  ...of('meta', { verifyToken: 'verify-token-of-the-tests' }, {
    needed: ['object', 'entry.*.changes.*.field'],
    gives: { [`${VALUE}.contacts`]: ['user.name'] },
  }, {
    'a text on WhatsApp': [read('meta/whatsapp-edit'), ...whatsApp('messages', 'from', 'edit.message.text.body')],
    'a caption on WhatsApp': [read('meta/whatsapp-edit.caption'), ...whatsApp('messages', 'from', 'edit.message.image.caption')],
    'an echo on WhatsApp': [read('meta/whatsapp-echo-edit'), ...whatsApp('message_echoes', 'to', 'edit.message.text.body')],
    'a batch of WhatsApp': [read('meta/whatsapp-batch'), ...whatsApp('messages', 'from_user_id', 'edit.message.text.body')],
  }),
}

function whatsApp (list: string, ...fields: string[]): string[] {
  return ['timestamp', 'edit.original_message_id', ...fields].map(field => `${VALUE}.${list}.*.${field}`)
}
