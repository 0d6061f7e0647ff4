import { createHmac, hash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { Unauthenticated } from '../base/errors.ts'
import { tryParseBody, valueAt } from '../base/json.ts'
import { scanJson } from '../base/json-scan.ts'

/** A digest over `content`, such as `{id}.{timestamp}.{body}`. The body always comes last; a separator such as a full stop follows the id. */
export interface HmacScheme {
  readonly kind: 'hmac'
  /** The header with the signature, or with several separated by spaces. Signatures without the prefix are ignored: they are of other versions. */
  readonly header: string
  readonly prefix: string
  readonly algorithm: 'sha1' | 'sha256' | 'sha512'
  readonly encoding: 'hex' | 'base64'
  readonly content: string
  readonly idHeader?: string | undefined
  /** Unix seconds; refused if more than `toleranceS` from our clock. */
  readonly timestampHeader?: string | undefined
  readonly toleranceS?: number | undefined
}

/** The secret itself in a header, after a prefix such as `Bearer `. */
export interface HeaderScheme {
  readonly kind: 'header'
  readonly header: string
  readonly prefix: string
}

/** The secret itself in the JSON body, at the keys of `path`, which leads through objects only. */
export interface FieldScheme {
  readonly kind: 'field'
  readonly path: readonly string[]
}

/** How a sender authenticates, as data. */
export type Scheme = HmacScheme | HeaderScheme | FieldScheme

export const BEARER: HeaderScheme = { kind: 'header', header: 'authorization', prefix: 'Bearer ' }

/** A string stands for its UTF-8 bytes. */
type SecretKey = string | Buffer

interface SignedRequest {
  readonly headers: IncomingHttpHeaders
  /** The bytes as received: parsing and serialising them again would change them. */
  readonly body: Buffer
}

/** Throws Unauthenticated unless one of the keys matches the request. */
export type Verify = (request: SignedRequest, nowMs: number) => void

/** Uses the first scheme whose header is present, or the first scheme if none is. */
export function createVerifier (schemes: readonly Scheme[], keys: readonly SecretKey[]): Verify {
  const verifiers = schemes.map(scheme => ({ header: scheme.kind === 'field' ? null : scheme.header, verify: createOne(scheme, keys) }))
  return (request, nowMs) => {
    const chosen = verifiers.find(({ header }) => header !== null && request.headers[header] !== undefined) ?? verifiers[0]
    if (chosen === undefined) throw new Unauthenticated('no signature scheme is configured')
    chosen.verify(request, nowMs)
  }
}

function createOne (scheme: Scheme, keys: readonly SecretKey[]): Verify {
  if (scheme.kind === 'hmac') return createHmacVerifier(scheme, keys)
  const isSecret = createSecretCheck(keys)
  return scheme.kind === 'header' ? createHeaderVerifier(scheme, isSecret) : createFieldVerifier(scheme, isSecret)
}

function createHmacVerifier (scheme: HmacScheme, keys: readonly SecretKey[]): Verify {
  const { header, idHeader, timestampHeader, toleranceS = Infinity } = scheme
  const preambleParts = scheme.content.slice(0, scheme.content.indexOf('{body}')).split(/(\{id\}|\{timestamp\})/)
  const afterId = scheme.content.split('{id}')[1]?.charAt(0) ?? ''
  // Hexadecimal digits may be upper or lower case.
  const normalise = (signature: string) => scheme.encoding === 'hex' ? signature.toLowerCase() : signature
  return (request, nowMs) => {
    const id = idHeader === undefined ? '' : readHeader(request, idHeader)
    const timestamp = timestampHeader === undefined ? '' : readHeader(request, timestampHeader)
    const signatures = readHeader(request, header)
    // With the separator inside the id, one signature would fit several pairs of id and body.
    if (afterId !== '' && id.includes(afterId)) throw new Unauthenticated(`${idHeader} must not contain ${afterId === '.' ? 'a full stop' : `"${afterId}"`}`)
    if (timestampHeader !== undefined) requireFresh(timestampHeader, toleranceS, timestamp, nowMs)

    const candidates = signatures.split(' ').filter(candidate => candidate.startsWith(scheme.prefix))
      .map(candidate => Buffer.from(normalise(candidate.slice(scheme.prefix.length)), 'latin1'))
    const preamble = preambleParts.map(part => part === '{id}' ? id : part === '{timestamp}' ? timestamp : part).join('')
    for (const key of keys) {
      const expected = Buffer.from(createHmac(scheme.algorithm, key).update(preamble).update(request.body).digest(scheme.encoding), 'latin1')
      for (const candidate of candidates) {
        if (candidate.length === expected.length && timingSafeEqual(candidate, expected)) return
      }
    }
    throw new Unauthenticated('no signature matches: sign the raw body with the secret of this channel')
  }
}

function createHeaderVerifier ({ header, prefix }: HeaderScheme, isSecret: (candidate: string) => boolean): Verify {
  return request => {
    const value = readHeader(request, header)
    // The name of an authentication scheme is case-insensitive (RFC 9110, section 11.1).
    const isPrefixed = value.slice(0, prefix.length).toLowerCase() === prefix.toLowerCase()
    if (!isPrefixed || !isSecret(value.slice(prefix.length))) throw new Unauthenticated(`the header ${header} does not hold the secret of this channel`)
  }
}

/** To look for a secret in this many bytes takes as long as a digest over a megabyte, the limit of other bodies. */
const MAX_FIELD_BYTES = 512 * 1024

function createFieldVerifier ({ path }: FieldScheme, isSecret: (candidate: string) => boolean): Verify {
  return ({ body }) => {
    if (body.length > MAX_FIELD_BYTES) throw new Unauthenticated(`the secret is not looked for in a body of more than ${MAX_FIELD_BYTES / 1024} KiB`)
    // The body is parsed only if its bytes hold the secret. What the parser then finds there decides.
    const isProven = isSecret(scanJson(body, path).found ?? '') && isSecret(String(valueAt(tryParseBody(body), path)))
    if (!isProven) throw new Unauthenticated(`the field ${path.join('.')} does not hold the secret of this channel`)
  }
}

/** Compares digests, because `timingSafeEqual` needs equal lengths. */
function createSecretCheck (keys: readonly SecretKey[]): (candidate: string) => boolean {
  const digests = keys.map(key => hash('sha256', key, 'buffer'))
  return candidate => {
    const digest = hash('sha256', candidate, 'buffer')
    return digests.filter(expected => timingSafeEqual(digest, expected)).length > 0
  }
}

function readHeader (request: SignedRequest, name: string): string {
  const value = request.headers[name]
  if (typeof value !== 'string' || value === '') throw new Unauthenticated(`the header ${name} is missing`)
  return value
}

function requireFresh (header: string, toleranceS: number, timestamp: string, nowMs: number): void {
  if (!/^\d{1,12}$/.test(timestamp)) throw new Unauthenticated(`${header} must be Unix seconds`)
  const ageS = Math.floor(nowMs / 1000) - Number(timestamp)
  if (Math.abs(ageS) > toleranceS) {
    throw new Unauthenticated(`${header} is more than ${toleranceS} s away from the relay's clock: set the time at each attempt`)
  }
}
