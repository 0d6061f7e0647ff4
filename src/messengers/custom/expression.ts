import jsonata, { type ExprNode, type JsonataError } from 'jsonata'
import { BadRequest, Overloaded } from '../../base/errors.ts'
import { collectNodes, namesGiven, type Node, bindFunctions, FUNCTIONS, REFUSED, describeFault, describePlace } from './functions.ts'

/** What an expression can see beside its input: the whole body, and when it came, in milliseconds. */
export interface Sight {
  readonly body: unknown
  readonly receivedAt: number
}

/** How many steps are left to the expressions of one webhook. A mapping takes 40 to 150, and a step about two microseconds. */
export interface Budget { steps: number }

/** Rejects with BadRequest, which names the expression and holds no word of the input's, or with Overloaded when the time is up. */
export type Evaluate = (input: unknown, sight: Sight, budget: Budget) => Promise<unknown>

/** The expression cannot be used; the message gives the place and what to change. */
export class ExpressionFault extends Error {
  override name = 'ExpressionFault'
}

const MAX_SOURCE = 20_000

/**
 * JSONata's guardrails. The time, in milliseconds, is the last resort: on a machine under load it runs out without much work being done,
 * and so steps are what is counted. The depth counts the fields of an object too, which are evaluated together.
 */
const GUARDRAILS = { timeout: 2000, stack: 1000, sequence: 2000 }

/** A name that no variable of an expression can have. */
const BUDGET = ' budget'

/** JSONata calls what is bound to this before each step. The type knows only names of variables. */
const EVERY_STEP = Symbol.for('jsonata.__evaluate_entry') as unknown as string

/** Compiles JSONata for input that nobody vouches for. `name` begins what is said of its faults. Throws ExpressionFault. */
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
      if ((error as Partial<JsonataError>).code === 'D1012') throw new Overloaded(`${name} was not done after ${guardrails.timeout} ms`)
      throw new BadRequest(`${name}: ${budget.steps < 0 ? 'it takes too many steps' : describeFault(source, error)}`)
    }
  }
}

function parse (source: string, guardrails: jsonata.JsonataOptions): jsonata.Expression {
  try {
    return jsonata(source, guardrails)
  } catch (error) {
    const { position, token, message } = error as JsonataError
    // The engine, which finds the faults of regular expressions, knows no place.
    throw new ExpressionFault(position === undefined ? message : `${describePlace(source, position, String(token ?? ' '))}: ${message}`)
  }
}

/** Throws ExpressionFault at what the guardrails cannot hold, and at names that nothing has. */
function examine (source: string, nodes: readonly Node[]): void {
  const own = new Set(nodes.flatMap(namesGiven))
  for (const { type, value, position = 0 } of nodes) {
    const refuse = (token: string, why: string): never => { throw new ExpressionFault(`${describePlace(source, position, token)}: ${why}`) }
    // JSONata has added the flag g.
    if (type === 'regex') refuse(String(value).slice(0, -1), 'a regular expression can keep the relay busy for ever; use $contains, $substringBefore, $split or $replace with a text')
    if (type === 'transform') refuse('|', 'the transform operator copies what it is given; make a new object instead')
    if (type === 'binary' && value === '..') refuse('..', 'a range makes a list as long as its numbers say; use $map over a list of the payload')
    if (type !== 'variable') continue
    const name = String(value)
    if (Object.hasOwn(REFUSED, name)) refuse(`$${name}`, `$${name} cannot be used: ${REFUSED[name]}`)
    if (!GIVEN.has(name) && !FUNCTIONS.has(name) && !own.has(name)) refuse(`$${name}`, `there is no $${name}`)
  }
}

/** The input, the input of the whole expression, and what Sight holds. */
const GIVEN: ReadonlySet<string> = new Set(['', '$', 'body', 'receivedAt'])
