import { BEYOND, DIRECT_FUNCTIONS, operate, toBoolean } from './direct-values.ts'
import type { Node } from './ast.ts'

/*
 * JSONata's evaluator makes a promise for every node, and reading an edit with it takes ten times as long as the rest of a webhook. What most
 * mappings are made of (fields, literals, objects, conditions, a few functions) is evaluated here instead, at once and with the same
 * results. Whatever else stands in an expression, and every value that JSONata has rules of its own for (lists above all), is left to
 * JSONata: it is the reference, and a test compares the two.
 */

/** Throws BEYOND for a value that only JSONata knows how to treat. */
export type Direct = (input: unknown, variables: Readonly<Record<string, unknown>>) => unknown

type Scope = Record<string, unknown>

type Step = (input: unknown, scope: Scope) => unknown

/** Null for an expression that is JSONata's. `own` are the names of variables that it makes. */
export function compileDirect (ast: Node, own: ReadonlySet<unknown>): Direct | null {
  // A variable of such a name would be a function no more.
  if ([...own].some(name => name === '' || name === '$' || (typeof name === 'string' && DIRECT_FUNCTIONS.has(name)))) return null
  try {
    const evaluate = compileStatement(ast)
    return (input, variables) => evaluate(plain(input), Object.assign(Object.create(null) as Scope, variables, { $: input }))
  } catch (error) {
    if (error === BEYOND) return null
    throw error
  }
}

/** The root, or a line of a block: only there is a variable made in a known order. */
function compileStatement (node: Node): Step {
  if (node.type !== 'bind') return compile(node)
  const name = String((node.lhs as Node).value)
  const evaluate = compile(only(node, 'lhs', 'rhs').rhs as Node)
  return (input, scope) => {
    scope[name] = evaluate(input, scope)
    return scope[name]
  }
}

function compile (node: Node): Step {
  const { value } = node
  switch (node.type) {
    case 'string':
    case 'number':
    case 'value':
      only(node)
      return () => value
    case 'variable': return compileVariable(only(node))
    case 'path': return compilePath(only(node, 'steps').steps ?? [])
    case 'name': return compileName(only(node))
    case 'block': return compileBlock(only(node, 'expressions').expressions ?? [])
    case 'condition': return compileCondition(only(node, 'condition', 'then', 'else'))
    case 'binary': return compileBinary(only(node, 'lhs', 'rhs'))
    case 'unary': return value === '{' ? compileObject(only(node, 'lhs')) : beyond()
    case 'function': return compileFunction(only(node, 'arguments', 'procedure'))
    default: return beyond()
  }
}

function compileVariable ({ value }: Node): Step {
  const name = String(value)
  if (name === '') return input => input
  return DIRECT_FUNCTIONS.has(name) ? beyond() : (_input, scope) => plain(scope[name])
}

function compilePath (steps: readonly Node[]): Step {
  const evaluators = steps.map((step, index) => {
    const isStep = ['name', 'block', 'function', 'unary'].includes(step.type) || (step.type === 'variable' && index === 0)
    return isStep ? compile(step) : beyond()
  })
  return (input, scope) => {
    let found = input
    for (const evaluate of evaluators) {
      found = evaluate(found, scope)
      if (found === undefined) return undefined
    }
    return found
  }
}

function compileName ({ value }: Node): Step {
  const name = String(value)
  return input => typeof input === 'object' && input !== null && Object.hasOwn(input, name) ? plain((input as Scope)[name]) : undefined
}

function compileBlock (expressions: readonly Node[]): Step {
  const statements = expressions.map(compileStatement)
  return (input, scope) => {
    const frame = Object.create(scope) as Scope
    let result: unknown
    for (const evaluate of statements) result = evaluate(input, frame)
    return result
  }
}

function compileCondition (node: Node): Step {
  const [condition, consequence] = [compile(node.condition as Node), compile(node.then as Node)]
  const alternative = node.else === undefined ? () => undefined : compile(node.else as Node)
  return (input, scope) => toBoolean(condition(input, scope)) ? consequence(input, scope) : alternative(input, scope)
}

function compileBinary (node: Node): Step {
  const left = compile(node.lhs as Node)
  const operator = String(node.value)
  if (operator === 'in') return compileMembership(left, node.rhs as Node)
  const right = compile(node.rhs as Node)
  if (operator === 'and') return (input, scope) => toBoolean(left(input, scope)) && toBoolean(right(input, scope))
  if (operator === 'or') return (input, scope) => toBoolean(left(input, scope)) || toBoolean(right(input, scope))
  return (input, scope) => operate(operator, left(input, scope), right(input, scope))
}

/** `a in ['x', 14]`, the one place where a list is of use here. */
function compileMembership (left: Step, list: Node): Step {
  if (list.type !== 'unary' || list.value !== '[') return beyond()
  const items = (only(list, 'expressions').expressions ?? []).map(item => ['string', 'number'].includes(item.type) ? only(item).value : beyond())
  return (input, scope) => {
    const value = left(input, scope)
    return value !== undefined && items.includes(value)
  }
}

function compileObject (node: Node): Step {
  const pairs = (node.lhs as unknown as readonly [Node, Node][]).map(([key, value]) => [key.type === 'string' ? String(key.value) : beyond(), compile(value)] as const)
  if (new Set(pairs.map(([key]) => key)).size < pairs.length || pairs.some(([key]) => key.startsWith('_jsonata_'))) return beyond()
  return (input, scope) => {
    const result = Object.create(null) as Scope
    for (const [key, evaluate] of pairs) {
      const value = evaluate(input, scope)
      if (value !== undefined) result[key] = value
    }
    return plain(result)
  }
}

function compileFunction (node: Node): Step {
  const procedure = only(node.procedure as Node)
  const implementation = procedure.type === 'variable' ? DIRECT_FUNCTIONS.get(String(procedure.value)) : undefined
  const parameters = (node.arguments ?? []).map(compile)
  if (implementation === undefined || parameters.length !== implementation.length) return beyond()
  return (input, scope) => implementation(...parameters.map(evaluate => evaluate(input, scope)))
}

/** The node, if it has none of the marks by which JSONata knows predicates, groups, sorting and the like. */
function only (node: Node, ...children: readonly string[]): Node {
  const isPlain = Object.entries(node).every(([key, value]) => value === undefined || ['type', 'value', 'position', ...children].includes(key))
  return isPlain ? node : beyond()
}

/** The value, unless it is a list, no number, or an object that JSONata could take for something of its own. */
function plain (value: unknown): unknown {
  if (typeof value === 'number') return Number.isFinite(value) ? value : beyond()
  if (typeof value !== 'object' || value === null) return value
  return Array.isArray(value) || 'outerWrapper' in value || 'tupleStream' in value || '_jsonata_function' in value || '_jsonata_lambda' in value ? beyond() : value
}

function beyond (): never {
  throw BEYOND
}
