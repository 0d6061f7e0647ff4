import { z } from 'zod'
import { BadRequest } from '../errors.ts'

const EARLIEST_MS = Date.UTC(2000)
const MAX_AHEAD_MS = 24 * 60 * 60 * 1000
const MAX_NAMED = 20

/** Neither the portal nor a database can keep these, and JSON can write them. */
export function isStorable (value: string): boolean {
  return value.isWellFormed() && !value.includes('\0')
}

/** Puts U+FFFD in the place of what cannot be kept, one for one: the offsets of styles stay right. */
function toStorable (value: string): string {
  return isStorable(value) ? value : value.toWellFormed().replaceAll('\0', '\uFFFD')
}

/** An id as the messenger gave it, an integer of any size included (see parseJsonExactly); `String` makes it the portal's. */
export const id = z.union([z.string().min(1).max(1000).refine(isStorable), z.int(), z.bigint()])

/** What a client wrote: a text or a name. */
export const written = z.string().max(100_000).overwrite(toStorable)

/** A time far ahead would freeze its message: every later edit would be older. */
export function isPlausibleTime (ms: number, nowMs: number): boolean {
  return ms >= EARLIEST_MS && ms <= nowMs + MAX_AHEAD_MS
}

/** Throws BadRequest that names the fields which are not as the schema has them, and none of their values. */
export function readPayload<Schema extends z.ZodType> (schema: Schema, payload: unknown): z.output<Schema> {
  const parsed = schema.safeParse(payload)
  if (parsed.success) return parsed.data
  const pointers = new Set(parsed.error.issues.map(({ path }) => `/${path.join('/')}`))
  throw new BadRequest(`faulty: ${[...pointers].slice(0, MAX_NAMED).join(', ')}`)
}
