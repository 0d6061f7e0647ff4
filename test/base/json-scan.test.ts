import t from 'tap'
import fc from 'fast-check'
import { tryParseBody, valueAt } from '../../src/base/json.ts'
import { MAX_DEPTH, scanJson } from '../../src/base/json-scan.ts'

/** Pairs in place of objects: so keys can repeat. */
type Tree = null | boolean | number | string | readonly Tree[] | { readonly pairs: ReadonlyArray<readonly [string, Tree]> }

const MEGABYTE = 1024 * 1024
const PATH = ['auth', 'to"k/en']

/** Keys that are on the path, and such that are not. */
const key = fc.constantFrom(...PATH, 'secret', '', 'Auth')

const { tree } = fc.letrec<{ tree: Tree }>(tie => ({
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.oneof(fc.constantFrom(null, true, -1.5e300), fc.string({ unit: 'binary', maxLength: 6 }), fc.constantFrom('{"auth":', '\\', '"', '[[', ':')),
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.record({ pairs: fc.array(fc.tuple(key, tie('tree')), { maxLength: 5 }) })
  ),
}))

/** Writes JSON in one of the many ways in which it can be written. `choose` gives the next random number. */
function write (value: Tree, choose: () => number): string {
  const blank = () => ['', '', '', ' ', '\n', '\r\n\t', '   '][choose() % 7] ?? ''
  const text = (string: string) => `"${[...string].map(character => {
    const escaped = [...Array(character.length).keys()].map(index => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`).join('')
    const plain = JSON.stringify(character).slice(1, -1)
    const choice = choose() % 4
    return choice === 0 ? escaped : choice === 1 ? escaped.replace(/[a-f]/g, letter => letter.toUpperCase()) : character === '/' && choice === 2 ? '\\/' : plain
  }).join('')}"`
  const list = (items: string[], open: string, close: string) => `${open}${blank()}${items.join(`${blank()},${blank()}`)}${blank()}${close}`
  if (typeof value === 'string') return text(value)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if ('pairs' in value) return list(value.pairs.map(([name, item]) => `${text(name)}${blank()}:${blank()}${write(item, choose)}`), '{', '}')
  return list(value.map(item => write(item, choose)), '[', ']')
}

const choices = fc.array(fc.nat(27), { minLength: 1, maxLength: 60 }).map(numbers => {
  let next = 0
  return () => numbers[next++ % numbers.length] ?? 0
})

t.test('the string is found however the JSON is written, if the parser finds it there, and only then', async () => {
  fc.assert(fc.property(tree, choices, fc.boolean(), (value, choose, hasMark) => {
    const body = Buffer.from(`${hasMark ? '\ufeff' : ''}\n${write(value, choose)} `)
    const parsed = valueAt(tryParseBody(body), PATH)
    return scanJson(body, PATH).found === (typeof parsed === 'string' ? parsed : null)
  }), { numRuns: 3000 })
})

t.test('a secret of any characters is found in the envelope of an event', async () => {
  const secret = fc.string({ unit: 'grapheme', minLength: 16, maxLength: 100 })
  const others = fc.array(fc.tuple(fc.string({ unit: 'binary' }).filter(name => !PATH.includes(name)), tree), { maxLength: 3 })
  fc.assert(fc.property(secret, others, tree, choices, (secret, before, after, choose) => {
    const token: Tree = { pairs: [...before, [PATH[1] ?? '', secret]] }
    const body = Buffer.from(write({ pairs: [...before, [PATH[0] ?? '', token], ['object', after]] }, choose))
    return scanJson(body, PATH).found === secret && scanJson(body, [PATH[1] ?? '']).found === null
  }), { numRuns: 1000 })
})

t.test('any bytes are read to their end', async () => {
  const piece = fc.constantFrom('{', '}', '[', ']', '"', '\\', ':', ',', ' ', '"auth"', '"to\\"k\\/en"', '"x"', '1', '\\u00', '\xff')
  fc.assert(fc.property(fc.array(piece, { maxLength: 60 }), pieces => {
    const body = Buffer.from(pieces.join(''), 'latin1')
    const parsed = valueAt(tryParseBody(body), PATH)
    return typeof parsed !== 'string' || scanJson(body, PATH).found === parsed
  }), { numRuns: 3000 })
})

t.test('brackets are counted where they are brackets', async t => {
  const nested = (depth: number) => Buffer.from(`${'['.repeat(depth)}${']'.repeat(depth)}`)
  t.equal(scanJson(nested(MAX_DEPTH)).isTooDeep, false)
  t.equal(scanJson(nested(MAX_DEPTH + 1)).isTooDeep, true)
  t.equal(scanJson(Buffer.from(`"${'['.repeat(MAX_DEPTH + 1)}\\"{"`)).isTooDeep, false, 'in a text')
  t.equal(scanJson(Buffer.from(`[${'[],{},'.repeat(MAX_DEPTH)}1]`)).isTooDeep, false, 'beside each other')
})

t.test('the work for keys and strings has a limit', async t => {
  const among = (keys: number) => Buffer.from(`{${'"x":1,'.repeat(keys)}"secret":"found"}`)
  t.equal(scanJson(among(999), ['secret']).found, 'found')
  t.equal(scanJson(among(1000), ['secret']).found, null)
  t.equal(scanJson(Buffer.from(`{"a":{${'"x":1,'.repeat(5000)}"y":1},"secret":"found"}`), ['secret']).found, 'found', 'keys elsewhere do not count')
  const escaped = (length: number) => Buffer.from(`{"secret":"${'\\u0061'.repeat(length)}"}`)
  t.equal(scanJson(escaped(1000), ['secret']).found, 'a'.repeat(1000))
  t.equal(scanJson(escaped(1001), ['secret']).found, null)
})

t.test('the time grows with the bytes and not faster, whatever they are', async t => {
  const shapes = ['[', '{"secret":', '{"a":', '"secret":"x",', '"secret":{', '"\\u0073ecret":"x",', '"', '\\', '"\\', '":', ' ', '"" ', '[]', '0,', '"secret"    ', '}']
  for (const shape of shapes) {
    for (const start of ['', '{', '{"a":[', '{"secret":"']) {
      const body = Buffer.from(start + shape.repeat(Math.ceil(MEGABYTE / shape.length)))
      const before = process.threadCpuUsage()
      scanJson(body, ['secret'])
      scanJson(body, ['secret', 'secret'])
      const { user, system } = process.threadCpuUsage(before)
      // Usually 10 ms, and 300 ms while coverage is measured. If it grew with the square, it would be minutes.
      t.ok(user + system < 2_000_000, `${start} ${shape}: ${user + system} µs`)
    }
  }
})
