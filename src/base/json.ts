import { isUtf8 } from 'node:buffer'
import { parse, type Reviver } from 'secure-json-parse'
import { BadRequest } from './errors.ts'

/** The value of a JSON body. Throws BadRequest for anything that is not JSON in UTF-8, or would reach an object's prototype. */
export function parseJson (body: Buffer): unknown {
  return parseWith(body)
}

/** The same, with integers that a number cannot hold as bigint: a messenger's ids must come out as they went in. */
export function parseJsonExactly (body: Buffer): unknown {
  // A reviver is called for every value, and most bodies hold no number of so many digits.
  return /\d{16}/.test(body.toString('latin1')) ? parseWith(body, exactInteger) : parseWith(body)
}

const parsed = new WeakMap<Buffer, unknown>()

/** The same for a body that is asked again, for its secret, its account and its content: nobody may change what comes out. */
export function parseJsonOnce (body: Buffer): unknown {
  const known = parsed.get(body)
  if (known !== undefined) return known
  const value = parseJsonExactly(body)
  parsed.set(body, value)
  return value
}

function parseWith (body: Buffer, reviver?: Reviver): unknown {
  if (!isUtf8(body)) throw new BadRequest('the body is not UTF-8')
  try {
    return parse(body, reviver)
  } catch (error) {
    // The engine's own words quote the body, which is the client's.
    const forbidden = error instanceof SyntaxError && error.message.includes('forbidden prototype')
    throw new BadRequest(forbidden ? 'the body has a key that is not allowed: __proto__ or constructor.prototype' : 'the body is not JSON')
  }
}

/** The engine gives the text of a primitive as a third argument, which the package's type does not know of yet. */
const exactInteger: Reviver = (_key, value: unknown, context?: { readonly source?: string }) => {
  const source = context?.source ?? ''
  const isExact = typeof value !== 'number' || Number.isSafeInteger(value) || !/^-?\d{1,40}$/.test(source)
  return isExact ? value : BigInt(source)
}
