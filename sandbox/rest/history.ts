import type { Dialog, PortalMessage } from '../portal/dialogs.ts'
import { fromEntries, type PhpMap, type PhpValue } from '../portal/php.ts'
import { phrases } from '../portal/phrases.ts'
import type { PortalUser } from '../portal/users.ts'
import { toPortalTime } from './application.ts'

/** A chat as `imopenlines.dialog.get` shows it: the fields that this portal has. */
export function describeDialog (dialog: Dialog): PhpMap {
  return {
    id: dialog.id,
    parent_chat_id: 0,
    parent_message_id: 0,
    name: dialog.name,
    description: null,
    owner: 0,
    extranet: false,
    avatar: '',
    color: '#58cc47',
    type: 'lines',
    message_count: dialog.messages.length,
    last_message_id: dialog.messages.at(-1)?.id ?? 0,
    entity_type: 'LINES',
    entity_id: dialog.code,
    entity_data_1: sessionData(dialog),
    entity_data_2: '',
    entity_data_3: 'N',
    mute_list: [],
    date_create: createdAt(dialog),
    message_type: 'L',
    public: '',
    entity_link: { type: 'LINES', url: '', id: dialog.code },
    manager_list: [],
    dialog_id: `chat${dialog.id}`,
  }
}

/** `imopenlines.session.history.get`: the newest message first where there is an order, and keys without underscores, some of them in small letters. */
export function describeSession (dialog: Dialog, sessionId: number): PhpMap {
  const messages = dialog.messages.filter(message => message.sessionId === sessionId).reverse()
  const users = [...new Set(messages.map(({ user }) => user))]
  return {
    chatId: dialog.id,
    canJoin: 'Y',
    canVoteHead: 'Y',
    sessionId,
    sessionVoteHead: 0,
    sessionCommentHead: null,
    userId: `chat${dialog.id}`,
    message: fromEntries(messages.map(message => [String(message.id), describeMessage(message)] as const)),
    usersMessage: { [`chat${dialog.id}`]: messages.map(({ id }) => String(id)) },
    users: fromEntries(users.map(user => [String(user.id), describeUser(user)] as const)),
    openlines: { canvoteashead: { [dialog.line]: true } },
    userInGroup: [],
    woUserInGroup: [],
    chat: { [dialog.id]: describeChat(dialog) },
    userBlockChat: { [dialog.id]: fromEntries(users.map(({ id }) => [String(id), false] as const)) },
    userInChat: { [dialog.id]: users.map(({ id }) => id) },
    files: [],
  }
}

function describeMessage (message: PortalMessage): PhpValue {
  const text = message.deleted ? phrases.deletedMessage : message.text
  const params: Array<[string, PhpValue]> = []
  if (message.externalId !== '') params.push(['connectorMid', [message.externalId]])
  if (message.edited) params.push(['isEdited', 'Y'])
  if (message.deleted) params.push(['isDeleted', 'Y'])
  return {
    id: String(message.id),
    chatid: String(message.dialog.id),
    senderid: String(message.user.id),
    recipientid: `chat${message.dialog.id}`,
    date: toPortalTime(message.createdAtMs),
    text,
    textlegacy: toLegacy(text),
    params: fromEntries(params),
  }
}

const characters: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#039;' }

/** HTML for the tags that both forms have. */
function toLegacy (text: string): string {
  return text
    .replace(/[&<>"']/g, character => characters[character] ?? character)
    .replace(/\[([bius])\](.*?)\[\/\1\]/gis, '<$1>$2</$1>')
    .replaceAll('\n', '<br />')
}

function describeUser ({ id, name, lastName, gender, picture }: PortalUser): PhpValue {
  return {
    id: String(id),
    name: `${name} ${lastName}`.trim(),
    active: true,
    firstName: name,
    lastName,
    workPosition: null,
    avatar: picture,
    gender: gender || 'M',
    extranet: true,
    bot: false,
    connector: true,
    profile: `/company/personal/user/${id}/`,
    externalAuthId: 'imconnector',
    departments: [],
    type: 'user',
  }
}

function describeChat (dialog: Dialog): PhpValue {
  return {
    id: String(dialog.id),
    name: dialog.name,
    owner: '0',
    extranet: false,
    entityType: 'LINES',
    entityId: dialog.code,
    entityData1: sessionData(dialog),
    entityData2: '',
    entityData3: 'N',
    messageCount: dialog.messages.length,
    public: '',
    dateCreate: createdAt(dialog),
    type: 'lines',
    messageType: 'L',
  }
}

/** The sixth field is the last session, the seventh the time the chat was opened. */
function sessionData (dialog: Dialog): string {
  return `N|NONE|0|N|N|${dialog.sessionId}|${Math.floor((dialog.messages[0]?.createdAtMs ?? 0) / 1000)}|0|0|0`
}

function createdAt ({ messages }: Dialog): string {
  return toPortalTime(messages[0]?.createdAtMs ?? 0)
}
