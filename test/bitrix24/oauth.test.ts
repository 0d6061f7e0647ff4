import t from 'tap'
import type { Test } from 'tap'
import { createOAuth } from '../../src/bitrix24/oauth.ts'
import { answer, startRawServer, testDispatcher } from './raw-server.ts'

const now = () => 1_800_000_000_000

async function ask (t: Test, bytes: string | null, kind: 'refresh' | 'exchange' = 'refresh') {
  const server = await startRawServer(t, socket => bytes === null ? socket.resetAndDestroy() : socket.end(bytes))
  const oauth = createOAuth({ dispatcher: testDispatcher(t), now, userAgent: 'imconnector-relay/0.0.0', responseTimeoutMs: 2000 })
  const client = { oauthUrl: server.url, clientId: 'local.relay', clientSecret: 's3cret' }
  const result = kind === 'refresh' ? await oauth.refresh({ ...client, refreshToken: 'old-refresh' }) : await oauth.exchange({ ...client, code: 'the-code' })
  return { result, request: server.requests[0] ?? '' }
}

const grant = JSON.stringify({
  access_token: 'a',
  refresh_token: 'r',
  expires_in: '3600',
  client_endpoint: 'https://portal.bitrix24.ru/rest/',
  domain: 'oauth.bitrix24.tech',
  member_id: 'm',
})

t.test('tokens are asked for by a form in the body, so that no address carries a secret', async t => {
  const { result, request } = await ask(t, answer(200, grant))
  t.same(result, {
    kind: 'granted',
    grant: { accessToken: 'a', refreshToken: 'r', accessExpiresAt: now() + 3_600_000, clientEndpoint: 'https://portal.bitrix24.ru/rest/', memberId: 'm' },
  })
  const [head = '', body = ''] = request.split('\r\n\r\n')
  t.match(head, /^POST \/oauth\/token\/ HTTP/)
  t.notMatch(head, /s3cret|old-refresh/)
  t.same(Object.fromEntries(new URLSearchParams(body)), { grant_type: 'refresh_token', refresh_token: 'old-refresh', client_id: 'local.relay', client_secret: 's3cret' })
})

t.test('a code is exchanged in the same way', async t => {
  const { result, request } = await ask(t, answer(200, '{"access_token":"a","refresh_token":"r"}'), 'exchange')
  t.same(result, { kind: 'granted', grant: { accessToken: 'a', refreshToken: 'r', accessExpiresAt: null, clientEndpoint: null, memberId: null } })
  t.match(request, /grant_type=authorization_code&code=the-code/)
})

t.test('an error is a refusal, at HTTP 200 too, and repeats no secret', async t => {
  const cases: [number, string, string][] = [
    [200, '{"error":"wrong_client"}', 'wrong_client'],
    [400, '{"error":"invalid_client"}', 'invalid_client'],
    [400, '{"error":"invalid_grant","error_description":"old-refresh of s3cret is used up"}', 'invalid_grant'],
    [401, '{"error":"NOT_INSTALLED","error_description":"Application not installed"}', 'NOT_INSTALLED'],
    [403, '<html>', 'HTTP_403'],
    [302, '', 'HTTP_302'],
  ]
  for (const [status, body, code] of cases) {
    const { result } = await ask(t, answer(status, body))
    t.match(result, { kind: 'refused', code, status }, code)
    t.notMatch(JSON.stringify(result), /s3cret|old-refresh/)
  }
})

t.test('an answer that did not arrive whole may have rotated the token', async t => {
  const cases = [null, '', answer(200, grant.slice(0, 20)), answer(200, '{"access_token":"a"}'), answer(200, '[]'), answer(502, '<html>'), answer(500, '{"error":"internal"}')]
  for (const bytes of cases) {
    t.match((await ask(t, bytes)).result, { kind: 'lost' }, JSON.stringify(bytes))
  }
})

t.test('a server that cannot be reached has seen no token', async t => {
  const oauth = createOAuth({ dispatcher: testDispatcher(t), now, userAgent: 'x' })
  const result = await oauth.refresh({ oauthUrl: 'http://127.0.0.1:1', clientId: 'c', clientSecret: 's', refreshToken: 'r' })
  t.same(result, { kind: 'unreachable', cause: 'ECONNREFUSED' })
})
