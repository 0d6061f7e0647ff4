import { isArray, entriesOf, fromEntries, type PhpValue } from '../portal/php.ts'

const escapes: Readonly<Record<string, string>> = {
  '\\"': '\\u0022', '<': '\\u003C', '>': '\\u003E', '&': '\\u0026', "'": '\\u0027', '/': '\\/', '\u2028': '\\u2028', '\u2029': '\\u2029',
}

// Node has it; TypeScript's library does not know it yet.
const { rawJSON } = JSON as JSON & { rawJSON (text: string): unknown }

/**
 * JSON as the portal writes it: PHP's HEX_TAG, HEX_AMP, HEX_APOS and HEX_QUOT with Unicode left as it is.
 * Outside of strings none of these characters occurs in JSON, so one pass over the finished text is enough.
 */
export function encodeJson (value: unknown): string {
  const json = JSON.stringify(value, (_key, inner: unknown) => typeof inner === 'bigint' ? rawJSON(String(inner)) : inner)
  return json.replace(/\\\\|\\"|[<>&'/\u2028\u2029]/g, found => escapes[found] ?? found)
}

/** The body as PHP decodes it, or undefined where PHP gives up: broken JSON, invalid UTF-8, half a surrogate pair. */
export function decodeJson (body: Uint8Array): PhpValue | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(body)
    return toPhp(JSON.parse(text, /\d{16}/.test(text) ? keepIntegers : undefined) as PhpValue)
  } catch {
    return undefined
  }
}

/** PHP's integers have 64 bits: an id beyond 2^53 must not lose its last digits on the way. */
function keepIntegers (_key: string, value: unknown, context?: { source?: string }): unknown {
  const source = context?.source
  if (typeof value !== 'number' || Number.isSafeInteger(value) || source === undefined || !/^-?\d+$/.test(source)) return value
  const integer = BigInt(source)
  return BigInt.asIntN(64, integer) === integer ? integer : value
}

function toPhp (value: PhpValue): PhpValue {
  if (typeof value === 'string' && !value.isWellFormed()) throw new SyntaxError('a lone surrogate')
  return isArray(value) ? fromEntries(entriesOf(value).map(([key, inner]) => [key, toPhp(inner)] as const)) : value
}
