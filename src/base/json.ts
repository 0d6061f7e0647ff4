import { isUtf8 } from 'node:buffer'
import { parse, type Reviver } from 'secure-json-parse'
import { BadRequest } from './errors.ts'
import { MAX_DEPTH, scanJson } from './json-scan.ts'

const parsed = new WeakMap<Buffer, unknown>()

/**
 * The value of a JSON body; integers beyond 2^53 become bigints, so that ids keep their digits. Parses each body once, so do not change the
 * result. Throws BadRequest for anything that is not JSON in UTF-8, is nested too deep, or has a key that could change an object's prototype.
 */
export function parseBody (body: Buffer): unknown {
  const known = parsed.get(body)
  if (known !== undefined) return known
  if (!isUtf8(body)) throw new BadRequest('the body is not UTF-8')
  // Each level takes a byte.
  if (body.length > MAX_DEPTH && scanJson(body).isTooDeep) throw new BadRequest(`the body has lists or objects more than ${MAX_DEPTH} deep`)
  const value = parseText(body)
  parsed.set(body, value)
  return value
}

/** The same; undefined instead of BadRequest. */
export function tryParseBody (body: Buffer): unknown {
  try {
    return parseBody(body)
  } catch (error) {
    if (error instanceof BadRequest) return undefined
    throw error
  }
}

/** The value that the keys of `path` lead to, or undefined. */
export function valueAt (value: unknown, path: readonly string[]): unknown {
  let found = value
  for (const key of path) found = typeof found === 'object' && found !== null && Object.hasOwn(found, key) ? (found as Record<string, unknown>)[key] : undefined
  return found
}

function parseText (body: Buffer): unknown {
  try {
    // Most bodies have no integer of so many digits, and parsing is faster without a reviver.
    return /\d{16}/.test(body.toString('latin1')) ? parse(body, exactInteger) : parse(body)
  } catch (error) {
    // The engine's message quotes the body, which may hold a client's text.
    const forbidden = error instanceof SyntaxError && error.message.includes('forbidden prototype')
    throw new BadRequest(forbidden ? 'the body has a key that is not allowed: __proto__ or constructor.prototype' : 'the body is not JSON')
  }
}

/** The engine passes a primitive's source text as a third argument, which the package's type does not declare yet. */
const exactInteger: Reviver = (_key, value: unknown, context?: { readonly source?: string }) => {
  const source = context?.source ?? ''
  const isExact = typeof value !== 'number' || Number.isSafeInteger(value) || !/^-?\d{1,40}$/.test(source)
  return isExact ? value : BigInt(source)
}
