/*
 * Reads JSON without parsing it: one pass over the bytes, and a few numbers of memory whatever the bytes are. The engine's parser takes
 * hundreds of milliseconds for a megabyte of brackets.
 */

/** Brackets inside brackets. The deepest events, forwarded messages inside forwarded messages, have some dozens. */
export const MAX_DEPTH = 500

/** Each key on the way to the wanted string is decoded, which takes longer than to pass over its bytes. */
const MAX_KEYS = 1000

/** A secret of 1000 characters, each written as `\uXXXX`. */
const MAX_STRING_BYTES = 6002

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

interface Scan {
  /** Whether the brackets are nested more than MAX_DEPTH deep. Then nothing else is read. */
  readonly isTooDeep: boolean
  /** The string to which the keys of `path` lead, through objects only; the last one if keys repeat, as in JSON.parse. Null if there is none. */
  readonly found: string | null
}

/** Takes any bytes. What it finds in bytes that are not JSON means nothing: parse them before you use it. */
export function scanJson (body: Buffer, path: readonly string[] = []): Scan {
  let depth = 0
  // How many of the open objects `path` leads to. The scan is directly in the innermost of them while this equals `depth`.
  let onPath = 0
  let keysLeft = MAX_KEYS
  let found = -1

  for (let at = 0; at < body.length; at++) {
    const byte = body[at] ?? 0
    if (byte === OPEN_LIST || byte === OPEN_OBJECT) {
      if (++depth > MAX_DEPTH) return { isTooDeep: true, found: null }
      if (depth === 1 && byte === OPEN_OBJECT) onPath = 1
    } else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) {
      if (depth === onPath) onPath--
      depth--
    } else if (byte === QUOTE) {
      const start = at
      at = endOfString(body, start)
      if (path.length === 0 || depth === 0 || depth !== onPath) continue
      const colon = skipBlanks(body, at + 1)
      if (body[colon] !== COLON) continue
      if (--keysLeft < 0) break
      if (decode(body, start) !== path[depth - 1]) continue
      // A later key replaces an earlier one with all that is inside.
      found = -1
      const value = skipBlanks(body, colon + 1)
      if (depth === path.length && body[value] === QUOTE) {
        found = value
        at = endOfString(body, value)
      } else {
        if (depth < path.length && body[value] === OPEN_OBJECT) onPath++
        at = value - 1
      }
    }
  }
  return { isTooDeep: false, found: found < 0 || keysLeft < 0 ? null : decode(body, found) }
}

/** The place of the closing quote. */
function endOfString (body: Buffer, start: number): number {
  let at = start + 1
  while (at < body.length && body[at] !== QUOTE) at += body[at] === BACKSLASH ? 2 : 1
  return at
}

function skipBlanks (body: Buffer, start: number): number {
  let at = start
  while (body[at] === 0x20 || body[at] === 0x0a || body[at] === 0x0d || body[at] === 0x09) at++
  return at
}

/** The string that begins with the quote at `start`, or null if it is too long or not JSON. */
function decode (body: Buffer, start: number): string | null {
  const end = endOfString(body, start)
  if (end - start > MAX_STRING_BYTES) return null
  try {
    return JSON.parse(body.toString('utf8', start, end + 1)) as string
  } catch {
    return null
  }
}
