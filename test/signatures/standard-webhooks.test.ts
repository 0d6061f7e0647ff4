import t from 'tap'
import { Webhook } from 'standardwebhooks'
import { Unauthenticated } from '../../src/base/errors.ts'
import { generateSecret, readSecret, signStandardWebhook, STANDARD_WEBHOOKS } from '../../src/signatures/standard-webhooks.ts'
import { createVerifier } from '../../src/signatures/verify.ts'

// The vector that the specification's own libraries test themselves with.
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const BODY = Buffer.from('{"test": 2432232314}')
const SENT_AT_S = 1614265330
const HEADERS = {
  'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  'webhook-timestamp': String(SENT_AT_S),
  'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
}

function key (secret: string): Buffer {
  const key = readSecret(secret)
  if (key === null) throw new Error('not a secret')
  return key
}

function verify (headers: Record<string, string | undefined>, body: Buffer = BODY, keys = [key(SECRET)], nowMs = SENT_AT_S * 1000) {
  createVerifier(STANDARD_WEBHOOKS, keys)({ headers, body }, nowMs)
}

t.test('the vector of the specification is authentic', async t => {
  t.doesNotThrow(() => verify(HEADERS))
})

t.test('the same under the header names of Svix is authentic', async t => {
  const headers = Object.fromEntries(Object.entries(HEADERS).map(([name, value]) => [name.replace('webhook', 'svix'), value]))
  t.doesNotThrow(() => verify(headers))
  t.throws(() => verify({ ...headers, 'svix-id': 'msg_other' }), Unauthenticated)
})

t.test('one matching signature of a list is enough', async t => {
  const other = 'Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc='
  t.doesNotThrow(() => verify({ ...HEADERS, 'webhook-signature': `v1,${other} v2,${other} ${HEADERS['webhook-signature']} v1,${other}` }))
  t.throws(() => verify({ ...HEADERS, 'webhook-signature': `v1,${other} v1a,${other}` }), Unauthenticated)
})

t.test('while secrets rotate, either of them signs', async t => {
  const [previous, next] = [key(generateSecret()), key(generateSecret())]
  for (const secret of [previous, next]) t.doesNotThrow(() => verify(signStandardWebhook(secret, BODY, SENT_AT_S * 1000), BODY, [next, previous]))
  t.throws(() => verify(signStandardWebhook(previous, BODY, SENT_AT_S * 1000), BODY, [next]), Unauthenticated)
})

t.test('an empty body can be authentic', async t => {
  const body = Buffer.alloc(0)
  t.doesNotThrow(() => verify(signStandardWebhook(key(SECRET), body, SENT_AT_S * 1000), body))
})

t.test('an edge of five minutes is fresh, a second more is not', async t => {
  for (const offsetS of [-300, 300]) t.doesNotThrow(() => verify(HEADERS, BODY, undefined, (SENT_AT_S + offsetS) * 1000))
  for (const offsetS of [-301, 301]) t.throws(() => verify(HEADERS, BODY, undefined, (SENT_AT_S + offsetS) * 1000), Unauthenticated)
})

t.test('what is not authentic is refused', async t => {
  const cases: [string, Record<string, string | undefined>, Buffer?][] = [
    ['no headers', {}],
    ['no id', { ...HEADERS, 'webhook-id': undefined }],
    ['an empty id', { ...HEADERS, 'webhook-id': '' }],
    ['no timestamp', { ...HEADERS, 'webhook-timestamp': undefined }],
    ['no signature', { ...HEADERS, 'webhook-signature': undefined }],
    ['a timestamp in words', { ...HEADERS, 'webhook-timestamp': 'hello' }],
    ['a timestamp with a sign', { ...HEADERS, 'webhook-timestamp': `+${SENT_AT_S}` }],
    ['a timestamp with a fraction', { ...HEADERS, 'webhook-timestamp': `${SENT_AT_S}.0` }],
    ['another id', { ...HEADERS, 'webhook-id': 'msg_other' }],
    ['a wrong signature', { ...HEADERS, 'webhook-signature': 'v1,dawfeoifkpqwoekfpqoekf' }],
    ['a signature cut to eight characters', { ...HEADERS, 'webhook-signature': HEADERS['webhook-signature'].slice(0, 8) }],
    ['an empty signature', { ...HEADERS, 'webhook-signature': 'v1,' }],
    ['a signature of another version', { ...HEADERS, 'webhook-signature': HEADERS['webhook-signature'].replace('v1,', 'v2,') }],
    ['a signature without a version', { ...HEADERS, 'webhook-signature': HEADERS['webhook-signature'].slice(3) }],
    ['a signature with letters outside ASCII', { ...HEADERS, 'webhook-signature': HEADERS['webhook-signature'].replace('g0', 'ğ0') }],
    ['another body', HEADERS, Buffer.from('{"test": 2432232315}')],
    ['the same value written otherwise', HEADERS, Buffer.from('{"test":2432232314}')],
    ['an empty body', HEADERS, Buffer.alloc(0)],
  ]
  for (const [what, headers, body] of cases) t.throws(() => verify(headers, body), Unauthenticated, what)
  t.throws(() => verify(HEADERS, BODY, []), Unauthenticated, 'no secret')
  t.throws(() => createVerifier([], [key(SECRET)])({ headers: HEADERS, body: BODY }, SENT_AT_S * 1000), Unauthenticated, 'no scheme')
})

t.test('an id cannot take bytes of the body to itself', async t => {
  const body = Buffer.from(`x.${SENT_AT_S}.{}`)
  const headers = signStandardWebhook(key(SECRET), body, SENT_AT_S * 1000, 'msg')
  t.throws(() => verify({ ...headers, 'webhook-id': `msg.${SENT_AT_S}.x` }, Buffer.from('{}')), { message: /full stop/ })
})

t.test('a refusal tells nothing of the secret', async t => {
  t.throws(() => verify({ ...HEADERS, 'webhook-signature': 'v1,x' }), { message: /^(?!.*(MfKQ|g0hM))/ })
})

t.test('the reference implementation takes our signatures, and we take its', async t => {
  const secret = generateSecret()
  const now = Date.now()
  const body = JSON.stringify({ type: 'message.edited', text: 'ёж 🦔' })
  t.strictSame(new Webhook(secret).verify(body, signStandardWebhook(key(secret), body, now)), JSON.parse(body))
  const theirs = new Webhook(secret).sign('msg_1', new Date(now), body)
  t.doesNotThrow(() => verify({ 'webhook-id': 'msg_1', 'webhook-timestamp': String(Math.floor(now / 1000)), 'webhook-signature': theirs },
    Buffer.from(body), [key(secret)], now))
})

t.test('a secret is base64 of 24 to 64 bytes, with its prefix or without', async t => {
  t.match(generateSecret(), /^whsec_[A-Za-z0-9+/]{43}=$/)
  t.not(generateSecret(), generateSecret())
  t.equal(readSecret(SECRET)?.length, 24)
  t.same(readSecret(SECRET.slice(6)), readSecret(SECRET))
  t.equal(readSecret(Buffer.alloc(64).toString('base64'))?.length, 64)
  for (const secret of ['', 'whsec_', 'whsec_short', Buffer.alloc(23).toString('base64'), Buffer.alloc(65).toString('base64'), 'whsec_change-me-change-me-change-me-change-me', `${SECRET} `]) {
    t.equal(readSecret(secret), null, JSON.stringify(secret))
  }
})
