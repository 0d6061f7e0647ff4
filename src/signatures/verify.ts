import { timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { Unauthenticated } from '../errors.ts'
import { createHmacSha256 } from './hmac.ts'

/** How a kind of sender signs, as data: HMAC-SHA-256 in base64. `preamble` gives what stands before the raw body in what is signed. */
export interface HmacScheme {
  readonly headers: { readonly id: string, readonly timestamp: string, readonly signature: string }
  /** The header may list several signatures, parted by blanks; those without the prefix are of versions unknown to us. */
  readonly prefix: string
  readonly preamble: (id: string, timestamp: string) => string
  readonly toleranceS: number
}

export interface SignedRequest {
  readonly headers: IncomingHttpHeaders
  /** The bytes as they came: a body parsed and written again is another body. */
  readonly body: Buffer
}

/** Throws Unauthenticated unless one of the keys made one of the request's signatures. */
export type Verify = (request: SignedRequest, nowMs: number) => void

/** The first scheme whose signature header is there decides. */
export function createHmacVerifier (schemes: readonly HmacScheme[], keys: readonly Buffer[]): Verify {
  const hmacs = keys.map(createHmacSha256)
  return (request, nowMs) => {
    const scheme = schemes.find(scheme => request.headers[scheme.headers.signature] !== undefined) ?? schemes[0]
    if (scheme === undefined) throw new Unauthenticated('no signature scheme is configured')
    const id = readHeader(request, scheme.headers.id)
    const timestamp = readHeader(request, scheme.headers.timestamp)
    const signatures = readHeader(request, scheme.headers.signature)
    // The id ends at the first full stop of what is signed; one inside it would let a signature stand for another id and body.
    if (id.includes('.')) throw new Unauthenticated(`${scheme.headers.id} must not contain a full stop`)
    requireFresh(scheme, timestamp, nowMs)

    const candidates = signatures.split(' ').filter(candidate => candidate.startsWith(scheme.prefix))
      .map(candidate => Buffer.from(candidate.slice(scheme.prefix.length), 'latin1'))
    const preamble = scheme.preamble(id, timestamp)
    for (const hmac of hmacs) {
      const expected = Buffer.from(hmac(preamble, request.body), 'latin1')
      for (const candidate of candidates) {
        if (candidate.length === expected.length && timingSafeEqual(candidate, expected)) return
      }
    }
    throw new Unauthenticated('no signature matches: sign the raw body with the secret of this channel')
  }
}

function readHeader (request: SignedRequest, name: string): string {
  const value = request.headers[name]
  if (typeof value !== 'string' || value === '') throw new Unauthenticated(`the header ${name} is missing`)
  return value
}

function requireFresh (scheme: HmacScheme, timestamp: string, nowMs: number): void {
  if (!/^\d{1,12}$/.test(timestamp)) throw new Unauthenticated(`${scheme.headers.timestamp} must be Unix seconds`)
  const ageS = Math.floor(nowMs / 1000) - Number(timestamp)
  if (Math.abs(ageS) > scheme.toleranceS) {
    throw new Unauthenticated(`${scheme.headers.timestamp} is more than ${scheme.toleranceS} s away from the relay's clock: set the time at each attempt`)
  }
}
