import t from 'tap'
import { BadRequest } from '../../../src/base/errors.ts'
import type { FindAuthor, WebhookContent } from '../../../src/messengers/messenger.ts'
import { fixture, type Changes } from '../fixture.ts'
import { example, read } from './channel.ts'

interface Case {
  /** These tell that it is an edit: without them it may be ignored. */
  readonly announce: readonly string[]
  /** Without these the edit is unreadable, or another one; never ignored. */
  readonly needed: readonly string[]
  /** What the edit has only from these fields, and can do without. */
  readonly gives: Readonly<Record<string, 'name' | 'email' | 'phone' | 'date' | 'chatName' | 'revision'>>
  /** Fields that other payloads have. */
  readonly absent: readonly string[]
}

const CASES: Readonly<Record<string, Case>> = {
  'slack/edited': {
    announce: ['event', 'event.subtype', 'event.message', 'event.message.edited'],
    needed: ['event.channel', 'event.message.user', 'event.message.text', 'event.message.ts', 'event.message.edited.ts'],
    gives: { 'event.message.user_profile': 'name', 'event.message.user_profile.real_name': 'name' },
    absent: ['event.message.bot_id', 'event.message.subtype', 'event.message.files', 'event.message.blocks'],
  },
  'rocket-chat/edited': {
    announce: ['isEdited'],
    needed: ['message_id', 'channel_id', 'user_id', 'text'],
    gives: { user_name: 'name', channel_name: 'chatName', timestamp: 'date' },
    absent: ['tmid', 'alias', 'bot.i'],
  },
  'chatwoot/edited': {
    announce: ['event', 'message_type'],
    needed: ['id', 'content', 'sender', 'sender.id', 'conversation', 'conversation.id'],
    gives: { 'sender.name': 'name', 'sender.email': 'email', 'sender.phone_number': 'phone', created_at: 'date', 'conversation.updated_at': 'revision' },
    absent: ['content_attributes.deleted', 'conversation.contact_inbox'],
  },
  'evolution/edited': {
    announce: ['event', 'data', 'data.type'],
    needed: ['data.key', 'data.key.remoteJid', 'data.key.participant', 'data.key.id', 'data.editedMessage', 'data.editedMessage.conversation', 'data.timestampMs'],
    gives: {},
    absent: ['data.editedMessage.extendedTextMessage', 'data.editedMessage.imageMessage', 'data.editedMessage.documentWithCaptionMessage', 'data.editedMessage.messageContextInfo'],
  },
  'evolution/edited.direct': {
    announce: ['event', 'data', 'data.type'],
    needed: ['data.key', 'data.key.id', 'data.editedMessage', 'data.editedMessage.extendedTextMessage', 'data.editedMessage.extendedTextMessage.text', 'data.timestampMs'],
    gives: {},
    absent: ['data.key.participant', 'data.key.remoteJidAlt', 'data.editedMessage.conversation', 'data.editedMessage.ephemeralMessage'],
  },
  'evolution/edited.document': {
    announce: ['event', 'data', 'data.type'],
    needed: [
      'data.key', 'data.key.remoteJid', 'data.key.participant', 'data.key.id', 'data.timestampMs', 'data.editedMessage', 'data.editedMessage.documentWithCaptionMessage',
      'data.editedMessage.documentWithCaptionMessage.message', 'data.editedMessage.documentWithCaptionMessage.message.documentMessage',
      'data.editedMessage.documentWithCaptionMessage.message.documentMessage.caption',
    ],
    gives: {},
    absent: ['data.editedMessage.conversation', 'data.editedMessage.documentMessage'],
  },
}

const findAuthor: FindAuthor = async message => message === '3EB0C431C26A1916E07B' ? { user: '15550101@s.whatsapp.net', chat: '15550101@s.whatsapp.net' } : null

/** Null if it is unreadable. */
async function tryRead (name: string, changes: Changes = {}): Promise<WebhookContent | null> {
  try {
    return await read(example(name.split('/')[0] ?? ''), fixture(`custom/${name}`, changes), findAuthor)
  } catch (error) {
    if (error instanceof BadRequest) return null
    throw error
  }
}

/** The paths of all fields in a payload. */
function pathsIn (value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return path === '' ? [] : [path]
  return [...path === '' ? [] : [path], ...Object.entries(value).flatMap(([key, item]) => pathsIn(item, path === '' ? key : `${path}.${key}`))]
}

function valueOf (payload: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], payload)
}

const typeOf = (value: unknown): string => Array.isArray(value) ? 'list' : value === null ? 'null' : typeof value

/** Nothing, null, and a value of each other type. */
function othersThan (value: unknown): unknown[] {
  return [undefined, null, ...['x', 5, -0.5, true, [], ['x'], {}, { x: 1 }].filter(other => typeOf(other) !== typeOf(value))]
}

/** Without what only this field gives. */
function without (content: WebhookContent | null, part: Case['gives'][string] | undefined): unknown {
  const edit = content?.edits[0]
  if (edit === undefined || part === undefined) return content
  const { user, message, chat, revision } = edit
  switch (part) {
    case 'chatName': return { ...edit, chat: { ...chat, name: undefined } }
    case 'date': return { ...edit, message: { ...message, date: undefined } }
    case 'revision': return { ...edit, revision: { ...revision, at: 0 } }
    default: return { ...edit, user: { ...user, [part]: undefined } }
  }
}

for (const [name, { announce, needed, gives, absent }] of Object.entries(CASES)) {
  t.test(`${name}: a field costs only itself`, async t => {
    const payload: unknown = JSON.parse(fixture(`custom/${name}`).toString())
    const whole = await tryRead(name)
    t.equal(whole?.edits.length, 1)
    for (const path of [...announce, ...needed, ...Object.keys(gives)]) t.not(valueOf(payload, path), undefined, `${path} is in the fixture`)

    for (const path of pathsIn(payload).filter(path => !announce.includes(path))) {
      for (const other of othersThan(valueOf(payload, path))) {
        const content = await tryRead(name, { [path]: other })
        const what = `${path}: ${JSON.stringify(other)}`
        if (needed.includes(path)) t.ok(content === null || content.edits.length === 1 || (name === 'chatwoot/edited' && other === null), `${what} is not ignored`)
        else t.strictSame(without(content, gives[path]), without(whole, gives[path]), what)
      }
    }
    for (const path of absent.filter(path => valueOf(payload, path.split('.').slice(0, -1).join('.')) !== false)) {
      t.strictSame(await tryRead(name, { [path]: null }), whole, `${path}: null`)
    }
  })
}

/** Events that name a client: what they cannot do without, and what gives only a part of the client. */
const CLIENTS: Readonly<Record<string, { readonly needed: readonly string[], readonly gives: Readonly<Record<string, 'name' | 'email' | 'revision'>> }>> = {
  'slack/user-change': {
    needed: ['event', 'event.type', 'event.user', 'event.user.id', 'event.user.profile'],
    gives: { 'event.user.profile.real_name': 'name', 'event.user.profile.email': 'email', event_time: 'revision' },
  },
  'evolution/new-message': {
    needed: ['event', 'data', 'data.key', 'data.key.remoteJid', 'data.key.participant'],
    gives: { 'data.pushName': 'name', 'data.messageTimestamp': 'revision' },
  },
}

for (const [name, { needed, gives }] of Object.entries(CLIENTS)) {
  t.test(`${name}: a field costs only itself`, async t => {
    const payload: unknown = JSON.parse(fixture(`custom/${name}`).toString())
    const shown = async (changes: Changes, part?: string): Promise<unknown> => {
      const content = await tryRead(name, changes)
      const clients = content?.clients.map(({ user, revision, ...client }) => ({ ...client, user: { ...user, [part ?? '']: undefined }, revision: part === 'revision' ? null : revision }))
      return { ...content, clients }
    }
    t.match(await shown({}), { edits: [], clients: [{}] })
    for (const path of pathsIn(payload).filter(path => !needed.includes(path))) {
      for (const other of othersThan(valueOf(payload, path))) {
        t.strictSame(await shown({ [path]: other }, gives[path]), await shown({}, gives[path]), `${path}: ${JSON.stringify(other)}`)
      }
    }
  })
}
