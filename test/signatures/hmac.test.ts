import t from 'tap'
import fc from 'fast-check'
import { createHmac } from 'node:crypto'
import { createHmacSha256 } from '../../src/signatures/hmac.ts'

t.test('an HMAC is the one that node:crypto makes, whatever the key, the preamble and the body', async t => {
  const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map(array => Buffer.from(array))
  fc.assert(fc.property(bytes(200), fc.string({ unit: 'grapheme' }), bytes(1000), bytes(300), (key, preamble, body, next) => {
    const hmac = createHmacSha256(key)
    const expected = (body: Buffer) => createHmac('sha256', key).update(preamble).update(body).digest('base64')
    return hmac(preamble, body) === expected(body) && hmac(preamble, next) === expected(next)
  }), { numRuns: 500 })
  t.pass()
})

t.test('keys about as long as a block, and the vector of RFC 4231', async t => {
  for (const length of [0, 1, 24, 63, 64, 65, 128]) {
    const key = Buffer.alloc(length, 0xa5)
    t.equal(createHmacSha256(key)('id.', Buffer.from('{}')), createHmac('sha256', key).update('id.{}').digest('base64'), `${length} bytes`)
  }
  const jefe = createHmacSha256(Buffer.from('Jefe'))('what do ya want ', Buffer.from('for nothing?'))
  t.equal(Buffer.from(jefe, 'base64').toString('hex'), '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843')
})
