import type { JsonataError } from 'jsonata'
import { FUNCTIONS } from './functions.ts'

/** The faults that a mapping meets when a payload is not what it takes it for, in place of JSONata's own words, which quote the payload. */
const WORDS: Readonly<Record<string, string>> = {
  T0410: 'an argument is of another kind than the function takes',
  T0412: 'an argument must be a list of one kind',
  T1003: 'the key of an object is no text',
  T1006: 'this is no function',
  T2001: 'the left side is no number',
  T2002: 'the right side is no number',
  T2009: 'the two sides are of different kinds',
  T2010: 'the two sides must be numbers or texts',
  D1001: 'a number is too large',
  D1009: 'two keys of an object are the same',
  D1011: 'it goes too deep',
  D2015: 'a list has too many items',
  D3030: 'this cannot be read as a number',
}

/** Where and why the evaluation of `source` failed, in no word of its input's: `line 2, column 5, $number: this cannot be …`. */
export function describeFault (source: string, error: unknown): string {
  const { code, position, token } = error as Partial<JsonataError>
  const isFunction = token !== undefined && FUNCTIONS.has(token)
  const why = code === undefined ? 'it cannot deal with a value' : WORDS[code] ?? `JSONata's ${code}`
  const place = position === undefined ? [] : [describePlace(source, position, isFunction ? `$${token}(` : token ?? ' ')]
  return [...place, isFunction ? `$${token}: ${why}` : why].join(', ')
}

/** `end` is where the token ends, which is a single sign where none is named: JSONata knows no other positions. */
export function describePlace (source: string, end: number, token: string): string {
  const start = token === '(end)' ? end : Math.max(0, end - token.length)
  const lines = source.slice(0, start).split('\n')
  return `line ${lines.length}, column ${(lines.at(-1)?.length ?? 0) + 1}`
}
