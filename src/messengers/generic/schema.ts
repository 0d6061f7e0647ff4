import { z } from 'zod'
import { TEXT_FORMATS } from '../../text/format.ts'
import { isStorable } from '../fields.ts'

/*
 * These schemas only validate; edit.ts converts. Every webhook passes here, and zod takes three times as long if a schema transforms.
 */

const MAX_ID_CHARACTERS = 1000
const INT64_MAX = 2n ** 63n - 1n

const STORABLE = 'must not contain U+0000 or half of a surrogate pair'

const string = (max: number) => z.string('must be a string').max(max, `must have at most ${max} characters`).refine(isStorable, STORABLE)

function isHttpUrl (value: string): boolean {
  return /^https?:\/\//i.test(value) && URL.canParse(value)
}

const fileUrl = string(4096).refine(isHttpUrl, 'must be an http or https URL')

/** May be empty: the profile must equal the original message's. */
const profileUrl = string(4096).refine(value => value === '' || isHttpUrl(value), 'must be an http or https URL')

const ID_REMEDY = `must be a string of 1 to ${MAX_ID_CHARACTERS} characters or an integer up to 2^53 - 1; send a larger number as a string`

export const genericId = z.union([
  z.string().min(1, ID_REMEDY).refine(value => value.length <= MAX_ID_CHARACTERS || [...value].length <= MAX_ID_CHARACTERS, ID_REMEDY)
    .refine(isStorable, STORABLE).meta({ maxLength: MAX_ID_CHARACTERS }),
  z.int(ID_REMEDY),
], ID_REMEDY)

const TIME_REMEDY = 'must be Unix seconds, Unix milliseconds, or ISO 8601 with a time zone'

const time = z.union([
  z.number(TIME_REMEDY),
  z.iso.datetime({ offset: true, error: TIME_REMEDY }).max(64, TIME_REMEDY),
], TIME_REMEDY)

const INT64 = /^-?\d{1,19}$/
const REVISION_REMEDY = 'must be a 64-bit integer; send one above 2^53 - 1 as a string'

const revision = z.union([
  z.int(REVISION_REMEDY),
  z.string(REVISION_REMEDY).refine(isInt64, REVISION_REMEDY).meta({ pattern: INT64.source }),
], REVISION_REMEDY)

function isInt64 (value: string): boolean {
  if (!INT64.test(value)) return false
  const integer = BigInt(value)
  return integer <= INT64_MAX && integer >= -INT64_MAX - 1n
}

/** Any value; `toProfile` drops those that the portal does not know. */
const gender = z.unknown().meta({ type: 'string', enum: ['male', 'female'] })

const user = z.object({
  id: genericId,
  name: string(1000).nullish(),
  last_name: string(1000).nullish(),
  picture: z.object({ url: profileUrl.nullish() }, 'must be an object with a url').nullish(),
  url: profileUrl.nullish(),
  sex: gender.optional(),
  gender: gender.optional(),
  email: string(320).nullish(),
  phone: string(100).nullish(),
}, 'must be an object with at least an id')

const message = z.object({
  id: genericId,
  date: time.nullish(),
  edited_at: time.nullish(),
  revision: revision.nullish(),
  direction: z.enum(['in', 'out'], 'must be in (the client\'s) or out (the operator\'s own)').nullish(),
  text: string(100_000).nullish(),
  format: z.enum(TEXT_FORMATS, `must be one of ${TEXT_FORMATS.join(', ')}`).nullish(),
  files: z.array(z.object({ url: fileUrl, name: string(1000).nullish() }, 'must be an object with a url'), 'must be an array')
    .max(20, 'must have at most 20 files').nullish(),
}, 'must be an object with at least an id and a text')

const chat = z.object({
  id: genericId,
  name: string(1000).nullish(),
  url: profileUrl.nullish(),
}, 'must be an object with at least an id')

export const MAX_EDITS = 100

export const genericEdit = z.object({ user, message, chat }, 'must be an object with user, message and chat')

/** Leaves out a field that cannot be read. */
const lenient = <Schema extends z.ZodType>(schema: Schema) => schema.optional().catch(undefined)

const lenientUser = user.extend({
  name: lenient(user.shape.name),
  last_name: lenient(user.shape.last_name),
  picture: lenient(user.shape.picture),
  url: lenient(user.shape.url),
  email: lenient(user.shape.email),
  phone: lenient(user.shape.phone),
})

/** An edit made by a mapping: the sender cannot correct a field, so one that the edit can do without costs only itself. */
export const mappedEdit = genericEdit.extend({
  user: lenientUser,
  message: message.extend({ date: lenient(message.shape.date), files: lenient(message.shape.files) }),
  chat: chat.extend({ name: lenient(chat.shape.name), url: lenient(chat.shape.url) }),
})

/** The client's data in an event that is not an edit. */
export const genericClient = z.object({
  user: lenientUser,
  chat: lenient(z.object({ id: genericId })),
  message: lenient(z.object({ id: lenient(genericId), date: lenient(time), edited_at: lenient(time) })),
})

export type GenericUser = z.output<typeof user>

export type GenericEdit = z.output<typeof genericEdit>

export type GenericClient = z.output<typeof genericClient>

export const genericTime = time.nullish().catch(undefined)

/** The event after `data` was made a list. */
export const genericEvent = z.object({
  type: z.literal('message.edited'),
  timestamp: time.nullish(),
  data: z.array(genericEdit),
})

/** The event as sent, for the documentation: one edit or a list of them. */
export const genericEventDocument = genericEvent.extend({
  data: z.union([genericEdit, z.array(genericEdit).min(1).max(MAX_EDITS)]),
})
