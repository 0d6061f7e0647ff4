import { z } from 'zod'
import { type ClientProfile, type MessageEdit, type SeenClient, isNamed } from '../edit/edit.ts'
import { BadRequest } from '../base/errors.ts'
import { parseBody } from '../base/json.ts'
import { type HmacScheme, createVerifier } from '../signatures/verify.ts'
import { isBlankForPortal } from '../text/blank.ts'
import { readWhatsApp } from '../text/whatsapp.ts'
import { isStorable, optionalText, readFields, renderText, requireTime } from './fields.ts'
import { defineMessenger, type WebhookContent } from './messenger.ts'
import { idSuffix, phoneOf, writeId } from './whatsapp-ids.ts'

/** The timestamp header is not signed, so it is not checked. */
const SCHEME: HmacScheme = { kind: 'hmac', header: 'x-webhook-hmac', prefix: '', algorithm: 'sha512', encoding: 'hex', content: '{body}' }

const id = z.string().min(1).max(1000).refine(isStorable)

const event = z.object({
  event: z.string(),
  session: z.string().optional().catch(undefined),
  /** Milliseconds; older versions send none. */
  timestamp: z.int().optional().catch(undefined),
  payload: z.unknown(),
})

const message = z.object({
  /** The chat, except in our own messages. */
  from: id,
  to: id.nullish().catch(undefined),
  /** The sender in a group. */
  participant: id.nullish(),
  fromMe: z.boolean(),
  timestamp: z.number().optional().catch(undefined),
  /** The engine's own message. WAHA gives no name; its engines (WEBJS, NOWEB, GOWS) each have it in another field. */
  _data: z.object({
    notifyName: optionalText(1000),
    pushName: optionalText(1000),
    Info: z.object({ PushName: optionalText(1000) }).optional().catch(undefined),
  }).optional().catch(undefined),
})

const editedMessage = message.extend({
  id,
  editedMessageId: id,
  body: z.string(),
  hasMedia: z.boolean().optional().catch(undefined),
  media: z.object({ mimetype: optionalText(100) }).optional().catch(undefined),
})

/** Shown instead of a file without a caption: its URL is on the WAHA server and needs that server's API key. */
const SIGNS: readonly [type: RegExp, sign: string][] = [[/^image\//, '📷'], [/^video\//, '🎬'], [/^audio\//, '🎵'], [/^/, '📎']]

type Event = z.output<typeof event>

type Message = z.output<typeof message>

type EditedMessage = z.output<typeof editedMessage>

interface Settings {
  readonly session?: string | undefined
  readonly messageIds: 'full' | 'bare'
  readonly idSuffix: z.output<typeof idSuffix>
}

/** https://waha.devlike.pro/docs/how-to/events/: a self-hosted WhatsApp gateway. */
export const waha = defineMessenger({
  secret: {
    isGood: secret => /^[\x21-\x7e]{16,512}$/.test(secret),
    remedy: 'must have 16 to 512 visible ASCII characters and equal the webhook\'s hmac.key; "openssl rand -hex 32" makes one',
  },
  keys: {
    session: z.string('must be the name of a session').min(1, 'must be the name of a session').max(100, 'must have at most 100 characters').optional(),
    messageIds: z.enum(['full', 'bare'], 'must be full or bare').default('full'),
    idSuffix,
  },
  create: ({ secrets, settings }) => ({
    verify: createVerifier([SCHEME], secrets),
    parse: (request, nowMs) => readEvent(readFields(event, parseBody(request.body)), settings, nowMs),
    unreadable: 'acknowledge',
    reply: () => ({ status: 200, body: '' }),
  }),
})

/** A server may send the events of several accounts' sessions to one address. */
function readEvent (event: Event, settings: Settings, nowMs: number): WebhookContent {
  const isOther = settings.session !== undefined && event.session !== settings.session
  if (event.event === 'message.edited' && !isOther) return { edits: [readEdit(event, settings, nowMs)], ignored: [], clients: [] }
  return { edits: [], ignored: [{}], clients: isOther ? [] : readClients(event, settings, nowMs) }
}

function readEdit (event: Event, settings: Settings, nowMs: number): MessageEdit {
  const edited = readFields(editedMessage, event.payload, '/payload')
  return {
    direction: edited.fromMe ? 'out' : 'in',
    user: toProfile(edited, settings),
    message: {
      id: settings.messageIds === 'full' ? fullId(edited) : bareId(edited.editedMessageId),
      text: readText(edited),
      files: [],
    },
    chat: { id: readChat(edited, settings) },
    revision: readRevision(event, edited, nowMs),
  }
}

function readText ({ body, hasMedia, media }: EditedMessage): string {
  if (hasMedia === true && isBlankForPortal(body)) return SIGNS.find(([type]) => type.test(media?.mimetype ?? ''))?.[1] ?? ''
  return renderText(readWhatsApp(body))
}

/**
 * WhatsApp's time of the edit in seconds, then WAHA's time of the event: after downtime WAHA may report an old edit again. Some engines
 * give the original's time for all edits of a message; then the event's time decides.
 */
function readRevision ({ timestamp }: Event, edited: Message, nowMs: number): MessageEdit['revision'] {
  const at = edited.timestamp === undefined ? timestamp : Math.round(edited.timestamp * 1000)
  if (at === undefined) throw new BadRequest('faulty: /timestamp')
  return { at: requireTime(at, nowMs, '/payload/timestamp'), tie: BigInt(timestamp ?? 0) }
}

const FULL_ID = /^(?:true|false)_[^_]+_([^_]+)(?:_[^_]+)?$/

/**
 * The message's id in the event of the original: false_79991112233@c.us_AAA, in a group followed by _79994445566@c.us. The edit's own id has
 * the same form; editedMessageId is only the third part.
 */
function fullId ({ id, editedMessageId }: EditedMessage): string {
  if (FULL_ID.test(editedMessageId)) return editedMessageId
  if (!FULL_ID.test(id)) throw new BadRequest('faulty: /payload/id')
  const [fromMe, chat, , ...participant] = id.split('_')
  return [fromMe, chat, editedMessageId, ...participant].join('_')
}

function bareId (editedMessageId: string): string {
  return FULL_ID.exec(editedMessageId)?.[1] ?? editedMessageId
}

/** Skips what it cannot read: only edits must be readable. */
function readClients ({ timestamp, payload }: Event, settings: Settings, nowMs: number): SeenClient[] {
  const { success, data } = message.safeParse(payload)
  if (!success || data.fromMe) return []
  const user = toProfile(data, settings)
  if (!isNamed(user)) return []
  const at = data.timestamp === undefined ? timestamp ?? nowMs : data.timestamp * 1000
  return [{ user, chat: readChat(data, settings), revision: { at, tie: 0n } }]
}

function toProfile ({ participant, from, _data: data }: Message, settings: Settings): ClientProfile {
  const id = participant ?? from
  return {
    id: writeId(id, settings.idSuffix),
    name: data?.notifyName || data?.pushName || data?.Info?.PushName,
    phone: phoneOf(id),
  }
}

function readChat ({ from, to, fromMe }: Message, settings: Settings): string {
  return writeId(fromMe ? to ?? from : from, settings.idSuffix)
}
