import jsonata, { type ExprNode, type JsonataError } from 'jsonata'
import { BadRequest, Overloaded } from '../../base/errors.ts'
import { collectNodes, namesGiven, type Node, bindFunctions, FUNCTIONS, REFUSED, describeFault, describePlace } from './functions.ts'

/** The variables of an expression beside its input: the whole body, and the time of receipt in milliseconds. */
export interface Sight {
  readonly body: unknown
  readonly receivedAt: number
}

/** The steps that the expressions of one webhook may still take. A mapping takes 40 to 150; a step takes about two microseconds. */
export interface Budget { steps: number }

/** Rejects with BadRequest, which names the expression and quotes nothing from the input, or with Overloaded if the time is up. */
export type Evaluate = (input: unknown, sight: Sight, budget: Budget) => Promise<unknown>

/** The expression cannot be used; the message gives the place and what to change. */
export class ExpressionFault extends Error {
  override name = 'ExpressionFault'
}

const MAX_SOURCE = 20_000

/**
 * JSONata's guardrails. The time, in milliseconds, is the last resort: on a busy machine it expires after little work, so the budget
 * counts steps. The depth includes the fields of an object, which are evaluated together.
 */
const GUARDRAILS = { timeout: 2000, stack: 1000, sequence: 2000 }

/** The blank keeps it from being a variable's name. */
const BUDGET = ' budget'

/** JSONata calls the function bound to this symbol before each step. Its type allows only variable names. */
const EVERY_STEP = Symbol.for('jsonata.__evaluate_entry') as unknown as string

/** Compiles JSONata for untrusted input. Messages about its faults begin with `name`. Throws ExpressionFault. */
export function compileExpression (source: string, name: string, guardrails = GUARDRAILS): Evaluate {
  if (source.length > MAX_SOURCE) throw new ExpressionFault(`it has more than ${MAX_SOURCE} characters`)
  const expression = parse(source, guardrails)
  examine(source, collectNodes(expression.ast()))
  bindFunctions(expression)
  expression.assign(EVERY_STEP, (_node: ExprNode, _input: unknown, environment: jsonata.Environment) => {
    const budget = environment.lookup(BUDGET) as Budget
    if (--budget.steps < 0) throw new RangeError('no steps left')
  })

  return async (input, sight, budget) => {
    try {
      return await expression.evaluate(input, { ...sight, [BUDGET]: budget })
    } catch (error) {
      if ((error as Partial<JsonataError>).code === 'D1012') throw new Overloaded(`${name} did not finish within ${guardrails.timeout} ms`)
      throw new BadRequest(`${name}: ${budget.steps < 0 ? 'it takes too many steps' : describeFault(source, error)}`)
    }
  }
}

function parse (source: string, guardrails: jsonata.JsonataOptions): jsonata.Expression {
  try {
    return jsonata(source, guardrails)
  } catch (error) {
    const { position, token, message } = error as JsonataError
    // For faults in regular expressions there is no position.
    throw new ExpressionFault(position === undefined ? message : `${describePlace(source, position, String(token ?? ' '))}: ${message}`)
  }
}

/** Throws ExpressionFault for constructs that the guardrails cannot limit, and for unknown variables. */
function examine (source: string, nodes: readonly Node[]): void {
  const own = new Set(nodes.flatMap(namesGiven))
  for (const { type, value, position = 0 } of nodes) {
    const refuse = (token: string, why: string): never => { throw new ExpressionFault(`${describePlace(source, position, token)}: ${why}`) }
    // JSONata added the flag g.
    if (type === 'regex') refuse(String(value).slice(0, -1), 'a regular expression can block the relay; use $contains, $substringBefore, $split or $replace with a text')
    if (type === 'transform') refuse('|', 'the transform operator copies its whole input; make a new object instead')
    if (type === 'binary' && value === '..') refuse('..', 'a range can make a list of any length; use $map over a list of the payload')
    if (type !== 'variable') continue
    const name = String(value)
    if (Object.hasOwn(REFUSED, name)) refuse(`$${name}`, `$${name} cannot be used: ${REFUSED[name]}`)
    if (!GIVEN.has(name) && !FUNCTIONS.has(name) && !own.has(name)) refuse(`$${name}`, `there is no $${name}`)
  }
}

/** The input, the input of the whole expression, and the fields of Sight. */
const GIVEN: ReadonlySet<string> = new Set(['', '$', 'body', 'receivedAt'])
