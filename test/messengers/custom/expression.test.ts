import t from 'tap'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { compileExpression, ExpressionFault } from '../../../src/messengers/custom/expression.ts'
import { FUNCTIONS, REFUSED } from '../../../src/messengers/custom/functions.ts'

async function evaluate (source: string, input: unknown = {}, steps = 2000): Promise<unknown> {
  return await compileExpression(source, 'map')(input, { body: { whole: true }, receivedAt: 1000 }, { steps })
}

/** Why the expression cannot be used. */
function faultOf (source: string): string {
  try {
    compileExpression(source, 'map')
  } catch (error) {
    if (error instanceof ExpressionFault) return error.message
    throw error
  }
  return 'none'
}

t.test('an expression sees its input, the whole body and the time at which it came', async t => {
  t.equal(await evaluate('a.b', { a: { b: 'c' } }), 'c')
  t.equal(await evaluate('$.a & $$.a', { a: 'b' }), 'bb')
  t.same(await evaluate('$body.whole'), true)
  t.equal(await evaluate('$receivedAt'), 1000)
  t.equal(await evaluate('missing.$receivedAt'), undefined)
})

t.test('what a faulty expression lacks is said with its line and column', async t => {
  t.equal(faultOf('{"a" 1}'), 'line 1, column 6: Expected ":", got 1')
  t.equal(faultOf('{\n  "a": b,\n  "c": (d\n}'), 'line 4, column 1: Expected ")", got "}"')
  t.equal(faultOf('a.'), 'line 1, column 3: Unexpected end of expression')
  t.match(faultOf('"abc'), /^line 1, column 4: String literal must be terminated/)
  t.match(faultOf(''), /Unexpected end of expression/)
  t.match(faultOf('x'.repeat(20_001)), /more than 20000 characters/)
})

t.test('regular expressions are refused wherever they stand: one of them can freeze the process', async t => {
  for (const source of ['$match(text, /(a+)+$/)', '$contains(text, /(a+)+$/)', '$split(text, /x/i)', 'text ~> /x/', '{"a": [1, {"b": /x/}]}', 'a[$contains(b, /x/)]', 'a@$b.c[/x/]', 'function($x){ /x/ }', 'a ^( /x/ )', 'a ? /x/ : b', '($r := /x/; 1)', '$map(a, /x/)', '/x/(a)', 'a{/x/(b): 1}']) {
    t.match(faultOf(source), /^line 1, column \d+: a regular expression can block the relay/, source)
  }
  t.match(faultOf('{\n  "a": $contains(b, /xy/i)\n}'), /^line 2, column 21: /, 'where it begins')
})

t.test('functions that the guardrails cannot hold are refused by any name', async t => {
  for (const name of Object.keys(REFUSED)) {
    for (const source of [`$${name}(a)`, `a ~> $${name}`, `($f := $${name}; $f(a))`, `$map(a, $${name})`, `$${name}(?, a)`, `function($${name}){ $${name}(a) }`, `($${name} := 1; $${name})`, `a@$${name}.$${name}(b)`]) {
      t.match(faultOf(source), new RegExp(`\\$${name} cannot be used: `), source)
    }
  }
  t.match(faultOf('$eval(text)'), /^line 1, column 1: \$eval cannot be used: it would run code from a client/)
})

t.test('each function of JSONata is allowed or refused, and none is forgotten', async t => {
  const source = readFileSync(createRequire(import.meta.url).resolve('jsonata'), 'utf8')
  const all = [...source.matchAll(/(?:staticFrame|environment)\.bind\('(\w+)', defineFunction/g)].map(([, name]) => String(name))
  t.strictSame([...new Set(all)].sort(), [...FUNCTIONS, ...Object.keys(REFUSED)].sort())
})

t.test('a name that nothing has is refused, and one that the expression makes is not', async t => {
  t.equal(faultOf('a & $substringbefore(b, ".")'), 'line 1, column 5: there is no $substringbefore')
  t.equal(faultOf('$f(1)'), 'line 1, column 1: there is no $f')
  t.equal(await evaluate('($x := 2; $f := function($y){ $y * $x }; $f(21))'), 42)
  t.same(await evaluate('items@$i#$n.{ "of": $i.a, "at": $n }', { items: [{ a: 1 }, { a: 2 }] }), [{ of: 1, at: 0 }, { of: 2, at: 1 }])
})

t.test('ranges and the transform operator are refused', async t => {
  t.match(faultOf('[1..n]'), /^line 1, column 3: a range can make a list of any length/)
  t.match(faultOf('$ ~> | a | {"b": 1} |'), /^line 1, column \d+: the transform operator/)
})

t.test('a fault names the expression, the place and the function, and no word of the payload', async t => {
  const cases: Array<[string, string]> = [
    ['{ "a": $number(secret) }', 'map: line 1, column 8, $number: this cannot be read as a number'],
    ['{\n"a": $substringBefore(n, ".") }', 'map: line 2, column 6, $substringBefore: an argument has the wrong type'],
    ['secret + 1', 'map: line 1, column 8, the left side is not a number'],
    ['1 - secret', 'map: line 1, column 3, the right side is not a number'],
    ['secret > 1', 'map: line 1, column 8, the two sides have different types'],
    ['$toMillis(secret)', 'map: line 1, column 1, $toMillis: it cannot handle a value'],
    ['$single(list)', 'map: line 1, column 1, $single: JSONata\'s D3138'],
    ['{ n: 1 }', 'map: line 1, column 1, the key of an object is not a text'],
    ['n & secret(n)', 'map: line 1, column 6, this is not a function'],
  ]
  for (const [source, message] of cases) await t.rejects(evaluate(source, { secret: 'a-client\'s-word', n: 5, list: [1, 2] }), { name: 'BadRequest', message }, source)
})

t.test('the functions that are replaced do what JSONata\'s do, within limits', async t => {
  const input = { text: 'a-b-c', list: ['x', 'y'], long: 'ab'.repeat(1500), longer: 'a'.repeat(1000) }
  t.same(await evaluate('$split(text, "-")', input), ['a', 'b', 'c'])
  t.equal(await evaluate('$join(list)', input), 'xy')
  t.equal(await evaluate('$join(list, ", ")', input), 'x, y')
  t.equal(await evaluate('$replace(text, "-", "$1")', input), 'a$1b$1c')
  t.equal(await evaluate('text ~> $replace("-", "+")', input), 'a+b+c')
  t.equal(await evaluate('$toMillis("2026-11-22T10:00:00Z")'), Date.UTC(2026, 10, 22, 10))
  t.equal(await evaluate('$toMillis("2026-11-22T10:00:00.5+0300")'), Date.UTC(2026, 10, 22, 7, 0, 0, 500))
  for (const name of ['split(missing, "-")', 'join(missing)', 'replace(missing, "-", "+")', 'toMillis(missing)']) t.equal(await evaluate(`$${name}`), undefined, name)
  await t.rejects(evaluate('$split(long, "a")', { long: 'a'.repeat(2000) }), { message: /\$split/ }, 'too many parts')
  await t.rejects(evaluate('$replace(longer, "a", long)', input), { message: /\$replace/ }, 'a text too long')
  await t.rejects(evaluate('$join($split(long, "ab"), longer)', input), { message: /\$join/ }, 'a text too long')
  await t.rejects(evaluate('$replace(text, "", "+")', input), { message: /\$replace/ })
  await t.rejects(evaluate('$toMillis(text, "[Y]")', input), { message: /\$toMillis/ }, 'a picture')
})

t.test('work without end comes to an end', async t => {
  const items = Array.from({ length: 1500 }, (_, index) => ({ index }))
  await t.rejects(evaluate('($f := function($x){ $f($x) }; $f(1))'), { name: 'BadRequest', message: 'map: it takes too many steps' }, 'a loop')
  await t.rejects(evaluate('($f := function($x){ 1 + $f($x) }; $f(1))', {}, 20_000), { name: 'BadRequest', message: /^map: line 1, column \d+, the recursion is too deep$/ }, 'a recursion')
  await t.rejects(evaluate('items.($i := index; $$.items[index = $i])', { items }), { name: 'BadRequest', message: 'map: it takes too many steps' }, 'each with each')
  const doubled = Array.from({ length: 40 }, () => '$x := $x & $x').join('; ')
  await t.rejects(evaluate(`($x := text; ${doubled}; $x)`, { text: 'x' }), { name: 'BadRequest', message: 'map: line 1, column 443, it cannot handle a value' }, 'a text that doubles')
  await t.rejects(evaluate('items.index', { items: [...items, ...items] }), { name: 'BadRequest', message: 'map: a list has too many items' }, 'a long list')
  await t.rejects(evaluate('$reduce(items, function($all, $item){ $append($all, $all) }, [1])', { items }), { name: 'BadRequest', message: /a list has too many items/ }, 'a list that doubles')
  const patient = compileExpression('($f := function($x){ $f($x) }; $f(1))', 'map', { timeout: 20, stack: 1000, sequence: 1000 })
  await t.rejects(patient({}, { body: {}, receivedAt: 0 }, { steps: Infinity }), { name: 'Overloaded', message: 'map did not finish within 20 ms' }, 'a loop of steps that take long')
  await t.rejects(evaluate('a[0]', { a: 1 }, 0), { name: 'BadRequest', message: 'map: it takes too many steps' }, 'no steps left')
})

t.test('what a payload calls itself does not make it a function or a program', async t => {
  const guises = [{ _jsonata_lambda: true }, { _jsonata_function: true, implementation: 'x' }, { tupleStream: true, '@': {}, exists: 1 }, { then: 'x' }, JSON.parse('{"__proto__": {"a": 1}}') as unknown]
  for (const guise of guises) {
    for (const source of ['a', 'a.b', 'a()', '$map(list, a)', 'a{"x": $exists(b)}', '$string(a)', 'a = a', '*', '**', '$keys(a)', '$merge([a, a])']) {
      await evaluate(source, { a: guise, list: [1] }).catch((error: unknown) => { t.match(error, { name: 'BadRequest' }, source) })
    }
  }
  t.equal(await evaluate('$exists(a.toString) or $exists(a.constructor) or $exists($lookup(a, "__proto__"))', { a: {} }), false)
  t.equal(({} as { a?: unknown }).a, undefined)
})

t.test('evaluations at the same time do not spend each other\'s steps', async t => {
  const evaluate = compileExpression('$sum([a, 1])', 'map')
  const budgets = Array.from({ length: 20 }, () => ({ steps: 100 }))
  const results = await Promise.all(budgets.map(async (budget, a) => await evaluate({ a }, { body: {}, receivedAt: 0 }, budget)))
  t.strictSame(results, budgets.map((_, a) => a + 1))
  t.equal(new Set(budgets.map(({ steps }) => steps)).size, 1)
})
