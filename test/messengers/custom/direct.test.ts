import t from 'tap'
import fc from 'fast-check'
import jsonata from 'jsonata'
import { collectNodes, namesGiven } from '../../../src/messengers/custom/ast.ts'
import { compileDirect } from '../../../src/messengers/custom/direct.ts'
import { BEYOND } from '../../../src/messengers/custom/direct-values.ts'
import { fixture } from '../fixture.ts'
import { example, NOW } from './channel.ts'

const LEFT = 'left to JSONata'

/** What is evaluated directly, or LEFT. */
function evaluateDirectly (source: string, input: unknown): unknown {
  const ast = jsonata(source).ast()
  const direct = compileDirect(ast, new Set(collectNodes(ast).flatMap(namesGiven)))
  try {
    return direct === null ? LEFT : direct(input, { body: input, receivedAt: NOW })
  } catch (error) {
    if (error === BEYOND) return LEFT
    throw error
  }
}

async function evaluateByReference (source: string, input: unknown): Promise<unknown> {
  return await jsonata(source).evaluate(input, { body: input, receivedAt: NOW }).catch((error: { code?: string }) => `a fault: ${error.code}`)
}

const LETTERS = ['a', 'b', 'c']
const leaf = fc.constantFrom<unknown>('', 'x', 'x.y', '5', '-1.5', '1e3', 'abc', 0, 1, 14, -2.5, 1e15, 2 ** 53, true, false, null)

const { value: payload } = fc.letrec(tie => ({
  value: fc.oneof({ maxDepth: 4, withCrossShrink: true }, leaf, tie('object'), fc.array(tie('value'), { maxLength: 3 })),
  object: fc.dictionary(fc.constantFrom(...LETTERS, 'tupleStream', 'outerWrapper', '_jsonata_lambda'), tie('value'), { maxKeys: 3 }),
}))

const literal = fc.constantFrom('"x"', '"x.y"', '"."', '""', '1', '0', '14', '-2', '2.5', 'true', 'false', 'null')
const name = fc.constantFrom(...LETTERS)
const variable = fc.constantFrom('$', '$$', '$body', '$v', '$receivedAt')

const { source } = fc.letrec<Record<'source' | 'path', string>>(tie => {
  const one = (template: (inner: string) => string) => tie('source').map(template)
  const two = (template: (left: string, right: string) => string) => fc.tuple(tie('source'), tie('source')).map(([left, right]) => template(left, right))
  return {
    path: fc.array(name, { minLength: 1, maxLength: 3 }).map(names => names.join('.')),
    source: fc.oneof({ maxDepth: 4, withCrossShrink: true },
      tie('path'), literal, variable,
      fc.tuple(variable, tie('path')).map(([start, path]) => `${start}.${path}`),
      fc.tuple(tie('path'), tie('source')).map(([path, inner]) => `${path}.(${inner})`),
      fc.tuple(tie('path'), tie('source'), tie('source')).map(([path, one, other]) => `${path}.{ "a": ${one}, "b": ${other} }`),
      two((left, right) => `{ "a": ${left}, "c": { "b": ${right} } }`),
      two((left, right) => `($v := ${left}; ${right})`),
      fc.tuple(fc.constantFrom('=', '!=', 'and', 'or', '&', '+', '-', '*', '/', '%', '<', '<=', '>', '>=', '??', '?:'), tie('source'), tie('source')).map(([operator, left, right]) => `(${left}) ${operator} (${right})`),
      one(inner => `(${inner}) in ["x", 14, ""]`),
      two((condition, value) => `(${condition}) ? (${value})`),
      fc.tuple(tie('source'), tie('source'), tie('source')).map(([condition, one, other]) => `(${condition}) ? (${one}) : (${other})`),
      fc.tuple(fc.constantFrom('exists', 'not', 'boolean', 'type', 'string', 'number'), tie('source')).map(([name, inner]) => `$${name}(${inner})`),
      fc.tuple(fc.constantFrom('contains', 'substringBefore', 'substringAfter'), tie('source'), tie('source')).map(([name, text, other]) => `$${name}(${text}, ${other})`),
      fc.tuple(tie('path'), fc.constantFrom('string', 'exists', 'type')).map(([path, name]) => `${path}.$${name}($)`)
    ),
  }
})

t.test('what is evaluated directly comes out as by JSONata, whatever the expression and the payload', async t => {
  let direct = 0
  await fc.assert(fc.asyncProperty(source, payload, async (source, input) => {
    const result = evaluateDirectly(source, input)
    if (result === LEFT) return
    direct++
    const expected = await evaluateByReference(source, input)
    if (JSON.stringify(result) !== JSON.stringify(expected)) throw new Error(`${JSON.stringify(result)} is not ${JSON.stringify(expected)}`)
  }), { numRuns: 1000 })
  t.ok(direct > 300, `${direct} were evaluated directly`)
})

t.test('mappings as they are written are evaluated directly, and give what JSONata gives', async t => {
  for (const name of ['slack', 'rocket-chat', 'chatwoot', 'evolution']) {
    const body: unknown = JSON.parse(fixture(`custom/${name}/edited`).toString())
    for (const key of ['filter', 'map']) {
      const source = [example(name)[key]].flat().join('\n')
      const result = evaluateDirectly(source, body)
      t.not(result, LEFT, `${key} of ${name}`)
      t.same(JSON.parse(JSON.stringify(result)), JSON.parse(JSON.stringify(await evaluateByReference(source, body))), `${key} of ${name}`)
    }
  }
})

t.test('what has rules of its own is left to JSONata', async t => {
  const body = { a: { b: [1], c: 1 }, list: [1], object: {}, huge: 1e300, odd: { tupleStream: true } }
  const sources = [
    'list', 'a.b', 'list.x', '$.list', 'list[0]', 'a.b[]', '[a]', '*', '**', 'a.%', 'a{c: 1}', 'a^(c)', 'a@$x.c', 'a#$i.c', '$map(list, $string)', 'function($x){ $x }', 'a ~> $string', '$string(?)',
    'object = object', 'a & 1', '2.5 & ""', '1 < "x"', 'missing < 1', '1 + missing', 'huge * huge', '1 / 0', '$number("x")', '$number(true)', '$contains(1, "x")', '$contains("x", missing)', '$string(a)', '$string(1, true)',
    'odd', 'odd{"a": 1}', '{ "a": 1, "a": 2 }', '{ c: 1 }', '{ "outerWrapper": true }', '{ "_jsonata_lambda": true }', '{ "a": $x := 1 }', '($string := 1; $string(2))', '-c', '$string', '1 in list', '1 in [a]',
  ]
  for (const source of sources) t.equal(evaluateDirectly(source, body), LEFT, source)
  t.equal(evaluateDirectly('c', [{ c: 1 }]), LEFT, 'a list as the body')
})
