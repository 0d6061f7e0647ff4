import { z } from 'zod'
import type { Chat, ClientProfile, EditedMessage, PortalEdit } from '../edit/edit.ts'
import type { Lane } from '../outbox/outbox.ts'

export const UPDATE_MESSAGES = 'imconnector.update.messages'

interface OutgoingEdit {
  readonly edit: PortalEdit
  /** After a time-out: the portal downloads files during the call but shows none on an update. */
  readonly omitFiles: boolean
}

/**
 * The parameters of `imconnector.update.messages` for edits of one lane. The order of fields is fixed and absent fields stay absent: Bitrix24 rewrites
 * the client's profile, with its avatar, whenever the serialised user block differs from the last one.
 */
export function toWire (lane: Lane, edits: readonly OutgoingEdit[]) {
  return {
    CONNECTOR: lane.connector,
    LINE: lane.line,
    MESSAGES: edits.map(({ edit, omitFiles }) => ({
      user: wireUser(edit.user),
      message: wireMessage(edit.message, omitFiles),
      chat: wireChat(edit.chat),
    })),
  }
}

/** The portal reads `gender`; the older documentation calls it `sex`. */
function wireUser (user: ClientProfile) {
  return withoutAbsent({
    id: user.id,
    last_name: user.lastName,
    name: user.name,
    picture: user.pictureUrl === undefined ? undefined : { url: user.pictureUrl },
    url: user.url,
    gender: user.gender,
    sex: user.gender,
    email: user.email,
    phone: user.phone,
  })
}

function wireMessage (message: EditedMessage, omitFiles: boolean) {
  const files = omitFiles ? [] : message.files.map(file => withoutAbsent({ url: file.url, name: file.name }))
  return withoutAbsent({
    id: message.id,
    date: message.date === undefined ? undefined : Math.floor(message.date / 1000),
    text: message.text,
    files: files.length === 0 ? undefined : files,
  })
}

function wireChat (chat: Chat) {
  return withoutAbsent({ id: chat.id, name: chat.name, url: chat.url })
}

function withoutAbsent (fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

/** `unknownUser`: the portal created a user for this edit, so it did not know the client or the message. `portalUser`: the portal's own id of the client. */
export type ItemOutcome =
  | { readonly kind: 'delivered', readonly unknownUser: boolean, readonly portalUser: string | undefined }
  | { readonly kind: 'rejected', readonly words: string }

/** An existing user comes back as a string and a newly created one as an integer (CUser::Add). */
const deliveredSchema = z.object({ SUCCESS: z.literal(true), user: z.unknown() })
  .transform(({ user }): ItemOutcome => ({ kind: 'delivered', unknownUser: Number.isInteger(user), portalUser: /^\d{1,20}$/.test(String(user)) ? String(user) : undefined }))

const rejectedSchema = z.object({ SUCCESS: z.literal(false), ERRORS: z.array(z.string()).catch([]) })
  .transform((item): ItemOutcome => ({ kind: 'rejected', words: item.ERRORS.join('; ').replace(/[\p{Cc}\s]+/gu, ' ').trim().slice(0, 500) }))

const itemSchema = z.union([deliveredSchema, rejectedSchema])

/** A PHP list that was filled out of order is written as an object, with the request's positions as its keys. */
const itemsSchema = z.union([
  z.array(itemSchema),
  z.record(z.string().regex(/^(0|[1-9]\d*)$/), itemSchema)
    .refine(items => Object.keys(items).every(key => Number(key) < Object.keys(items).length))
    .transform(items => Object.keys(items).sort((a, b) => Number(a) - Number(b)).map(key => items[key])
      .filter(item => item !== undefined)),
])

const resultSchema = z.object({ SUCCESS: z.literal(true), DATA: z.object({ RESULT: itemsSchema }) })

/**
 * One outcome for each of the `count` edits of the call, in their order; `unreadable` for any other answer.
 */
export function readAnswer (result: unknown, count: number): ItemOutcome[] | 'unreadable' {
  const parsed = resultSchema.safeParse(result)
  if (!parsed.success || parsed.data.DATA.RESULT.length !== count) return 'unreadable'
  return parsed.data.DATA.RESULT
}
