import { z } from 'zod'
import { BadRequest } from '../base/errors.ts'
import { renderBbCode } from '../text/rich.ts'
import type { RichText } from '../text/rich-text.ts'
import type { WebhookContent } from './messenger.ts'

/*
 * What the messengers' readers have in common. A messenger's events are its own: whatever is not needed may be missing or of any
 * kind, so that a field which the messenger changes one day costs that field only.
 */

const EARLIEST_MS = Date.UTC(2000)
const MAX_AHEAD_MS = 24 * 60 * 60 * 1000
const MAX_FAULTS = 20

/** UTF-16 units; the longest texts that a messenger takes are a third of it. */
const MAX_TEXT = 100_000

/** An integer as parseJsonExactly gives it: `String` writes it out as it came in. */
export const exactInteger = z.union([z.int(), z.bigint()], 'must be an integer')

/** An id that some events give as a string and others as a number. */
export const exactId = z.union([z.string().min(1).max(1000).refine(isStorable), exactInteger])

/** A text that may be missing, made storable; one of another kind or longer than this is taken for missing. */
export function optionalText (max: number) {
  return z.string().max(max).overwrite(storable).optional().catch(undefined)
}

/** An http or https URL that may be missing; anything else is taken for missing. */
export const optionalUrl = z.string().max(4096).regex(/^https?:\/\/[^\s\p{Cc}\p{Cs}]+$/iu).refine(url => URL.canParse(url)).optional().catch(undefined)

/** Neither the portal nor a database can keep U+0000 or half of a surrogate pair, and JSON can write them. */
export function isStorable (text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}

/** The text with what cannot be kept replaced, of the same length, so that offsets into it hold. */
export function storable (text: string): string {
  return text.toWellFormed().replaceAll('\0', '\ufffd')
}

/** What a schema reads of an event. Throws BadRequest that names the faulty fields by JSON Pointers, which hold no word of the client's. */
export function readFields<Schema extends z.ZodType> (schema: Schema, value: unknown, pointer = ''): z.output<Schema> {
  const { success, data, error } = schema.safeParse(value)
  if (success) return data
  const fields = error.issues.slice(0, MAX_FAULTS).map(({ path }) => [pointer, ...path.map(String)].join('/'))
  throw new BadRequest(`faulty: ${fields.map(field => field === '' ? '/' : field).join(', ')}`)
}

/** Whether a time is between the year 2000 and a day from now: one far ahead would freeze its message, since every later edit would be older. */
export function isPlausibleTime (timeMs: number, nowMs: number): boolean {
  return timeMs >= EARLIEST_MS && timeMs <= nowMs + MAX_AHEAD_MS
}

/** Throws BadRequest unless the time is plausible. */
export function requireTime (timeMs: number, nowMs: number, pointer: string): number {
  if (!isPlausibleTime(timeMs, nowMs)) throw new BadRequest(`faulty: ${pointer} is no time between the year 2000 and 24 hours from now`)
  return timeMs
}

/** The BB code of a message, storable. Throws BadRequest when its text is longer than any messenger's. */
export function renderText (rich: RichText): string {
  if (rich.text.length > MAX_TEXT) throw new BadRequest(`the text has more than ${MAX_TEXT} characters`)
  return storable(renderBbCode(rich))
}

/** More than any messenger puts in one webhook: Meta, which sends the largest batches, ends at this. */
const MAX_ITEMS = 1000

/**
 * Reads each item of a batch on its own, in order: one that `read` throws BadRequest at is ignored as unreadable and does not cost the
 * others. Throws BadRequest for a batch that no messenger would send.
 */
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
    return { ignored: [{ reason: 'unreadable', detail: error.message }] }
  }
}
