import t from 'tap'
import fc from 'fast-check'
import { BadRequest } from '../../src/base/errors.ts'
import { parseJson, parseJsonExactly, parseJsonOnce } from '../../src/base/json.ts'

const parse = (text: string) => parseJsonExactly(Buffer.from(text))

t.test('integers that a number cannot hold come out digit by digit, all else as ever', async t => {
  t.strictSame(parse('{"seq":116193180410675391,"list":[-9007199254740993,9007199254740991,1.5,1e300,"116193180410675391"],"time":1773266050123}'), {
    seq: 116193180410675391n, list: [-9007199254740993n, 9007199254740991, 1.5, 1e300, '116193180410675391'], time: 1773266050123,
  })
  t.strictSame(parse('{"a":1}'), { a: 1 })
  fc.assert(fc.property(fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }), value => BigInt(parse(String(value)) as bigint) === value))
})

t.test('what would reach a prototype, is not UTF-8 or no JSON is refused without being quoted', async t => {
  for (const read of [parseJson, parseJsonExactly, parseJsonOnce]) {
    t.throws(() => read(Buffer.from('{"__proto__":{"seq":11619318041067539}}')), { message: /not allowed/ })
    t.throws(() => read(Buffer.from('{"constructor":{"prototype":1}}')), BadRequest)
    t.throws(() => read(Buffer.from([0x22, 0xff, 0x22])), { message: 'the body is not UTF-8' })
    t.throws(() => read(Buffer.from('{"text":"hidden')), { message: 'the body is not JSON' })
  }
})

t.test('a body that is asked again is taken apart once', async t => {
  const body = Buffer.from('{"id":116193180410675391}')
  t.strictSame(parseJsonOnce(body), { id: 116193180410675391n })
  t.equal(parseJsonOnce(body), parseJsonOnce(body))
  t.not(parseJsonOnce(body), parseJsonOnce(Buffer.from(body)), 'equal bytes of another webhook are another body')
})
