import { createHash } from 'node:crypto'

/** What PHP holds after it has decoded a request. Lists and maps are one type there, and an empty map is an empty list. */
export type PhpValue = null | boolean | number | bigint | string | PhpList | PhpMap
type PhpList = PhpValue[]
export interface PhpMap { [key: string]: PhpValue }
export type PhpArray = PhpList | PhpMap

/** An uncaught TypeError or Error of the portal: the request ends with HTTP 500, and what was applied before stays. */
export class PhpFatal extends Error {
  override name = 'PhpFatal'
}

export function isArray (value: PhpValue | undefined): value is PhpArray {
  return typeof value === 'object' && value !== null
}

export function entriesOf (value: PhpArray): Array<[string, PhpValue]> {
  return Object.entries(value)
}

/** A map whose keys are 0…n-1 in order is a list to PHP's JSON, and so is an empty one. */
export function fromEntries (entries: ReadonlyArray<readonly [string, PhpValue]>): PhpArray {
  return entries.every(([key], index) => key === String(index))
    ? entries.map(([, value]) => value)
    : Object.fromEntries(entries)
}

export function field (value: PhpValue | undefined, key: string): PhpValue | undefined {
  if (!isArray(value)) return undefined
  return Object.hasOwn(value, key) ? (value as PhpMap)[key] : undefined
}

/** PHP's `empty()`. */
export function isFalsy (value: PhpValue | undefined): boolean {
  if (isArray(value)) return Object.keys(value).length === 0
  return value === undefined || value === null || value === false || value === '' || value === '0' || value === 0 || value === 0n
}

/** The connector module's own idea of empty: unlike `empty()` it takes `0` and `"0"` for content. */
export function isBlank (value: PhpValue | undefined): boolean {
  return isFalsy(value) && value !== 0 && value !== '0' && value !== 0n
}

export function isSet (value: PhpValue | undefined): boolean {
  return value !== undefined && value !== null
}

/** PHP's string conversion. */
export function toText (value: PhpValue | undefined): string {
  if (value === undefined || value === null || value === false) return ''
  if (value === true) return '1'
  return isArray(value) ? 'Array' : String(value)
}

/** PHP's `(int)`: leading digits count, the rest is dropped. */
export function toInteger (value: PhpValue | undefined): number {
  if (isArray(value)) return Object.keys(value).length === 0 ? 0 : 1
  const number = Number.parseInt(toText(value), 10)
  return Number.isNaN(number) ? 0 : number
}

/** PHP's `trim()`, which leaves U+00A0 and the other Unicode spaces alone. */
export function trim (text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/^[ \t\n\r\0\x0B]+|[ \t\n\r\0\x0B]+$/g, '')
}

export function lowerKeys (value: PhpValue): PhpValue {
  if (!isArray(value)) return value
  return fromEntries(entriesOf(value).map(([key, inner]) => [key.toLowerCase(), lowerKeys(inner)] as const))
}

/** PHP's `md5(serialize(…))`: types and the order of keys count, so 42 and "42" differ. */
export function hashOf (value: PhpValue): string {
  return createHash('md5').update(serialize(value)).digest('hex')
}

function serialize (value: PhpValue): string {
  if (value === null) return 'N;'
  if (typeof value === 'boolean') return `b:${value ? 1 : 0};`
  if (typeof value === 'string') return `s:${Buffer.byteLength(value)}:"${value}";`
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) return `i:${String(value)};`
  if (typeof value === 'number') return `d:${value};`
  const entries = entriesOf(value)
  const key = (name: string): string => /^(0|-?[1-9]\d{0,17})$/.test(name) ? `i:${name};` : serialize(name)
  return `a:${entries.length}:{${entries.map(([name, inner]) => key(name) + serialize(inner)).join('')}}`
}
