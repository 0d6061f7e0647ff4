import type { Expression, ExprNode, JsonataError } from 'jsonata'

/** The longest text that a function may make, in UTF-16 units; no body is longer. */
const MAX_TEXT = 1024 * 1024

/** The most parts that `$split` may make. */
const MAX_PARTS = 2000

/** Functions whose work grows linearly with their input, so the size of the body and the number of steps limit it. */
export const FUNCTIONS: ReadonlySet<string> = new Set([
  'string', 'length', 'substring', 'substringBefore', 'substringAfter', 'lowercase', 'uppercase', 'trim', 'contains', 'split', 'join', 'replace',
  'base64encode', 'base64decode', 'encodeUrlComponent', 'encodeUrl', 'decodeUrlComponent', 'decodeUrl',
  'number', 'abs', 'floor', 'ceil', 'round', 'power', 'sqrt', 'sum', 'max', 'min', 'average',
  'boolean', 'not', 'exists', 'type', 'toMillis',
  'count', 'append', 'reverse', 'map', 'filter', 'single', 'reduce', 'keys', 'lookup', 'merge', 'each', 'sift',
])

const UNBOUNDED = 'a long text or list could take it too long'
const MAY_QUOTE = 'its message could quote a client; use filter to skip events that are not edits'
const UNSTEADY = 'the same webhook must always give the same result; $receivedAt is the time of receipt'

/** The other functions of JSONata, each with the reason why a channel cannot use it. */
export const REFUSED: Readonly<Record<string, string>> = {
  eval: 'it would run code from a client',
  match: 'it needs a regular expression, which can block the relay',
  pad: UNBOUNDED,
  distinct: UNBOUNDED,
  sort: UNBOUNDED,
  shuffle: UNSTEADY,
  spread: UNBOUNDED,
  zip: UNBOUNDED,
  clone: UNBOUNDED,
  formatNumber: UNBOUNDED,
  formatInteger: UNBOUNDED,
  formatBase: UNBOUNDED,
  parseInteger: UNBOUNDED,
  fromMillis: UNBOUNDED,
  now: UNSTEADY,
  millis: UNSTEADY,
  random: UNSTEADY,
  error: MAY_QUOTE,
  assert: MAY_QUOTE,
}

const ISO_8601 = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)$/

/**
 * Replaces four functions of JSONata. `$split`, `$replace` and `$join` get a limit; `$toMillis` reads only ISO 8601, because JSONata's own
 * builds a regular expression from its picture. Like JSONata's, they return undefined for undefined.
 */
export function bindFunctions (expression: Expression): void {
  expression.registerFunction('split', (text?: string, separator = '') => {
    if (text === undefined) return undefined
    const parts = text.split(separator, MAX_PARTS + 1)
    if (parts.length > MAX_PARTS) throw new RangeError('too many')
    return parts
  }, '<s-s:a<s>>')
  expression.registerFunction('replace', (text?: string, search = '', replacement = '') => {
    if (text === undefined) return undefined
    if (search === '') throw new RangeError('nothing to replace')
    return join(text.split(search), replacement)
  }, '<s-ss:s>')
  expression.registerFunction('join', (texts?: readonly string[], separator = '') => texts === undefined ? undefined : join(texts, separator), '<a<s>s?:s>')
  expression.registerFunction('toMillis', (date?: string) => {
    if (date === undefined) return undefined
    if (!ISO_8601.test(date)) throw new RangeError('not ISO 8601')
    return Date.parse(date)
  }, '<s-:n>')
}

function join (texts: readonly string[], separator: string): string {
  const length = texts.reduce((sum, text) => sum + text.length, separator.length * Math.max(texts.length - 1, 0))
  if (length > MAX_TEXT) throw new RangeError('too long')
  return texts.join(separator)
}

/** The package's types lack some kinds of nodes and some fields. */
export type Node = Omit<ExprNode, 'type'> & {
  readonly type: string
  readonly focus?: unknown
  readonly index?: unknown
  readonly condition?: ExprNode
  readonly then?: ExprNode
  readonly else?: ExprNode
}

/** The node and all nodes inside it. */
export function collectNodes (value: unknown, seen = new Set<object>()): Node[] {
  if (typeof value !== 'object' || value === null || value instanceof RegExp || seen.has(value)) return []
  seen.add(value)
  const inside = Object.values(value).flatMap(child => collectNodes(child, seen))
  return Array.isArray(value) ? inside : [value as Node, ...inside]
}

/** The names of the variables that a node declares. */
export function namesGiven (node: Node): unknown[] {
  if (node.type === 'lambda') return (node.arguments ?? []).map(argument => argument.value as unknown)
  if (node.type === 'bind') return [(node.lhs as ExprNode).value as unknown]
  return [node.focus, node.index].filter(name => name !== undefined)
}

/** Messages for faults that an unexpected payload causes, instead of JSONata's own, which quote the payload. */
const WORDS: Readonly<Record<string, string>> = {
  T0410: 'an argument has the wrong type',
  T0412: 'an argument must be a list of values of one type',
  T1003: 'the key of an object is not a text',
  T1006: 'this is not a function',
  T2001: 'the left side is not a number',
  T2002: 'the right side is not a number',
  T2009: 'the two sides have different types',
  T2010: 'the two sides must be numbers or texts',
  D1001: 'a number is too large',
  D1009: 'two keys of an object are the same',
  D1011: 'the recursion is too deep',
  D2015: 'a list has too many items',
  D3030: 'this cannot be read as a number',
}

/** Where and why the evaluation of `source` failed, without quoting its input: `line 2, column 5, $number: this cannot be …`. */
export function describeFault (source: string, error: unknown): string {
  const { code, position, token } = error as Partial<JsonataError>
  const isFunction = token !== undefined && FUNCTIONS.has(token)
  const why = code === undefined ? 'it cannot handle a value' : WORDS[code] ?? `JSONata's ${code}`
  const place = position === undefined ? [] : [describePlace(source, position, isFunction ? `$${token}(` : token ?? ' ')]
  return [...place, isFunction ? `$${token}: ${why}` : why].join(', ')
}

/** `end` is the end of the token, the only position that JSONata gives. Without a token's text it is one character. */
export function describePlace (source: string, end: number, token: string): string {
  const start = token === '(end)' ? end : Math.max(0, end - token.length)
  const lines = source.slice(0, start).split('\n')
  return `line ${lines.length}, column ${(lines.at(-1)?.length ?? 0) + 1}`
}
