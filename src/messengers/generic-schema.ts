import { z } from 'zod'
import { TEXT_FORMATS } from '../text/format.ts'

const MAX_ID_CHARACTERS = 1000
const INT64_MAX = 2n ** 63n - 1n

/** Neither the portal nor a database can keep these, and JSON can write them. */
function isStorable (value: string): boolean {
  return value.isWellFormed() && !value.includes('\0')
}

const STORABLE = 'must not contain U+0000 or half of a surrogate pair'

const string = (max: number) => z.string('must be a string').max(max, `must have at most ${max} characters`).refine(isStorable, STORABLE)

/** `null` means what leaving the field out means. */
const optional = <T extends z.ZodType>(schema: T) => schema.nullish().transform(value => value ?? undefined)

function isHttpUrl (value: string): boolean {
  return /^https?:\/\//i.test(value) && URL.canParse(value)
}

const fileUrl = string(4096).refine(isHttpUrl, 'must be an http or https URL')

/** An empty one is passed on as it is: the profile must equal the one of the original message. */
const profileUrl = string(4096).refine(value => value === '' || isHttpUrl(value), 'must be an http or https URL')

const ID_REMEDY = `must be a string of 1 to ${MAX_ID_CHARACTERS} characters or an integer up to 2^53 - 1; send a larger number as a string`

const id = z.union([
  z.string().min(1, ID_REMEDY).refine(value => value.length <= MAX_ID_CHARACTERS || [...value].length <= MAX_ID_CHARACTERS, ID_REMEDY)
    .refine(isStorable, STORABLE).meta({ maxLength: MAX_ID_CHARACTERS }),
  z.int(ID_REMEDY),
], ID_REMEDY).transform(String)

const TIME_REMEDY = 'must be Unix seconds, Unix milliseconds, or ISO 8601 with a time zone'

/** Milliseconds. Numbers above 1e11 are milliseconds already: as seconds they would be after the year 5000. */
const time = z.union([
  z.number(TIME_REMEDY).transform(value => Math.round(value > 1e11 ? value : value * 1000)),
  z.iso.datetime({ offset: true, error: TIME_REMEDY }).max(64, TIME_REMEDY).transform(value => Date.parse(value)),
], TIME_REMEDY)

const REVISION_REMEDY = 'must be a 64-bit integer; send one above 2^53 - 1 as a string'

const revision = z.union([
  z.int(REVISION_REMEDY),
  z.string().regex(/^-?\d{1,19}$/, REVISION_REMEDY),
], REVISION_REMEDY).transform(BigInt).refine(value => value <= INT64_MAX && value >= -INT64_MAX - 1n, REVISION_REMEDY)

/** Unknown values are dropped: the portal knows two. */
const gender = z.enum(['male', 'female']).optional().catch(undefined)

const user = z.object({
  id,
  name: optional(string(1000)),
  last_name: optional(string(1000)),
  picture: optional(z.object({ url: optional(profileUrl) }, 'must be an object with a url')),
  url: optional(profileUrl),
  sex: gender,
  gender,
  email: optional(string(320)),
  phone: optional(string(100)),
}, 'must be an object with at least an id')

const message = z.object({
  id,
  date: optional(time),
  edited_at: optional(time),
  revision: optional(revision),
  text: optional(string(100_000)),
  format: optional(z.enum(TEXT_FORMATS, `must be one of ${TEXT_FORMATS.join(', ')}`)),
  files: optional(z.array(z.object({ url: fileUrl, name: optional(string(1000)) }, 'must be an object with a url'), 'must be an array')
    .max(20, 'must have at most 20 files')),
}, 'must be an object with at least an id and a text')

const chat = z.object({
  id,
  name: optional(string(1000)),
  url: optional(profileUrl),
}, 'must be an object with at least an id')

export const MAX_EDITS = 100

export const genericEdit = z.object({ user, message, chat }, 'must be an object with user, message and chat')

export type GenericEdit = z.output<typeof genericEdit>

/** What is parsed: `data` has been made a list. */
export const genericEvent = z.object({
  type: z.literal('message.edited'),
  timestamp: optional(time),
  data: z.array(genericEdit),
})

/** What is sent, for the documentation: one edit or a list of them. */
export const genericEventDocument = genericEvent.extend({
  data: z.union([genericEdit, z.array(genericEdit).min(1).max(MAX_EDITS)]),
})
