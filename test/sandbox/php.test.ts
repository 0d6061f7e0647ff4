import { createHash } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { hashOf, toInteger, toText, trim } from '../../sandbox/portal/php.ts'
import { decodeEmoji, normalizeText } from '../../sandbox/portal/text.ts'
import { decodeJson, encodeJson } from '../../sandbox/rest/php-json.ts'

t.test('the escapes of the portal change the bytes of JSON and never its meaning', t => {
  fc.assert(fc.property(fc.jsonValue(), value => {
    const json = encodeJson(value)
    t.same(JSON.parse(json), JSON.parse(JSON.stringify(value)))
    return !/[<>&'\u2028\u2029]|[^\\]\//.test(json)
  }))
  t.end()
})

t.test('a text comes back from a request as it was sent', t => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), text => {
    t.same(decodeJson(Buffer.from(JSON.stringify({ text: [text] }))), { text: [text] })
  }))
  t.end()
})

t.test('an empty map is a list, as in PHP, and so is one with the keys of a list', t => {
  t.same(decodeJson(Buffer.from('{"a":{},"b":{"0":"x","1":"y"},"c":{"1":"y"}}')), { a: [], b: ['x', 'y'], c: { 1: 'y' } })
  t.end()
})

t.test('the profile hash is the MD5 of what PHP would serialize', t => {
  const block = { id: 42, ok: true, name: 'Иван', none: null, list: ['a'], ratio: 0.5 }
  const serialized = 'a:6:{s:2:"id";i:42;s:2:"ok";b:1;s:4:"name";s:8:"Иван";s:4:"none";N;s:4:"list";a:1:{i:0;s:1:"a";}s:5:"ratio";d:0.5;}'
  t.equal(hashOf(block), createHash('md5').update(serialized).digest('hex'))
  t.end()
})

t.test('values turn into texts and integers as in PHP', t => {
  t.same([true, false, null, 1, 9n, 'x', ['x']].map(toText), ['1', '', '', '1', '9', 'x', 'Array'])
  t.same(['12abc', 'abc', '', true, null, [], ['x'], 3.9].map(toInteger), [12, 0, 0, 1, 0, 0, 1, 3])
  t.end()
})

t.test('only the white space PHP knows is trimmed', t => {
  t.equal(trim(' \t\n\r\0\x0B\u00A0x\uFEFF '), '\u00A0x\uFEFF')
  t.equal(normalizeText('[BR] a[br]b [Br] '), 'a\nb [Br]')
  t.end()
})

t.test('what is no UTF-8 between colons is left alone', t => {
  t.equal(decodeEmoji(':f09f9180f09f8fbb: :F09F9880: :ffffffff: :f09f98:'), '\u{1F440}\u{1F3FB} 😀 :ffffffff: :f09f98:')
  t.end()
})
