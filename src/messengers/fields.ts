import { z } from 'zod'
import { BadRequest, ImpossibleTime } from '../base/errors.ts'
import { storable } from '../text/storable.ts'
import { renderBbCode } from '../text/rich.ts'
import type { RichText } from '../text/rich-text.ts'
import type { WebhookContent } from './messenger.ts'

/*
 * Shared by the messengers' readers. Fields that the relay does not need may be missing, null or of any type: if a messenger changes a
 * field, only that field is lost. test/messengers/fields.test.ts tries every field of every fixture.
 */

const EARLIEST_MS = Date.UTC(2000)
const MAX_AHEAD_MS = 24 * 60 * 60 * 1000
const MAX_FAULTS = 20

/** UTF-16 units, three times the longest text of any messenger. */
const MAX_TEXT = 100_000

/** An integer from parseBody; `String` gives its original digits. */
export const exactInteger = z.union([z.int(), z.bigint()], 'must be an integer')

/** An id that may be a string or a number. */
export const exactId = z.union([z.string().min(1).max(1000).refine(isStorable), exactInteger])

/** The same, if it may be missing. Anything else counts as missing. */
export const optionalId = exactId.optional().catch(undefined)

const DIGITS = /^-?\d{1,19}$/

/** An id that is always a number, or its digits as a string. */
export const numericId = z.union([exactInteger, z.string().regex(DIGITS)], 'must be an integer')

/** The same, if it may be missing. Anything else counts as missing. */
export const optionalNumericId = numericId.optional().catch(undefined)

/** An integer, or its digits as a string. */
export const integer = z.union([z.int(), z.string().regex(DIGITS).transform(Number).refine(Number.isSafeInteger)], 'must be an integer')

/** The same, if it may be missing. Anything else counts as missing. */
export const optionalInteger = integer.optional().catch(undefined)

/** A counter of any size for `Revision.tie`. Anything else counts as 0. */
export const counter = numericId.transform(value => BigInt.asIntN(64, BigInt(value))).catch(0n)

/** A text that may be missing, made storable. A value of another type, or a longer text, counts as missing. */
export function optionalText (max: number) {
  return z.string().max(max).overwrite(storable).optional().catch(undefined)
}

/** An http or https URL that may be missing. Anything else counts as missing. */
export const optionalUrl = z.string().max(4096).regex(/^https?:\/\/[^\s\p{Cc}\p{Cs}]+$/iu).refine(url => URL.canParse(url)).optional().catch(undefined)

/** JSON can contain U+0000 and half of a surrogate pair, but neither the portal nor a database can store them. */
export function isStorable (text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}

/** Reads an event by a schema. Throws BadRequest with the JSON Pointers of the faulty fields, which quote nothing from the client. */
export function readFields<Schema extends z.ZodType> (schema: Schema, value: unknown, pointer = ''): z.output<Schema> {
  const { success, data, error } = schema.safeParse(value)
  if (success) return data
  const fields = error.issues.slice(0, MAX_FAULTS).map(({ path }) => [pointer, ...path.map(String)].join('/'))
  throw new BadRequest(`faulty: ${fields.map(field => field === '' ? '/' : field).join(', ')}`)
}

/** Whether a time is in the year 2000 or later. */
export function isPlausibleTime (timeMs: number): boolean {
  return timeMs >= EARLIEST_MS
}

/** Whether a time is more than a day ahead of us. It would block its message, because every later edit would be older. */
export function isImpossibleTime (timeMs: number, nowMs: number): boolean {
  return timeMs > nowMs + MAX_AHEAD_MS
}

/** Throws BadRequest for a time before the year 2000, and ImpossibleTime for one that is impossible by our clock. */
export function requireTime (timeMs: number, nowMs: number, pointer: string): number {
  const detail = `faulty: ${pointer} is not a time between the year 2000 and 24 hours from now`
  if (!isPlausibleTime(timeMs)) throw new BadRequest(detail)
  if (isImpossibleTime(timeMs, nowMs)) throw new ImpossibleTime(detail)
  return timeMs
}

/** A time that an edit can do without, such as the original's: undefined if it cannot be right. */
export function optionalTime (timeMs: number, nowMs: number): number | undefined {
  return isPlausibleTime(timeMs) && !isImpossibleTime(timeMs, nowMs) ? timeMs : undefined
}

/** The storable BB code of a message. Throws BadRequest if the text is longer than any messenger's. */
export function renderText (rich: RichText): string {
  if (rich.text.length > MAX_TEXT) throw new BadRequest(`the text has more than ${MAX_TEXT} characters`)
  return storable(renderBbCode(rich))
}

/** The limit of Meta, which sends the largest batches. */
const MAX_ITEMS = 1000

/** Reads each item of a batch in order. If `read` throws BadRequest, only that item is ignored, as unreadable. Throws BadRequest for too many items. */
export function readEach<Item> (items: readonly Item[], read: (item: Item) => Partial<WebhookContent>): WebhookContent {
  if (items.length > MAX_ITEMS) throw new BadRequest(`more than ${MAX_ITEMS} items`)
  const contents = items.map(item => readOne(item, read))
  return {
    edits: contents.flatMap(({ edits = [] }) => edits),
    ignored: contents.flatMap(({ ignored = [] }) => ignored),
    clients: contents.flatMap(({ clients = [] }) => clients),
  }
}

function readOne<Item> (item: Item, read: (item: Item) => Partial<WebhookContent>): Partial<WebhookContent> {
  try {
    return read(item)
  } catch (error) {
    if (!(error instanceof BadRequest)) throw error
    return { ignored: [{ reason: 'unreadable', detail: error.message, ...error instanceof ImpossibleTime ? { isImpossible: true } : {} }] }
  }
}
