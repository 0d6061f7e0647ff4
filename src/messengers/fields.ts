import { z } from 'zod'
import { BadRequest } from '../errors.ts'

/*
 * What the messengers' readers have in common. A messenger's events are its own: whatever is not needed may be missing or of any
 * kind, so that a field which the messenger changes one day costs that field only.
 */

const EARLIEST_MS = Date.UTC(2000)
const MAX_AHEAD_MS = 24 * 60 * 60 * 1000
const MAX_FAULTS = 20

/** An integer as parseJsonExactly gives it: `String` writes it out as it came in. */
export const exactInteger = z.union([z.int(), z.bigint()], 'must be an integer')

/** A text that may be missing; one of another kind or longer than this is taken for missing. */
export function optionalText (max: number) {
  return z.string().max(max).optional().catch(undefined)
}

/** A text that every database can keep: what it cannot (U+0000, half of a surrogate pair) is replaced, of the same length, so that offsets into it hold. */
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

/** Throws BadRequest unless the time is between the year 2000 and a day from now: one far ahead would freeze its message, since every later edit would be older. */
export function requireTime (timeMs: number, nowMs: number, pointer: string): number {
  if (timeMs < EARLIEST_MS || timeMs > nowMs + MAX_AHEAD_MS) throw new BadRequest(`faulty: ${pointer} is no time between the year 2000 and 24 hours from now`)
  return timeMs
}
