import { z } from 'zod'
import { type ClientProfile, type MessageEdit, type SeenClient, isNamed } from '../edit/edit.ts'
import { BadRequest } from '../base/errors.ts'
import { parseBody, valueAt } from '../base/json.ts'
import { type HmacScheme, createVerifier } from '../signatures/verify.ts'
import { isBlankForPortal } from '../text/blank.ts'
import { readWhatsApp } from '../text/whatsapp.ts'
import { exactId, integer, isStorable, optionalId, optionalInteger, optionalText, readFields, renderText, requireTime } from './fields.ts'
import { defineMessenger, type WebhookContent } from './messenger.ts'
import { idSuffix, phoneOf, writeId } from './whatsapp-ids.ts'

/** The timestamp header is not signed, so it is not checked. */
const SCHEME: HmacScheme = { kind: 'hmac', header: 'x-webhook-hmac', prefix: '', algorithm: 'sha512', encoding: 'hex', content: '{body}' }

/** An account or a chat. The engine ZAPO gives WhatsApp's own form in new messages, and WAHA's form in edits. */
const account = exactId.transform(id => String(id).replace(/@s\.whatsapp\.net$/, '@c.us'))

const optionalAccount = account.optional().catch(undefined)

const messageId = z.string().min(1).max(1000).refine(isStorable)

const event = z.object({
  event: z.string(),
  session: optionalId,
  /** Milliseconds; older versions send none. */
  timestamp: optionalInteger,
  engine: optionalText(100),
  payload: z.unknown().optional(),
})

const message = z.object({
  /** WAHA's form (false_79991112233@c.us_AAA, in a group followed by _79994445566@c.us) or, from the engine ZAPO, the bare AAA. */
  id: messageId.optional().catch(undefined),
  /** The chat, except in our own messages. */
  from: account,
  to: optionalAccount,
  /** The sender in a group. */
  participant: optionalAccount,
  fromMe: z.boolean().optional().catch(undefined),
  /** Seconds, with a fraction from some engines. */
  timestamp: z.union([z.number(), integer]).optional().catch(undefined),
  /** The engine's own message. */
  _data: z.unknown().optional(),
})

const editedMessage = message.extend({
  editedMessageId: messageId,
  body: z.string().nullish(),
  hasMedia: z.boolean().optional().catch(undefined),
  media: z.object({ mimetype: optionalText(100) }).optional().catch(undefined),
})

/** Where the engines' own messages have the client's name, which WAHA does not give: WEBJS, NOWEB, GOWS; in edits also WEBJS, WPP (two versions). */
const NAMES = [['notifyName'], ['pushName'], ['Info', 'PushName'], ['message', '_data', 'notifyName'], ['2', 'notifyName'], ['msg', 'notifyName']]

const name = optionalText(1000)

/** Shown instead of a file without a caption: its URL is on the WAHA server and needs that server's API key. */
const SIGNS: readonly [type: RegExp, sign: string][] = [[/^image\//, '📷'], [/^video\//, '🎬'], [/^audio\//, '🎵'], [/^/, '📎']]

type Event = z.output<typeof event>

type Message = z.output<typeof message>

type EditedMessage = z.output<typeof editedMessage>

interface Settings {
  readonly session?: string | undefined
  readonly messageIds: 'auto' | 'full' | 'bare'
  readonly idSuffix: z.output<typeof idSuffix>
}

/** https://waha.devlike.pro/docs/how-to/events/: a self-hosted WhatsApp gateway. */
export const waha = defineMessenger({
  secret: {
    isGood: secret => /^[\x21-\x7e]{16,512}$/.test(secret),
    remedy: 'must have 16 to 512 visible ASCII characters and equal the webhook\'s hmac.key; "openssl rand -hex 32" makes one',
  },
  keys: {
    session: z.string('must be the name of a session').min(1, 'must be the name of a session').max(100, 'must have at most 100 characters').optional().describe('the WAHA session whose events this channel takes; all if absent'),
    messageIds: z.enum(['auto', 'full', 'bare'], 'must be auto, full or bare').default('auto').describe('the form in which the original connector writes the ids of messages'),
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
  const isOther = settings.session !== undefined && String(event.session) !== settings.session
  if (event.event === 'message.edited' && !isOther) return { edits: [readEdit(event, settings, nowMs)], ignored: [], clients: [] }
  return { edits: [], ignored: [{}], clients: isOther ? [] : readClients(event, settings, nowMs) }
}

function readEdit (event: Event, settings: Settings, nowMs: number): MessageEdit {
  const edited = readFields(editedMessage, event.payload, '/payload')
  return {
    direction: isOwn(edited) ? 'out' : 'in',
    user: toProfile(edited, settings),
    message: {
      id: readMessageId(edited, settings.messageIds),
      text: readText(edited),
      files: [],
    },
    chat: { id: writeId(chatOf(edited), settings.idSuffix) },
    revision: readRevision(event, edited, nowMs),
  }
}

/** A file without a caption comes with an empty body, with null, or without a body, by the engine. */
function readText ({ body, hasMedia, media }: EditedMessage): string {
  const isFile = hasMedia ?? media !== undefined
  if (isFile && isBlankForPortal(body ?? '')) return SIGNS.find(([type]) => type.test(media?.mimetype ?? ''))?.[1] ?? ''
  if (body === null || body === undefined) throw new BadRequest('faulty: /payload/body')
  return renderText(readWhatsApp(body))
}

/**
 * WhatsApp's time of the edit in seconds, then WAHA's time of the event: after downtime WAHA may report an old edit again. Some engines
 * give the original's time for all edits of a message; then the event's time decides.
 */
function readRevision ({ timestamp }: Event, edited: EditedMessage, nowMs: number): MessageEdit['revision'] {
  const at = edited.timestamp === undefined ? timestamp : Math.round(edited.timestamp * 1000)
  if (at === undefined) throw new BadRequest('faulty: /timestamp')
  return { at: requireTime(at, nowMs, '/payload/timestamp'), tie: BigInt(timestamp ?? 0) }
}

const FULL_ID = /^(?:true|false)_[^_]+_([^_]+)(?:_[^_]+)?$/

/**
 * The message's id in the event of the original. `editedMessageId` is the bare one in all engines; the edit's own id has the form of the
 * original's.
 */
function readMessageId (edited: EditedMessage, form: Settings['messageIds']): string {
  const { id, editedMessageId, participant } = edited
  const bare = FULL_ID.exec(editedMessageId)?.[1] ?? editedMessageId
  if (form === 'bare' || (form === 'auto' && id !== undefined && !id.includes('_'))) return bare
  if (bare !== editedMessageId) return editedMessageId
  if (id === undefined || !FULL_ID.test(id)) return [isOwn(edited), chatOf(edited), bare, ...participant === undefined ? [] : [participant]].join('_')
  const [fromMe, chat, , ...sender] = id.split('_')
  return [fromMe, chat, bare, ...sender].join('_')
}

/** Skips what it cannot read: only edits must be readable. */
function readClients ({ timestamp, engine, payload }: Event, settings: Settings, nowMs: number): SeenClient[] {
  const { success, data } = message.safeParse(payload)
  if (!success || isOwn(data)) return []
  const seen = toProfile(data, settings)
  // ZAPO tells nobody a name, so the connector can know the client only by the number.
  const user = seen.name === undefined && engine === 'ZAPO' ? { ...seen, name: seen.phone } : seen
  if (!isNamed(user)) return []
  const at = data.timestamp === undefined ? timestamp ?? nowMs : data.timestamp * 1000
  return [{ user, chat: writeId(chatOf(data), settings.idSuffix), revision: { at, tie: 0n } }]
}

function toProfile ({ participant, from, _data: data }: Message, settings: Settings): ClientProfile {
  const id = participant ?? from
  const names = NAMES.map(path => name.parse(valueAt(data, path)))
  return { id: writeId(id, settings.idSuffix), name: names.find(each => each !== undefined && each !== ''), phone: phoneOf(id) }
}

function isOwn ({ fromMe, id }: Message): boolean {
  return fromMe ?? id?.startsWith('true_') === true
}

function chatOf (message: Message): string {
  return isOwn(message) ? message.to ?? message.from : message.from
}
