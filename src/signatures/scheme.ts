export type HmacAlgorithm = 'sha1' | 'sha256' | 'sha512'

/** A digest over what `content` makes of the request, such as `{id}.{timestamp}.{body}`: the body always stands last, and a sign such as a full stop after the id. */
export interface HmacScheme {
  readonly kind: 'hmac'
  /** Where the signature stands. It may be a list parted by blanks; those without the prefix are of versions unknown to us. */
  readonly header: string
  readonly prefix: string
  readonly algorithm: HmacAlgorithm
  readonly encoding: 'hex' | 'base64'
  readonly content: string
  readonly idHeader?: string | undefined
  /** Unix seconds, refused when they are further than `toleranceS` from our clock. */
  readonly timestampHeader?: string | undefined
  readonly toleranceS?: number | undefined
}

/** The secret itself in a header, after a prefix such as `Bearer `. */
export interface HeaderScheme {
  readonly kind: 'header'
  readonly header: string
  readonly prefix: string
}

/** The secret itself in the JSON body: `path` are the keys that lead to it. */
export interface FieldScheme {
  readonly kind: 'field'
  readonly path: readonly string[]
}

/** How a kind of sender proves who it is, as data. */
export type Scheme = HmacScheme | HeaderScheme | FieldScheme

export const BEARER: HeaderScheme = { kind: 'header', header: 'authorization', prefix: 'Bearer ' }
