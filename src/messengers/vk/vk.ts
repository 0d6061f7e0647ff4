import { z } from 'zod'
import type { FileLink, MessageEdit } from '../../edit/edit.ts'
import { BadRequest, Unauthenticated } from '../../base/errors.ts'
import { parseBody, tryParseBody } from '../../base/json.ts'
import { type FieldScheme, createVerifier } from '../../signatures/verify.ts'
import { readVkText } from './text.ts'
import { counter, exactInteger, numericId, optionalInteger, optionalNumericId, optionalText, optionalTime, optionalUrl, readFields, renderText, requireTime } from '../fields.ts'
import { API_KEYS } from '../profile-lookup.ts'
import { defineMessenger, type WebhookContent } from '../messenger.ts'
import { createVkLookUp } from './users.ts'

const SCHEME: FieldScheme = { kind: 'field', path: ['secret'] }

/** A confirmation has three short fields; a longer body is an event. */
const MAX_CONFIRMATION_BYTES = 1024

const MAX_FILES = 20

/** Shown instead of an attachment without a URL if the message has nothing else. */
const SIGNS: ReadonlyMap<string, string> = new Map([['photo', '📷'], ['video', '🎬'], ['audio', '🎵'], ['audio_message', '🎵'], ['doc', '📎'], ['graffiti', '📷']])

const attachment = z.object({
  type: z.string().catch(''),
  photo: z.object({ sizes: z.array(z.object({ url: optionalUrl, width: z.number().catch(0), height: z.number().catch(0) }).nullable().catch(null)) }).optional().catch(undefined),
  doc: z.object({ url: optionalUrl, title: optionalText(1000) }).optional().catch(undefined),
  audio_message: z.object({ link_mp3: optionalUrl, link_ogg: optionalUrl }).optional().catch(undefined),
  graffiti: z.object({ url: optionalUrl }).optional().catch(undefined),
}).nullable().catch(null)

type Attachment = z.output<typeof attachment>

const event = z.object({ type: z.string(), group_id: numericId, object: z.unknown().optional() })

const confirmation = z.object({ type: z.literal('confirmation'), group_id: exactInteger })

const editedMessage = z.object({
  id: optionalNumericId,
  conversation_message_id: optionalNumericId,
  date: optionalInteger,
  update_time: optionalInteger,
  // Counts the changes of a message; the documentation does not list it.
  version: counter,
  from_id: numericId,
  peer_id: numericId,
  out: optionalInteger,
  admin_author_id: optionalInteger,
  text: z.string().nullish(),
  format_data: z.unknown().optional(),
  attachments: z.array(attachment).optional().catch(undefined),
})

type EditedMessage = z.output<typeof editedMessage>

const GROUP_REMEDY = 'must be the number of the community'

/** https://dev.vk.com/api/callback/getting-started: one server of one community. */
export const vk = defineMessenger({
  secret: {
    isGood: secret => /^[\x21-\x7e]{16,50}$/.test(secret),
    remedy: 'must have 16 to 50 visible ASCII characters, and equal the secret key of the server in the community\'s settings; "openssl rand -hex 16" makes one',
  },
  keys: {
    groupId: z.union([z.int(GROUP_REMEDY).min(1, GROUP_REMEDY), z.string().regex(/^[1-9]\d{0,18}$/, GROUP_REMEDY)], GROUP_REMEDY).describe('the number of the community'),
    confirmation: z.string().regex(/^[A-Za-z0-9]{1,64}$/, 'must be the string that the community\'s settings ask the server to return').describe('the string that VK expects when it asks whether the address is ours'),
    messageId: z.enum(['conversation_message_id', 'id'], 'must be conversation_message_id or id, whichever the original connector used').default('conversation_message_id').describe('which of VK\'s two ids the original connector sends'),
    ...API_KEYS,
  },
  create: ({ secrets, settings }) => {
    const groupId = String(settings.groupId)
    const verifySecret = createVerifier([SCHEME], secrets)
    return {
      hasSecretInBody: true,
      greet: ({ method, body }) => method === 'POST' && isConfirmation(body, groupId) ? { status: 200, body: settings.confirmation } : null,
      verify (request, nowMs) {
        verifySecret(request, nowMs)
        if (groupOf(request.body) !== groupId) throw new Unauthenticated('the event is of another community than the channel\'s')
      },
      parse: (request, nowMs) => readEvent(parseBody(request.body), settings, nowMs),
      // VK disables a server that does not answer ok.
      unreadable: 'acknowledge',
      reply: () => ({ status: 200, body: 'ok' }),
    }
  },
  profiles: ({ settings }) => settings.apiToken === undefined ? null : createVkLookUp(settings.apiToken, settings.apiUrl),
})

interface Settings { readonly messageId: 'conversation_message_id' | 'id', readonly apiToken?: string | undefined }

/** Whether VK asks for the community's confirmation string. It asks before the secret exists; the answer is not secret. */
function isConfirmation (body: Buffer, groupId: string): boolean {
  if (body.length > MAX_CONFIRMATION_BYTES || !body.includes('"confirmation"')) return false
  const { success, data } = confirmation.safeParse(tryParseBody(body))
  return success && String(data.group_id) === groupId
}

function groupOf (body: Buffer): string | null {
  const { success, data } = event.safeParse(parseBody(body))
  return success ? String(data.group_id) : null
}

function readEvent (body: unknown, settings: Settings, nowMs: number): WebhookContent {
  const { type, object } = readFields(event, body)
  // No event of VK contains a client's name.
  if (type !== 'message_edit') return { edits: [], ignored: [{}], clients: [] }
  return { edits: [readEdit(readFields(editedMessage, object, '/object'), settings, nowMs)], ignored: [], clients: [] }
}

function readEdit (message: EditedMessage, { messageId, apiToken }: Settings, nowMs: number): MessageEdit {
  const { date, update_time: updatedAt = date, from_id: sender, peer_id: peer } = message
  const id = message[messageId]
  // `id` is 0 in group chats.
  if (id === undefined || BigInt(id) <= 0n) throw new BadRequest(`faulty: /object/${messageId}`)
  if (updatedAt === undefined) throw new BadRequest('faulty: /object/update_time')
  const isOwn = BigInt(sender) < 0n || message.out === 1 || (message.admin_author_id ?? 0) > 0
  const user = String(isOwn ? peer : sender)
  const files = readFiles(message)
  return {
    direction: isOwn ? 'out' : 'in',
    user: { id: user, url: `https://vk.com/id${user}`, ...(apiToken === undefined ? {} : { lookUpId: user }) },
    message: { id: String(id), date: optionalTime((date ?? 0) * 1000, nowMs), text: readText(message, files), files },
    chat: { id: String(peer) },
    revision: { at: requireTime(updatedAt * 1000, nowMs, '/object/update_time'), tie: message.version },
  }
}

/** With an attachment, a text that is null or missing counts as taken away. */
function readText ({ text, format_data: format, attachments = [] }: EditedMessage, files: readonly FileLink[]): string {
  if (text !== undefined && text !== null && text !== '') return renderText(readVkText(text, format))
  if (files.length > 0) return ''
  const sign = attachments.map(attachment => SIGNS.get(attachment?.type ?? '')).find(sign => sign !== undefined)
  if (sign === undefined && typeof text !== 'string') throw new BadRequest('faulty: /object/text')
  return sign ?? ''
}

/**
 * Signed links to VK's storage, which open without a token until they expire; a video has none. Left out if there is a text: the portal
 * would download them for nothing, and VK signs them again each time, so no edit would ever equal the previous one.
 */
function readFiles ({ text, attachments = [] }: EditedMessage): FileLink[] {
  if (typeof text === 'string' && text !== '') return []
  return attachments.flatMap((attachment): FileLink[] => {
    const { photo, doc, audio_message: voice, graffiti } = attachment ?? {}
    const url = largest(photo) ?? doc?.url ?? voice?.link_mp3 ?? voice?.link_ogg ?? graffiti?.url
    if (url === undefined) return []
    return [doc?.title === undefined ? { url } : { url, name: doc.title }]
  }).slice(0, MAX_FILES)
}

function largest (photo: NonNullable<Attachment>['photo']): string | undefined {
  const sizes = (photo?.sizes ?? []).filter(size => size !== null && size.url !== undefined).map(size => size as { url: string, width: number, height: number })
  return sizes.sort((a, b) => b.width * b.height - a.width * a.height)[0]?.url
}
