import t from 'tap'
import fc from 'fast-check'
import { BadRequest } from '../../src/base/errors.ts'
import { parseBody, tryParseBody } from '../../src/base/json.ts'

const parse = (text: string) => parseBody(Buffer.from(text))

t.test('integers that a number cannot hold come out digit by digit, all else as ever', async t => {
  t.strictSame(parse('{"seq":116193180410675391,"list":[-9007199254740993,9007199254740991,1.5,1e300,"116193180410675391"],"time":1773266050123}'), {
    seq: 116193180410675391n, list: [-9007199254740993n, 9007199254740991, 1.5, 1e300, '116193180410675391'], time: 1773266050123,
  })
  t.strictSame(parse('{"a":1}'), { a: 1 })
  fc.assert(fc.property(fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }), value => BigInt(parse(String(value)) as bigint) === value))
})

t.test('what would reach a prototype, is not UTF-8 or no JSON is refused without being quoted', async t => {
  t.throws(() => parse('{"__proto__":{"seq":11619318041067539}}'), { message: /not allowed/ })
  t.throws(() => parse('{"__proto__":{"seq":1}}'), { message: /not allowed/ })
  t.throws(() => parse('{"constructor":{"prototype":1}}'), BadRequest)
  t.throws(() => parseBody(Buffer.from([0x22, 0xff, 0x22])), { message: 'the body is not UTF-8' })
  t.throws(() => parse('{"text":"hidden'), { message: 'the body is not JSON' })
  t.throws(() => parse('['.repeat(1_000_000)), { message: 'the body has lists or objects more than 500 deep' })
  t.doesNotThrow(() => parse(`${'['.repeat(500)}9007199254740993${']'.repeat(500)}`))
  t.equal(tryParseBody(Buffer.from('{"text":"hidden')), undefined)
})

t.test('a body that is asked again is taken apart once', async t => {
  const body = Buffer.from('{"id":116193180410675391}')
  t.strictSame(parseBody(body), { id: 116193180410675391n })
  t.equal(parseBody(body), parseBody(body))
  t.not(parseBody(body), parseBody(Buffer.from(body)), 'equal bytes of another webhook are another body')
})
