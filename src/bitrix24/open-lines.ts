import { z } from 'zod'
import type { OperatorAnswer, OperatorCalls } from './operator-calls.ts'

/** A chat of an open line, by what the connector has sent for it. */
export interface Dialog {
  /** The number in `chat123`. */
  readonly id: number
  readonly connector: string
  readonly line: number
  readonly chat: string
  /** The portal's own id of the client; 0 for a CHAT_GROUP connector. */
  readonly user: string
  /** The last session, if the portal tells. */
  readonly session: number | null
  /** The number of messages in all sessions, if the portal tells. */
  readonly messages: number | null
}

/** A message as the portal shows it. `text` is BB code, `legacyText` HTML. */
export interface ShownMessage {
  readonly id: string
  /** The ids with which the connector sent it. */
  readonly externalIds: readonly string[]
  readonly by: 'client' | 'operator' | 'system'
  readonly at: number | null
  readonly text: string
  readonly legacyText: string
  readonly isEdited: boolean
  readonly isDeleted: boolean
}

/** `hidden`: it does not exist, or our user may not see it; the portal does not say which. `failed`: it could not be asked, and `words` say why. */
export type Found<Value> =
  | { readonly kind: 'found', readonly value: Value }
  | { readonly kind: 'hidden' }
  | { readonly kind: 'failed', readonly words: string }

export type OpenLines = ReturnType<typeof createOpenLines>

/** PHP writes an empty map as a list. */
const valuesOf = <Value extends z.ZodType>(value: Value) => z.union([z.array(value), z.record(z.string(), value)]).transform(map => Object.values(map))

const id = z.union([z.string(), z.number()]).transform(String)

const dialogSchema = z.object({
  id: z.coerce.number(),
  entity_id: z.string(),
  entity_data_1: z.string().catch(''),
  message_count: z.coerce.number().optional().catch(undefined),
})

/** Its keys come in several cases, so they are compared in small letters. */
const historySchema = z.object({
  message: valuesOf(z.object({
    id,
    senderid: id,
    date: z.iso.datetime({ offset: true }).transform(date => Date.parse(date)).nullish().catch(null),
    text: z.string().catch(''),
    textlegacy: z.string().catch(''),
    params: z.object({
      connectormid: z.union([id.transform(one => [one]), valuesOf(id)]).catch([]),
      isedited: z.string().optional().catch(undefined),
      isdeleted: z.string().optional().catch(undefined),
    }).catch({ connectormid: [] }),
  })),
  users: valuesOf(z.object({ id, connector: z.boolean().catch(false) })).catch([]),
})

const UNREADABLE = { kind: 'failed', words: 'the relay cannot read the portal\'s answer: please report it' } as const

/** Reads the chats of open lines back from the portal. */
export function createOpenLines ({ call }: Pick<OperatorCalls, 'call'>) {
  return {
    /** By CHAT_ID, or by USER_CODE: `connector|line|chat|user` (https://apidocs.bitrix24.com/api-reference/imopenlines/openlines/sessions/imopenlines-dialog-get.html). */
    async dialog (name: { readonly CHAT_ID: number } | { readonly USER_CODE: string }): Promise<Found<Dialog>> {
      return read(await call('imopenlines.dialog.get', name), ['ACCESS_ERROR'], readDialog)
    },

    /** The messages of a dialog's last session, the newest first. Earlier sessions are found only by ids that the portal does not list. */
    async lastSession ({ id, session }: Pick<Dialog, 'id' | 'session'>): Promise<Found<readonly ShownMessage[]>> {
      const name = session === null ? { CHAT_ID: id } : { SESSION_ID: session }
      return read(await call('imopenlines.session.history.get', name), ['ACCESS_DENIED', 'INVALID_SESSION_ID'], readHistory)
    },
  }
}

function read<Value> (answer: OperatorAnswer, hiddenBy: readonly string[], readResult: (result: unknown) => Value | null): Found<Value> {
  if (answer.kind === 'refused') return hiddenBy.includes(answer.code.toUpperCase()) ? { kind: 'hidden' } : { kind: 'failed', words: answer.words }
  const value = readResult(answer.result)
  return value === null ? UNREADABLE : { kind: 'found', value }
}

/** The chat's id may contain the separator. The session is the sixth field of `entity_data_1`, as the documentation of session.history.get says. */
function readDialog (result: unknown): Dialog | null {
  const { data } = dialogSchema.safeParse(result)
  const [, connector, line, chat, user] = /^([^|]*)\|(\d+)\|(.*)\|(\d+)$/s.exec(data?.entity_id ?? '') ?? []
  if (data === undefined || connector === undefined || chat === undefined || user === undefined) return null
  const session = Number(data.entity_data_1.split('|')[5])
  return { id: data.id, connector, line: Number(line), chat, user, session: session > 0 ? session : null, messages: data.message_count ?? null }
}

function readHistory (result: unknown): readonly ShownMessage[] | null {
  const { data } = historySchema.safeParse(inSmallLetters(result))
  if (data === undefined) return null
  const clients = new Set(data.users.filter(({ connector }) => connector).map(user => user.id))
  return data.message.map(({ params, ...message }): ShownMessage => ({
    id: message.id,
    externalIds: params.connectormid,
    by: message.senderid === '0' ? 'system' : clients.has(message.senderid) ? 'client' : 'operator',
    at: message.date ?? null,
    text: message.text,
    legacyText: message.textlegacy,
    isEdited: params.isedited === 'Y',
    isDeleted: params.isdeleted === 'Y',
  })).sort((a, b) => Number(b.id) - Number(a.id))
}

function inSmallLetters (value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inSmallLetters)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key.toLowerCase(), inSmallLetters(inner)]))
}
