import { z } from 'zod'

/** A JSON Pointer (RFC 6901) as the keys that lead to the value. */
export const pointer = z.string('must be a JSON Pointer such as /token').max(500).regex(/^(\/([^~/]|~[01])*)+$/, 'must be a JSON Pointer such as /token')
  .transform(text => text.slice(1).split('/').map(key => key.replaceAll('~1', '/').replaceAll('~0', '~')))

/** What the path leads to, or undefined. */
export function lookUp (value: unknown, path: readonly string[]): unknown {
  let found = value
  for (const key of path) found = typeof found === 'object' && found !== null && Object.hasOwn(found, key) ? (found as Record<string, unknown>)[key] : undefined
  return found
}
