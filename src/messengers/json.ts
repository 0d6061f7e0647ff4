import { isUtf8 } from 'node:buffer'
import { parse } from 'secure-json-parse'
import { BadRequest } from '../errors.ts'

/** The value of a JSON body. Throws BadRequest for anything that is not JSON in UTF-8, or would reach an object's prototype. */
export function parseJson (body: Buffer): unknown {
  if (!isUtf8(body)) throw new BadRequest('the body is not UTF-8')
  try {
    return parse(body)
  } catch (error) {
    // The engine's own words quote the body, which is the client's.
    const forbidden = error instanceof SyntaxError && error.message.includes('forbidden prototype')
    throw new BadRequest(forbidden ? 'the body has a key that is not allowed: __proto__ or constructor.prototype' : 'the body is not JSON')
  }
}
