import { z } from 'zod'
import type { ClientProfile, MessageEdit, SeenClient } from '../../edit/edit.ts'
import { BadRequest } from '../../base/errors.ts'
import { readWhatsApp } from '../../text/whatsapp.ts'
import { readEach, exactId, optionalId, optionalInteger, optionalText, readFields, renderText, requireTime } from '../fields.ts'
import type { WebhookContent } from '../messenger.ts'
import type { Account } from './account.ts'

const entryOfAccount = z.object({ id: optionalId, changes: z.array(z.unknown()) })

const changeSchema = z.object({ field: z.string(), value: z.unknown().optional() })

/** A client who hides their phone number has a `user_id` that only this business knows. */
const contactSchema = z.object({
  profile: z.object({ name: optionalText(1000), username: optionalText(1000) }).optional().catch(undefined),
  wa_id: optionalId,
  user_id: optionalId,
})

type Contact = z.output<typeof contactSchema>

const valueSchema = z.object({
  metadata: z.object({ phone_number_id: optionalId }).optional().catch(undefined),
  contacts: z.array(contactSchema.nullable().catch(null)).optional().catch(undefined),
  messages: z.array(z.unknown()).nullish(),
  message_echoes: z.array(z.unknown()).nullish(),
})

const messageSchema = z.object({
  from: optionalId,
  from_user_id: optionalId,
  to: optionalId,
  to_user_id: optionalId,
  /** The group, of the Groups API. In a group, `from` is the member. */
  group_id: optionalId,
  /** Unix seconds, which Meta writes as a string. */
  timestamp: optionalInteger,
  type: z.string().optional().catch(undefined),
  edit: z.unknown().optional(),
  /** What a message of the type `unsupported` is. */
  unsupported: z.object({ type: z.string() }).optional().catch(undefined),
})

type Message = z.output<typeof messageSchema>

/** The kinds of messages that can be edited, each kind of file with a sign. */
const SIGNS: ReadonlyMap<string, string> = new Map([['text', ''], ['image', '📷'], ['video', '🎬'], ['document', '📎']])

const text = z.object({ body: z.string() })

/** https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks: the URLs of media open only with the app's token. */
const media = z.object({ caption: z.string().nullish(), filename: optionalText(1000) }).nullish()

const editSchema = z.object({
  edit: z.object({
    original_message_id: exactId,
    message: z.looseObject({ type: z.string().optional().catch(undefined) }),
  }),
})

type Edited = z.output<typeof editSchema>['edit']['message']

/** The changes of one WhatsApp Business Account: messages of clients, and echoes of messages that the operator wrote on the phone. */
export function readChanges (entry: unknown, account: Account, nowMs: number): WebhookContent {
  const { id, changes } = readFields(entryOfAccount, entry, '/entry')
  return readEach(changes, change => readChange(change, String(id), account, nowMs))
}

function readChange (change: unknown, businessAccount: string, account: Account, nowMs: number): WebhookContent {
  const { field, value } = readFields(changeSchema, change, '/changes')
  if (field !== 'messages' && field !== 'smb_message_echoes') return { edits: [], ignored: [{}], clients: [] }
  const { metadata, contacts = [], messages, message_echoes: echoes } = readFields(valueSchema, value, '/value')
  // A change without messages reports deliveries or reads.
  const items = (field === 'messages' ? messages : echoes) ?? []
  if (items.length === 0 || !account.isServed(businessAccount, String(metadata?.phone_number_id))) return { edits: [], ignored: [{}], clients: [] }
  return readEach(items, item => field === 'messages' ? readMessage(item, contacts, nowMs) : readEcho(item, nowMs))
}

function readMessage (item: unknown, contacts: readonly (Contact | null)[], nowMs: number): Partial<WebhookContent> {
  const message = readFields(messageSchema, item, '/message')
  const client = toProfile([message.from, message.from_user_id], contacts)
  if (isEdit(message)) return { edits: [readEdit(item, message, client, 'in', nowMs)] }
  const clients: SeenClient[] = client === null ? [] : [{ user: client, chat: chatOf(message, client), revision: { at: message.timestamp === undefined ? nowMs : message.timestamp * 1000, tie: 0n } }]
  // Where Meta does not support edits, it sends this type instead, as for other unsupported messages. Newer webhooks say what it was.
  const isLost = message.type === 'unsupported' && (message.unsupported?.type ?? 'edit') === 'edit'
  const ignored = isLost ? { reason: 'unreadable' as const, detail: 'Meta sent no content: the type is unsupported' } : {}
  return { clients, ignored: [ignored] }
}

function readEcho (item: unknown, nowMs: number): Partial<WebhookContent> {
  const message = readFields(messageSchema, item, '/message')
  if (!isEdit(message)) return { ignored: [{}] }
  return { edits: [readEdit(item, message, toProfile([message.to, message.to_user_id, message.group_id], []), 'out', nowMs)] }
}

function isEdit ({ type, edit }: Message): boolean {
  return type === 'edit' || (type === undefined && edit !== undefined)
}

function readEdit (item: unknown, message: Message, client: ClientProfile | null, direction: 'in' | 'out', nowMs: number): MessageEdit {
  const { edit } = readFields(editSchema, item, '/message')
  if (client === null) throw new BadRequest(`faulty: /message/${direction === 'in' ? 'from' : 'to'}`)
  if (message.timestamp === undefined) throw new BadRequest('faulty: /message/timestamp')
  return {
    direction,
    user: client,
    message: { id: String(edit.original_message_id), text: readText(edit.message), files: [] },
    chat: { id: chatOf(message, client) },
    revision: { at: requireTime(message.timestamp * 1000, nowMs, '/message/timestamp'), tie: 0n },
  }
}

function chatOf ({ group_id: group }: Message, client: ClientProfile): string {
  return group === undefined ? client.id : String(group)
}

/** A file without a caption becomes a sign; otherwise the old caption would stay. */
function readText (message: Edited): string {
  const kind = message.type ?? [...SIGNS.keys()].find(kind => message[kind] !== undefined) ?? ''
  const sign = SIGNS.get(kind)
  if (sign === undefined) throw new BadRequest('faulty: /message/edit/message/type')
  const pointer = `/message/edit/message/${kind}`
  if (kind === 'text') return renderText(readWhatsApp(readFields(text, message.text, pointer).body))
  const { caption, filename = '' } = readFields(media, message[kind], pointer) ?? {}
  if (typeof caption === 'string' && caption !== '') return renderText(readWhatsApp(caption))
  return renderText({ text: `${sign} ${filename}`.trim(), ranges: [] })
}

/** The client of one message, by their first id; null if there is none. A single contact is always the message's client. */
function toProfile (ids: readonly (z.output<typeof exactId> | undefined)[], contacts: readonly (Contact | null)[]): ClientProfile | null {
  const known = ids.filter(id => id !== undefined).map(String)
  const [id] = known
  if (id === undefined) return null
  const isTheirs = (contact: Contact | null) => [contact?.wa_id, contact?.user_id].some(own => own !== undefined && known.includes(String(own)))
  const profile = (contacts.find(isTheirs) ?? (contacts.length === 1 ? contacts[0] : null))?.profile
  return { id, name: profile?.name ?? profile?.username, phone: /^\d{5,20}$/.test(id) ? `+${id}` : undefined }
}
