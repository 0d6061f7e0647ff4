import t from 'tap'
import fc from 'fast-check'
import { createHmac as createReference } from 'node:crypto'
import { createHmac } from '../../src/signatures/hmac.ts'

const algorithms = ['sha1', 'sha256', 'sha512'] as const
const encodings = ['hex', 'base64'] as const

t.test('an HMAC is the one that node:crypto makes, whatever the key, the preamble and the body', async t => {
  const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map(array => Buffer.from(array))
  const anything = [fc.constantFrom(...algorithms), fc.constantFrom(...encodings), bytes(200), fc.string({ unit: 'grapheme' }), bytes(1000), bytes(300)] as const
  fc.assert(fc.property(...anything, (algorithm, encoding, key, preamble, body, next) => {
    const hmac = createHmac(algorithm, key, encoding)
    const expected = (body: Buffer) => createReference(algorithm, key).update(preamble).update(body).digest(encoding)
    return hmac(preamble, body) === expected(body) && hmac(preamble, next) === expected(next)
  }), { numRuns: 500 })
  t.pass()
})

t.test('keys about as long as a block, and the vector of RFC 4231', async t => {
  for (const algorithm of algorithms) {
    for (const length of [0, 1, 24, 63, 64, 65, 127, 128, 129]) {
      const key = Buffer.alloc(length, 0xa5)
      const expected = createReference(algorithm, key).update('id.{}').digest('base64')
      t.equal(createHmac(algorithm, key, 'base64')('id.', Buffer.from('{}')), expected, `${algorithm}, ${length} bytes`)
    }
  }
  const jefe = createHmac('sha256', Buffer.from('Jefe'), 'hex')
  t.equal(jefe('what do ya want ', Buffer.from('for nothing?')), '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843')
})
