import { z } from 'zod'
import type { ClientProfile, MessageEdit, SeenClient } from '../../edit/edit.ts'
import { BadRequest } from '../../base/errors.ts'
import { readWhatsApp } from '../../text/whatsapp.ts'
import { readEach, exactId, isPlausibleTime, optionalText, readFields, renderText, requireTime } from '../fields.ts'
import type { WebhookContent } from '../messenger.ts'
import type { Account } from './account.ts'

const entryOfAccount = z.object({ id: exactId, changes: z.array(z.unknown()) })

const changeSchema = z.object({ field: z.string(), value: z.unknown().optional() })

/** A client who hides their phone number has a `user_id` that only this business knows. */
const contactSchema = z.object({
  profile: z.object({ name: optionalText(1000), username: optionalText(1000) }).optional().catch(undefined),
  wa_id: exactId.optional().catch(undefined),
  user_id: exactId.optional().catch(undefined),
})

type Contact = z.output<typeof contactSchema>

const valueSchema = z.object({
  metadata: z.object({ phone_number_id: exactId }).optional().catch(undefined),
  contacts: z.array(contactSchema.nullable().catch(null)).optional().catch(undefined),
  messages: z.array(z.unknown()).optional(),
  message_echoes: z.array(z.unknown()).optional(),
})

/** Unix seconds, which Meta writes as a string. */
const seconds = z.union([z.int(), z.string().regex(/^\d{1,12}$/)])

const messageSchema = z.object({
  from: exactId.optional(),
  from_user_id: exactId.optional(),
  to: exactId.optional(),
  to_user_id: exactId.optional(),
  timestamp: seconds,
  type: z.string(),
})

const media = z.object({ caption: z.string().optional(), filename: optionalText(1000) })

/** https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks: the URLs of media open only with the app's token. */
const editSchema = z.object({
  edit: z.object({
    original_message_id: exactId,
    message: z.discriminatedUnion('type', [
      z.object({ type: z.literal('text'), text: z.object({ body: z.string() }) }),
      z.object({ type: z.literal('image'), image: media }),
      z.object({ type: z.literal('video'), video: media }),
      z.object({ type: z.literal('document'), document: media }),
    ]),
  }),
})

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
  const at = Number(message.timestamp) * 1000
  const client = toProfile([message.from, message.from_user_id], contacts)
  if (message.type === 'edit') return { edits: [readEdit(item, client, 'in', at, nowMs)] }
  const clients: SeenClient[] = client === null || !isPlausibleTime(at, nowMs) ? [] : [{ user: client, chat: client.id, revision: { at, tie: 0n } }]
  // Where Meta does not support edits, it sends this type instead, as for other unsupported messages.
  const ignored = message.type === 'unsupported' ? { reason: 'unreadable' as const, detail: 'Meta sent no content: the type is unsupported' } : {}
  return { clients, ignored: [ignored] }
}

function readEcho (item: unknown, nowMs: number): Partial<WebhookContent> {
  const message = readFields(messageSchema, item, '/message')
  if (message.type !== 'edit') return { ignored: [{}] }
  return { edits: [readEdit(item, toProfile([message.to, message.to_user_id], []), 'out', Number(message.timestamp) * 1000, nowMs)] }
}

function readEdit (item: unknown, client: ClientProfile | null, direction: 'in' | 'out', at: number, nowMs: number): MessageEdit {
  const { edit } = readFields(editSchema, item, '/message')
  if (client === null) throw new BadRequest(`faulty: /message/${direction === 'in' ? 'from' : 'to'}`)
  return {
    direction,
    user: client,
    message: { id: String(edit.original_message_id), text: readText(edit.message), files: [] },
    chat: { id: client.id },
    revision: { at: requireTime(at, nowMs, '/message/timestamp'), tie: 0n },
  }
}

/** A file without a caption becomes a sign; otherwise the old caption would stay. */
function readText (message: z.output<typeof editSchema>['edit']['message']): string {
  if (message.type === 'text') return renderText(readWhatsApp(message.text.body))
  const [sign, { caption = '', filename = '' }] = message.type === 'image' ? ['📷', message.image] : message.type === 'video' ? ['🎬', message.video] : ['📎', message.document]
  return caption === '' ? renderText({ text: `${sign} ${filename}`.trim(), ranges: [] }) : renderText(readWhatsApp(caption))
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
