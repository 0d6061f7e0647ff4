import type { LookupAddress } from 'node:dns'
import t from 'tap'
import { createAddressRule, createLookup, type Resolve } from '../../src/forward/address-rule.ts'

const NOT_PUBLIC = [
  '0.0.0.0', '10.1.2.3', '100.64.0.1', '127.0.0.1', '169.254.169.254', '172.16.0.1', '172.31.255.255', '192.0.0.1', '192.0.2.1', '192.168.1.1', '198.18.0.1', '198.51.100.1', '203.0.113.1',
  '224.0.0.1', '240.0.0.1', '255.255.255.255', '::', '::1', '::10.0.0.1', '::ffff:10.0.0.1', '::ffff:169.254.169.254', 'fe80::1', 'fe80::1%eth0', 'fec0::1', 'fc00::1', 'fd00:ec2::254', 'ff02::1',
  '64:ff9b::a00:1', '100::1', '2001::1', '2001:db8::1', '2002:a00:1::1', '4000::1', 'nonsense', '',
]

t.test('by TLS, a connector may be at any public address and at no other', async t => {
  const isAllowed = createAddressRule({ url: 'https://connector.example/', privateRanges: [] })
  for (const address of ['8.8.8.8', '172.32.0.1', '2a00:1450::1', '::ffff:8.8.8.8']) t.ok(isAllowed(address), address)
  for (const address of NOT_PUBLIC) t.notOk(isAllowed(address), address)
})

t.test('an address that is not public must be named, by itself or in a range', async t => {
  const isAllowed = createAddressRule({ url: 'https://connector.example/', privateRanges: ['10.1.2.3', '172.16.0.0/12', 'fd00::/8', '::1'] })
  for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '172.16.0.1', '172.31.255.255', 'fd00:ec2::254', '::1', '8.8.8.8']) t.ok(isAllowed(address), address)
  for (const address of ['10.1.2.4', '192.168.1.1', '127.0.0.1', 'fc00::1', 'fe80::1']) t.notOk(isAllowed(address), address)
})

t.test('without TLS, only what is named is allowed', async t => {
  const isAllowed = createAddressRule({ url: 'http://connector.example/', privateRanges: ['10.0.0.0/8'] })
  t.ok(isAllowed('10.1.2.3'))
  t.notOk(isAllowed('8.8.8.8'))
})

const resolve = (addresses: readonly LookupAddress[], asked: unknown[] = []): Resolve => (name, options, done) => {
  asked.push([name, options])
  done(null, [...addresses])
}

t.test('a name resolves to those of its addresses that are allowed', async t => {
  const isAllowed = createAddressRule({ url: 'https://connector.example/', privateRanges: [] })
  const asked: unknown[] = []
  const lookup = createLookup(isAllowed, resolve([{ address: '127.0.0.1', family: 4 }, { address: '8.8.8.8', family: 4 }, { address: '2a00:1450::1', family: 6 }], asked))
  const all = await new Promise((resolve, reject) => { lookup('connector.example', { all: true, hints: 32 }, (error, found) => error ? reject(error) : resolve(found)) })
  t.strictSame(all, [{ address: '8.8.8.8', family: 4 }, { address: '2a00:1450::1', family: 6 }])
  const one = await new Promise((resolve, reject) => { lookup('connector.example', {}, (error, ...found) => error ? reject(error) : resolve(found)) })
  t.strictSame(one, ['8.8.8.8', 4])
  t.strictSame(asked, [['connector.example', { all: true, hints: 32 }], ['connector.example', { all: true }]])
})

t.test('a name leads nowhere when none is, or when it cannot be resolved', async t => {
  const isAllowed = createAddressRule({ url: 'https://connector.example/', privateRanges: [] })
  const attempt = async (lookup: ReturnType<typeof createLookup>) =>
    await new Promise((resolve, reject) => { lookup('localhost', { all: true }, (error, found) => error ? reject(error) : resolve(found)) })
  await t.rejects(attempt(createLookup(isAllowed)), { code: 'ADDRESS_NOT_ALLOWED' }, 'as the system resolves it')
  await t.rejects(attempt(createLookup(isAllowed, (_name, _options, done) => done(Object.assign(new Error('no'), { code: 'ENOTFOUND' }), []))), { code: 'ENOTFOUND' })
})
