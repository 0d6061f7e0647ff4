import type { Expression } from 'jsonata'

/** The longest text that a function makes, in UTF-16 units; a body has fewer bytes. */
const MAX_TEXT = 1024 * 1024

/** The most parts that a text is split into. */
const MAX_PARTS = 2000

/** Their work grows with what they are given and no faster, so that it is bounded by the size of the body and the number of steps. */
export const FUNCTIONS: ReadonlySet<string> = new Set([
  'string', 'length', 'substring', 'substringBefore', 'substringAfter', 'lowercase', 'uppercase', 'trim', 'contains', 'split', 'join', 'replace',
  'base64encode', 'base64decode', 'encodeUrlComponent', 'encodeUrl', 'decodeUrlComponent', 'decodeUrl',
  'number', 'abs', 'floor', 'ceil', 'round', 'power', 'sqrt', 'sum', 'max', 'min', 'average',
  'boolean', 'not', 'exists', 'type', 'toMillis',
  'count', 'append', 'reverse', 'map', 'filter', 'single', 'reduce', 'keys', 'lookup', 'merge', 'each', 'sift',
])

const UNBOUNDED = 'a long text or list could keep it busy for too long'
const UNSTEADY = 'the same webhook must always be read the same way; $receivedAt is the time at which it came'

/** The other functions of JSONata, with the reason why a channel cannot use them. */
export const REFUSED: Readonly<Record<string, string>> = {
  eval: 'it would run what a client wrote',
  match: 'it needs a regular expression, and one of those can keep the relay busy for ever',
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
  error: 'its words could be a client\'s; let the filter pass over what is no edit',
  assert: 'its words could be a client\'s; let the filter pass over what is no edit',
}

const ISO_8601 = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)$/

/**
 * Replaces four functions of JSONata: those that make longer texts and lists, by ones with a limit, and the reader of dates, which makes a
 * regular expression of its picture. Like JSONata's own they give nothing for nothing.
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
