import t from 'tap'
import { build, refresh } from './helper.ts'
import { receive } from './receiver.ts'

interface Pair { access_token: string, refresh_token: string }

const relay = ['local.relay', 'relay-secret'] as const

t.test('a refresh gives a new pair and describes the portal', async t => {
  const portal = await build(t)
  const answer = await refresh(portal.url, ...relay, 'relay-refresh')
  const host = portal.url.replace('http://', '')
  t.match(answer, {
    status: 200,
    json: {
      access_token: /^[0-9a-f]{70}$/,
      refresh_token: /^[0-9a-f]{70}$/,
      expires: Number,
      expires_in: 3600,
      client_endpoint: `${portal.url}/rest/`,
      server_endpoint: `${portal.url}/rest/`,
      domain: host,
      member_id: /^[0-9a-f]{32}$/,
      scope: /imopenlines/,
      status: 'L',
      user_id: 1,
    },
  })
  const { access_token: token } = answer.json as Pair
  t.match((await portal.get(`/rest/app.info?auth=${token}`)).json, { result: { CODE: 'local.relay' } })
})

t.test('a refresh makes the old refresh token and its access token invalid, and leaves other chains alone', async t => {
  const portal = await build(t)
  const first = (await refresh(portal.url, ...relay, 'relay-refresh')).json as Pair
  t.match(await refresh(portal.url, ...relay, 'relay-refresh'), { status: 400, json: { error: 'invalid_grant' } })
  t.equal((await portal.get(`/rest/profile?auth=${first.access_token}`)).status, 200)
  const second = (await refresh(portal.url, ...relay, first.refresh_token)).json as Pair
  t.match(await portal.get(`/rest/profile?auth=${first.access_token}`), { status: 401, json: { error: 'invalid_token' } })
  t.equal((await portal.get(`/rest/profile?auth=${second.access_token}`)).status, 200)
  t.equal((await portal.call('profile')).status, 200, 'the other application')
})

t.test('the endpoint takes GET, with and without the slash', async t => {
  const portal = await build(t)
  const query = new URLSearchParams({ grant_type: 'refresh_token', client_id: 'local.relay', client_secret: 'relay-secret', refresh_token: 'relay-refresh' })
  const first = (await portal.get(`/oauth/token/?${query}`)).json as Pair
  query.set('refresh_token', first.refresh_token)
  t.equal((await portal.get(`/oauth/token?${query}`)).status, 200)
})

t.test('the errors are those of the live server, an unknown client with HTTP 200', async t => {
  const portal = await build(t)
  const ask = async (parameters: Record<string, string>): Promise<unknown> => {
    const { status, json } = await portal.get(`/oauth/token/?${new URLSearchParams(parameters)}`)
    return { status, json }
  }
  const known = { client_id: 'local.relay', client_secret: 'relay-secret' }
  t.same(await ask({ grant_type: 'refresh_token', client_id: 'nobody', refresh_token: 'relay-refresh' }), { status: 200, json: { error: 'wrong_client' } })
  t.same(await ask({ ...known, client_secret: 'wrong', grant_type: 'refresh_token', refresh_token: 'relay-refresh' }), { status: 400, json: { error: 'invalid_client' } })
  t.same(await ask({ ...known, grant_type: 'refresh_token', refresh_token: 'connector-refresh' }), { status: 400, json: { error: 'invalid_grant' } })
  t.same(await ask({ ...known, grant_type: 'refresh_token' }), {
    status: 400, json: { error: 'invalid_request', error_description: 'No "refresh_token" parameter found' },
  })
  t.match(await ask({ ...known, grant_type: 'authorization_code' }), { json: { error: 'invalid_request' } })
  t.match(await ask({ ...known, grant_type: 'password' }), { json: { error: 'unsupported_grant_type' } })
  t.match(await ask(known), { json: { error: 'invalid_request' } })
  t.match((await refresh(portal.url, ...relay, 'relay-refresh')).status, 200, 'none of them used the token up')
})

t.test('an access token lives an hour and a refresh token half a year', async t => {
  const portal = await build(t)
  const first = (await refresh(portal.url, ...relay, 'relay-refresh')).json as Pair
  await portal.advance(3_599_000)
  t.equal((await portal.get(`/rest/profile?auth=${first.access_token}`)).status, 200)
  await portal.advance(2_000)
  t.match(await portal.get(`/rest/profile?auth=${first.access_token}`), { status: 401, json: { error: 'expired_token' } })
  const second = (await refresh(portal.url, ...relay, first.refresh_token)).json as Pair
  await portal.advance(181 * 86_400_000)
  t.match((await refresh(portal.url, ...relay, second.refresh_token)).json, { error: 'invalid_grant' })
})

t.test('authorize sends the browser back with a code that is good once and for 30 seconds', async t => {
  const portal = await build(t)
  const authorize = async (): Promise<URL> => {
    const query = new URLSearchParams({ client_id: 'local.relay', state: 's t', redirect_uri: 'http://127.0.0.1:9/back?x=1' })
    const answer = await portal.get(`/oauth/authorize/?${query}`)
    t.equal(answer.status, 302)
    return new URL(answer.headers.get('location') ?? '')
  }
  const exchange = async (code: string, clientId = 'local.relay', secret = 'relay-secret') => await portal.get(`/oauth/token/?${
    new URLSearchParams({ grant_type: 'authorization_code', client_id: clientId, client_secret: secret, code })}`)

  const back = await authorize()
  t.equal(back.origin + back.pathname, 'http://127.0.0.1:9/back')
  t.match(Object.fromEntries(back.searchParams), { x: '1', state: 's t', domain: portal.url.replace('http://', ''), member_id: String, scope: String, server_domain: String })
  const code = back.searchParams.get('code') ?? ''
  t.match((await exchange(code, 'local.connector', 'connector-secret')).json, { error: 'invalid_grant' }, 'another application')
  const { access_token: token } = (await exchange(code)).json as Pair
  t.equal((await portal.get(`/rest/profile?auth=${token}`)).status, 200)
  t.match((await exchange(code)).json, { error: 'invalid_grant' })

  const late = (await authorize()).searchParams.get('code') ?? ''
  await portal.advance(30_000)
  t.match((await exchange(late)).json, { error: 'invalid_grant' })

  t.match(await portal.get('/oauth/authorize/?client_id=nobody'), { status: 400, json: { error: 'wrong_client' } })
  t.match(await portal.get('/oauth/authorize/?client_id=local.relay'), { status: 400, json: { error: 'invalid_request' } })
})

t.test('an installation is announced as a portal announces it, with tokens that work', async t => {
  const portal = await build(t)
  const { url, received } = await receive(t)
  t.same((await portal.post('/sandbox/install', { handler: url, application: 'local.relay' })).json, { status: 201, body: 'thanks' })
  const [{ form, type } = { form: new URLSearchParams(), type: '' }] = received
  t.equal(type, 'application/x-www-form-urlencoded')
  t.match(Object.fromEntries(form), {
    event: 'ONAPPINSTALL',
    'data[ACTIVE]': 'Y',
    'data[INSTALLED]': 'Y',
    'auth[domain]': portal.url.replace('http://', ''),
    'auth[client_endpoint]': `${portal.url}/rest/`,
    'auth[server_endpoint]': `${portal.url}/rest/`,
    'auth[member_id]': /^[0-9a-f]{32}$/,
    'auth[application_token]': /^[0-9a-f]{32}$/,
    'auth[expires_in]': '3600',
    'auth[status]': 'L',
  })
  t.match((await portal.get(`/rest/profile?auth=${form.get('auth[access_token]')}`)).json, { result: { ADMIN: true } })
  t.equal((await refresh(portal.url, ...relay, form.get('auth[refresh_token]') ?? '')).status, 200)
  const back = await portal.get('/oauth/authorize/?client_id=local.relay')
  t.match(back.headers.get('location'), url, 'authorize knows the handler from now on')
})

t.test('an installation by someone who is no administrator says so when asked', async t => {
  const portal = await build(t)
  const { url, received } = await receive(t)
  await portal.post('/sandbox/install', { handler: url, application: 'relay', admin: false })
  const auth = received[0]?.form.get('auth[access_token]')
  t.match((await portal.get(`/rest/profile?auth=${auth}`)).json, { result: { ID: '2', ADMIN: false } })
  t.match((await portal.get(`/rest/user.admin?auth=${auth}`)).json, { result: false })
})

t.test('an installation can be forged, or come from another portal', async t => {
  const portal = await build(t)
  const { url, received } = await receive(t)
  await portal.post('/sandbox/install', { handler: url, forge: true })
  t.equal((await portal.get(`/rest/profile?auth=${received[0]?.form.get('auth[access_token]')}`)).status, 401)
  await portal.post('/sandbox/install', { handler: url, domain: 'other.bitrix24.com', memberId: 'f'.repeat(32) })
  t.match(Object.fromEntries(received[1]?.form ?? []), {
    'auth[domain]': 'other.bitrix24.com', 'auth[client_endpoint]': 'https://other.bitrix24.com/rest/', 'auth[member_id]': 'f'.repeat(32),
  })
})

t.test('the install page is opened with its own form', async t => {
  const portal = await build(t)
  const { url, received } = await receive(t)
  await portal.post('/sandbox/install', { handler: `${url}?mine=1`, form: 'page' })
  const query = Object.fromEntries(new URL(received[0]?.url ?? '', url).searchParams)
  t.match(query, { mine: '1', DOMAIN: portal.url.replace('http://', ''), PROTOCOL: '0', LANG: 'en', APP_SID: String })
  const form = Object.fromEntries(received[0]?.form ?? [])
  t.match(form, { AUTH_EXPIRES: '3600', REFRESH_ID: String, member_id: String, status: 'L', PLACEMENT: 'DEFAULT', PLACEMENT_OPTIONS: String })
  t.equal((await portal.get(`/rest/profile?auth=${form['AUTH_ID']}`)).status, 200)
})

t.test('a handler that cannot be reached is reported', async t => {
  const portal = await build(t)
  t.match(await portal.post('/sandbox/install', { handler: 'http://127.0.0.1:1/' }), { status: 502, json: { error: 'HANDLER_UNREACHABLE' } })
})
