import { BadRequest } from '../../base/errors.ts'

/** A hundred edits, each with a hundred fields. */
const MAX_VALUES = 10_000
const MAX_DEPTH = 64

/**
 * A parsed body as JSONata can take it, which knows no integers beyond 2^53: they become strings of the same digits. Throws BadRequest
 * for a body that is too large to be worked through.
 */
export function toPlain (body: unknown): unknown {
  let left = MAX_VALUES
  const copy = (value: unknown, depth: number): unknown => {
    if (--left < 0) throw new BadRequest(`the body has more than ${MAX_VALUES} values`)
    if (typeof value === 'bigint') return String(value)
    if (typeof value !== 'object' || value === null) return value
    if (depth === MAX_DEPTH) throw new BadRequest(`the body has lists or objects more than ${MAX_DEPTH} deep`)
    if (Array.isArray(value)) return value.map(item => copy(item, depth + 1))
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copy(item, depth + 1)]))
  }
  return copy(body, 0)
}
