import t from 'tap'
import { createHmac } from 'node:crypto'
import { verifySlackRequest } from '@slack/bolt/dist/receivers/verify-request.js'
import { Unauthenticated } from '../../src/base/errors.ts'
import { BEARER, type HmacScheme, type Scheme, createVerifier } from '../../src/signatures/verify.ts'

const NOW = Date.UTC(2026, 10, 22, 10)
const SECRET = 'a secret of a test'

type Headers = Record<string, string | string[] | undefined>

function isAuthentic (scheme: Scheme, headers: Headers, body: string | Buffer = '{}', secrets: readonly string[] = [SECRET], nowMs = NOW): boolean {
  try {
    createVerifier([scheme], secrets.map(secret => Buffer.from(secret)))({ headers, body: Buffer.from(body) }, nowMs)
    return true
  } catch (error) {
    if (!(error instanceof Unauthenticated)) throw error
    return false
  }
}

const SLACK: HmacScheme = {
  kind: 'hmac', header: 'x-slack-signature', prefix: 'v0=', algorithm: 'sha256', encoding: 'hex', content: 'v0:{timestamp}:{body}', timestampHeader: 'x-slack-request-timestamp', toleranceS: 300,
}

const WAHA: HmacScheme = { kind: 'hmac', header: 'x-webhook-hmac', prefix: '', algorithm: 'sha512', encoding: 'hex', content: '{body}' }

const HUB: HmacScheme = { kind: 'hmac', header: 'x-hub-signature-256', prefix: 'sha256=', algorithm: 'sha256', encoding: 'hex', content: '{body}' }

t.test('the vector of Slack, https://docs.slack.dev/authentication/verifying-requests-from-slack', async t => {
  const body = 'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA' +
    '&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN' +
    '&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c'
  const headers = { 'x-slack-request-timestamp': '1531420618', 'x-slack-signature': 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503' }
  const secrets = ['8f742231b10e8888abcd99yyyzzz85a5']
  const sentAt = 1531420618_000
  t.ok(isAuthentic(SLACK, headers, body, secrets, sentAt))
  t.notOk(isAuthentic(SLACK, headers, `${body} `, secrets, sentAt), 'another body')
  t.notOk(isAuthentic(SLACK, { ...headers, 'x-slack-request-timestamp': '1531420619' }, body, secrets, sentAt), 'another time')
  t.notOk(isAuthentic(SLACK, headers, body, secrets, sentAt + 301_000), 'five minutes and a second later')
  t.notOk(isAuthentic(SLACK, headers, body, ['8f742231b10e8888abcd99yyyzzz85a6'], sentAt), 'another secret')
})

t.test('what Slack\'s own library takes we take, and what it refuses we refuse', async t => {
  const body = '{"text":"привет 🦔"}'
  const timestamp = String(NOW / 1000)
  const signature = `v0=${createHmac('sha256', SECRET).update(`v0:${timestamp}:${body}`).digest('hex')}`
  const cases: Array<[string, { body?: string, signature?: string, timestamp?: string, nowMs?: number }]> = [
    ['as it was signed', {}],
    ['another body', { body: '{}' }],
    ['another time', { timestamp: String(NOW / 1000 - 1) }],
    ['another version', { signature: signature.replace('v0', 'v1') }],
    ['a signature cut short', { signature: signature.slice(0, -2) }],
    ['a signature with more behind it', { signature: `${signature}00` }],
    ['no signature', { signature: 'v0=' }],
    ['five minutes later', { nowMs: NOW + 300_000 }],
    ['more than five minutes later', { nowMs: NOW + 301_000 }],
  ]
  for (const [what, changes] of cases) {
    const given = { body, signature, timestamp, nowMs: NOW, ...changes }
    const theirs = (): boolean => {
      try {
        verifySlackRequest({
          signingSecret: SECRET, body: given.body, nowMilliseconds: given.nowMs, headers: { 'x-slack-signature': given.signature, 'x-slack-request-timestamp': Number(given.timestamp) },
        })
        return true
      } catch {
        return false
      }
    }
    t.equal(isAuthentic(SLACK, { 'x-slack-signature': given.signature, 'x-slack-request-timestamp': given.timestamp }, given.body, [SECRET], given.nowMs), theirs(), what)
  }
})

t.test('the vector of WAHA, https://waha.devlike.pro/docs/how-to/events', async t => {
  const body = '{"event":"message","session":"default","engine":"WEBJS"}'
  const signature = '208f8a55dde9e05519e898b10b89bf0d0b3b0fdf11fdbf09b6b90476301b98d8097c462b2b17a6ce93b6b47a136cf2e78a33a63f6752c2c1631777076153fa89'
  t.ok(isAuthentic(WAHA, { 'x-webhook-hmac': signature }, body, ['my-secret-key']))
  t.ok(isAuthentic(WAHA, { 'x-webhook-hmac': signature.toUpperCase() }, body, ['my-secret-key']), 'hexadecimal digits in capitals')
  t.notOk(isAuthentic(WAHA, { 'x-webhook-hmac': signature }, body, ['my-secret-kez']))
  t.notOk(isAuthentic(WAHA, { 'x-webhook-hmac': signature.slice(0, 64) }, body, ['my-secret-key']))
})

t.test('the vector of GitHub, https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries', async t => {
  const signature = 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17'
  const secrets = ['It\'s a Secret to Everybody']
  t.ok(isAuthentic(HUB, { 'x-hub-signature-256': signature }, 'Hello, World!', secrets))
  t.notOk(isAuthentic(HUB, { 'x-hub-signature-256': signature.slice('sha256='.length) }, 'Hello, World!', secrets), 'without its prefix')
  t.notOk(isAuthentic(HUB, { 'x-hub-signature-256': signature }, 'Hello, World', secrets))
})

t.test('the second vectors of RFC 2202 and RFC 4231, by each digest and encoding', async t => {
  const digests = {
    sha1: 'effcdf6ae5eb2fa2d27416d5f184df9c259a7c79',
    sha256: '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    sha512: '164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737',
  } as const
  for (const algorithm of ['sha1', 'sha256', 'sha512'] as const) {
    for (const encoding of ['hex', 'base64'] as const) {
      const scheme: HmacScheme = { kind: 'hmac', header: 'x-signature', prefix: '', algorithm, encoding, content: 'what do ya want {body}' }
      const signature = Buffer.from(digests[algorithm], 'hex').toString(encoding)
      t.ok(isAuthentic(scheme, { 'x-signature': signature }, 'for nothing?', ['Jefe']), `${algorithm}, ${encoding}`)
      t.notOk(isAuthentic(scheme, { 'x-signature': signature }, 'for nothing', ['Jefe']), `${algorithm}, ${encoding}, another body`)
    }
  }
})

t.test('Meta signs the bytes that it sends, escapes and all', async t => {
  const body = '{"text":"\\u043f\\u0440\\u0438\\u0432\\u0435\\u0442 \\/ \\ud83e\\udd94"}'
  const signature = `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`
  t.ok(isAuthentic(HUB, { 'x-hub-signature-256': signature }, body))
  t.notOk(isAuthentic(HUB, { 'x-hub-signature-256': signature }, JSON.stringify(JSON.parse(body))), 'the same value, written again')
})

t.test('the other digests, encodings and contents of the senders we know', async t => {
  const timestamp = String(NOW / 1000)
  const sign = (algorithm: string, content: string, encoding: 'hex' | 'base64') => createHmac(algorithm, SECRET).update(content).digest(encoding)
  const hmac = { kind: 'hmac', header: 'x-signature', prefix: '' } as const
  const webex: HmacScheme = { ...hmac, algorithm: 'sha1', encoding: 'hex', content: '{body}' }
  t.ok(isAuthentic(webex, { 'x-signature': sign('sha1', '{}', 'hex') }))
  const chatwoot: HmacScheme = { ...hmac, prefix: 'sha256=', algorithm: 'sha256', encoding: 'hex', content: '{timestamp}.{body}', timestampHeader: 'x-timestamp', toleranceS: 300 }
  t.ok(isAuthentic(chatwoot, { 'x-timestamp': timestamp, 'x-signature': `sha256=${sign('sha256', `${timestamp}.{}`, 'hex')}` }))
  t.notOk(isAuthentic(chatwoot, { 'x-signature': `sha256=${sign('sha256', '.{}', 'hex')}` }), 'no time')
  const base64: HmacScheme = { ...hmac, algorithm: 'sha512', encoding: 'base64', content: '{body}' }
  t.ok(isAuthentic(base64, { 'x-signature': sign('sha512', '{}', 'base64') }))
  t.notOk(isAuthentic(base64, { 'x-signature': sign('sha512', '{}', 'base64').toLowerCase() }), 'base64 in another case')
})

t.test('an id cannot run into what is signed after it, whatever the sign between them', async t => {
  const scheme: HmacScheme = { kind: 'hmac', header: 'x-signature', prefix: '', algorithm: 'sha256', encoding: 'hex', content: '{id}:{body}', idHeader: 'x-id' }
  const signature = createHmac('sha256', SECRET).update('a:b:{}').digest('hex')
  t.ok(isAuthentic(scheme, { 'x-id': 'a', 'x-signature': signature }, 'b:{}'))
  t.notOk(isAuthentic(scheme, { 'x-id': 'a:b', 'x-signature': signature }, '{}'))
  const odd: HmacScheme = { ...scheme, content: '{id}:{timestamp}:{body}', timestampHeader: 'x-time', toleranceS: 300 }
  const time = String(NOW / 1000)
  const signed = (content: string) => createHmac('sha256', SECRET).update(content).digest('hex')
  t.ok(isAuthentic(odd, { 'x-id': '{timestamp}', 'x-time': time, 'x-signature': signed(`{timestamp}:${time}:{}`) }), 'a placeholder in an id is an id')
})

t.test('a bearer token', async t => {
  t.ok(isAuthentic(BEARER, { authorization: `Bearer ${SECRET}` }))
  t.ok(isAuthentic(BEARER, { authorization: `bearer ${SECRET}` }), 'the name of the scheme in any case')
  t.ok(isAuthentic(BEARER, { authorization: 'Bearer next' }, '{}', [SECRET, 'next']), 'either of two, while they rotate')
  for (const authorization of [undefined, '', SECRET, 'Bearer', 'Bearer ', `Basic ${SECRET}`, `Bearer ${SECRET.slice(0, -1)}`, `Bearer ${SECRET} `, `Bearer ${SECRET.toUpperCase()}`, `Bearer  ${SECRET}`]) {
    t.notOk(isAuthentic(BEARER, { authorization }), String(authorization))
  }
})

t.test('a secret in a header', async t => {
  const scheme: Scheme = { kind: 'header', header: 'x-api-secret', prefix: '' }
  t.ok(isAuthentic(scheme, { 'x-api-secret': SECRET }))
  t.notOk(isAuthentic(scheme, { 'x-api-secret': [SECRET, SECRET] }), 'twice')
  t.notOk(isAuthentic(scheme, { 'x-other': SECRET }))
})

t.test('a secret in a field of the body', async t => {
  const scheme: Scheme = { kind: 'field', path: ['auth', 'token'] }
  t.ok(isAuthentic(scheme, {}, JSON.stringify({ auth: { token: SECRET } })))
  const forged = ['', '{', 'null', '[]', '{"auth":null}', '{"auth":{"token":null}}', '{"auth":{"token":["a secret of a test"]}}', '{"auth":{"token":"another"}}', '{"token":"a secret of a test"}', '{"auth":"a secret of a test"}']
  for (const body of forged) t.notOk(isAuthentic(scheme, {}, body), body)
  t.ok(isAuthentic(scheme, {}, '{"\\u0061uth" : {"a":[{"token":1}],"token":\n"\\u0061 secret of a \\u0074est"}}'), 'escaped')
  t.ok(isAuthentic(scheme, {}, '{"auth":{"token":"a\\/b"}}', ['a/b']), 'as PHP escapes it')
  t.ok(isAuthentic(scheme, {}, '{"auth":{"token":"x"},"auth":{"token":"another","token":"a secret of a test"}}'), 'the last one counts')
  t.notOk(isAuthentic(scheme, {}, '{"auth":{"token":"a secret of a test"},"auth":{}}'), 'the last one counts')
  t.notOk(isAuthentic(scheme, {}, '{"auth":{"token":"a secret of a test"'), 'what is not JSON proves nothing')
  t.notOk(isAuthentic({ kind: 'field', path: ['constructor', 'name'] }, {}, '{}', ['Object']), 'what every object has is no field')
})

t.test('a secret is looked for in a body of up to 512 KiB', async t => {
  const scheme: Scheme = { kind: 'field', path: ['token'] }
  const long = (length: number) => JSON.stringify({ text: 'x'.repeat(length - 40), token: SECRET })
  t.ok(isAuthentic(scheme, {}, long(512 * 1024)))
  t.notOk(isAuthentic(scheme, {}, long(512 * 1024 + 100)))
})

t.test('the scheme whose header is there decides, and else the first', async t => {
  const verify = createVerifier([BEARER, HUB], [Buffer.from(SECRET)])
  const body = Buffer.from('{}')
  t.doesNotThrow(() => verify({ headers: { 'x-hub-signature-256': `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}` }, body }, NOW))
  t.throws(() => verify({ headers: {}, body }, NOW), { message: 'the header authorization is missing' })
})

t.test('a refusal holds no secret, whatever was sent', async t => {
  const cases: Array<[Scheme, Headers, string]> = [
    [BEARER, { authorization: 'Bearer wrong-token' }, '{}'],
    [HUB, { 'x-hub-signature-256': 'sha256=wrong-token' }, '{}'],
    [{ kind: 'field', path: ['token'] }, {}, '{"token":"wrong-token"}'],
  ]
  for (const [scheme, headers, body] of cases) {
    t.throws(() => createVerifier([scheme], [Buffer.from(SECRET)])({ headers, body: Buffer.from(body) }, NOW), { name: 'Unauthenticated', message: /^(?!.*(a secret|wrong-token))/ })
  }
})
