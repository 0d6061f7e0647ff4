/** What is not evaluated directly. One object, because an error with a stack takes longer to make than an expression to evaluate. */
export const BEYOND = Symbol('beyond')

const MAX_TEXT = 1024 * 1024

const NUMBER = /^-?\d+(\.\d+)?([Ee][-+]?\d+)?$/

type DirectFunction = (...values: unknown[]) => unknown

function withText (evaluate: (text: string, other: string) => unknown): DirectFunction {
  return (text: unknown, other: unknown) => {
    if (typeof other !== 'string') throw BEYOND
    if (text === undefined) return undefined
    return typeof text === 'string' ? evaluate(text, other) : beyond()
  }
}

/** Those functions of JSONata that mappings use most, with the number of their arguments. */
export const DIRECT_FUNCTIONS: ReadonlyMap<string, DirectFunction> = new Map<string, DirectFunction>([
  ['exists', (value: unknown) => value !== undefined],
  ['boolean', (value: unknown) => value === undefined ? undefined : toBoolean(value)],
  ['not', (value: unknown) => value === undefined ? undefined : !toBoolean(value)],
  ['type', (value: unknown) => value === undefined ? undefined : value === null ? 'null' : typeof value],
  ['string', (value: unknown) => value === undefined ? undefined : toText(value)],
  ['number', toNumber],
  ['contains', withText((text, part) => text.includes(part))],
  ['substringBefore', withText((text, mark) => text.includes(mark) ? text.slice(0, text.indexOf(mark)) : text)],
  ['substringAfter', withText((text, mark) => text.includes(mark) ? text.slice(text.indexOf(mark) + mark.length) : text)],
])

export function operate (operator: string, left: unknown, right: unknown): unknown {
  if (operator === '&') return concatenate(left === undefined ? '' : toText(left), right === undefined ? '' : toText(right))
  if (operator === '=' || operator === '!=') {
    if (left === undefined || right === undefined) return false
    if (typeof left === 'object' && left !== null && typeof right === 'object' && right !== null) throw BEYOND
    return (left === right) === (operator === '=')
  }
  if (typeof left === 'string' && typeof right === 'string') return compare(operator, left, right)
  if (typeof left !== 'number' || typeof right !== 'number') throw BEYOND
  return calculate(operator, left, right)
}

/** A text that doubles with each step soon has more characters than the engine can hold. */
function concatenate (left: string, right: string): string {
  return left.length + right.length > MAX_TEXT ? beyond() : left + right
}

function calculate (operator: string, left: number, right: number): unknown {
  switch (operator) {
    case '+': return finite(left + right)
    case '-': return finite(left - right)
    case '*': return finite(left * right)
    case '/': return finite(left / right)
    case '%': return finite(left % right)
    default: return compare(operator, left, right)
  }
}

function compare<Value extends string | number> (operator: string, left: Value, right: Value): boolean {
  switch (operator) {
    case '<': return left < right
    case '<=': return left <= right
    case '>': return left > right
    case '>=': return left >= right
    default: return beyond()
  }
}

/** By JSONata's rules: what is empty, zero, null or missing is false. */
export function toBoolean (value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0
  return Boolean(value)
}

function toText (value: unknown): string {
  if (typeof value === 'string') return value
  return typeof value === 'boolean' || value === null || Number.isSafeInteger(value) ? String(value) : beyond()
}

function toNumber (value: unknown): unknown {
  if (value === undefined || typeof value === 'number') return value
  return typeof value === 'string' && NUMBER.test(value) ? finite(Number(value)) : beyond()
}

function finite (number: number): number {
  return Number.isFinite(number) ? number : beyond()
}

function beyond (): never {
  throw BEYOND
}
