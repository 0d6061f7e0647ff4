import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import t from 'tap'
import { StoreUnavailable } from '../../src/base/errors.ts'
import { createSessions, SESSION_MS } from '../../src/console/session.ts'
import { eventually } from '../portal.ts'
import { buildRelay, NOW } from '../relay.ts'
import { ADMIN_TOKEN, consoleLines, startConsole, VIEWER_TOKEN } from './console.ts'

const PAGES = ['/console', '/console/edits', '/console/edits/unknown', '/console/dead', '/console/redeliver', '/console/channels', '/console/search?q=x', '/console/nothing', '/console/']
const ACTS = ['/console/edits/x/redeliver', '/console/edits/x/text', '/console/edits/x/verify', '/console/redeliver', '/console/channels/default/preview']

t.test('without an ADMIN_TOKEN there is no console', async t => {
  const { app } = await buildRelay(t)
  for (const url of [...PAGES, '/console/assets/console.css']) t.equal((await app.inject({ url })).statusCode, 404, url)
})

t.test('without a session every page is the sign-in form, and nothing is done', async t => {
  const { app, post, send, finish, store } = await startConsole(t)
  const id = await send('secret-message')
  await finish(id, 'dead')
  for (const url of [...PAGES, `/console/edits/${id}`]) {
    const answer = await app.inject({ url })
    t.equal(answer.statusCode, 401, url)
    t.match(answer.body, /action="\/console\/sign-in"/)
    t.notMatch(answer.body, /secret-message/)
  }
  for (const url of [...ACTS, `/console/edits/${id}/redeliver`]) t.equal((await post(url)).statusCode, 401, url)
  t.equal((await store.outbox.find(id))?.state, 'dead')
})

t.test('every page has a policy without exceptions, and no cache keeps it', async t => {
  const { app, browser, send, post } = await startConsole(t)
  const id = await send('m')
  const { get, post: act } = await browser()
  const answers = [
    await app.inject({ url: '/console' }), await post('/console/sign-in', { token: 'wrong' }), await app.inject({ method: 'POST', url: '/console/redeliver' }),
    await get('/console/edits?state=lost'), await app.inject({ method: 'POST', url: '/console/sign-in', headers: { 'content-type': 'text/plain', 'sec-fetch-site': 'same-origin' }, payload: 'x' }),
    await act(`/console/edits/${id}/text`), await act(`/console/edits/${id}/verify`), await act('/console/channels/default/preview', { payload: '{}' }), await act('/console/redeliver'),
    ...await Promise.all([...PAGES, `/console/edits/${id}`].map(async url => await get(url))),
  ]
  for (const { headers, body } of answers) {
    const policy = String(headers['content-security-policy'])
    t.match(policy, /default-src 'none'.*form-action 'self'.*frame-ancestors 'none'/)
    t.notMatch(policy, /unsafe|data:|\*/)
    t.match(headers, { 'referrer-policy': 'same-origin', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
    t.notMatch(body, /<style|<script(?! type="module" src="\/console\/assets\/)|\son\w+=|\sstyle=|javascript:|(?:href|src|action)="(?!\/console|#)/, 'nothing inline, and nothing from elsewhere')
  }
})

t.test('what no page answers below /console has a policy too', async t => {
  const { app } = await startConsole(t)
  for (const [method, url] of [['PUT', '/console'], ['HEAD', '/console'], ['DELETE', '/console/edits/x'], ['GET', '/console/%zz'], ['GET', `/console/edits/${'x'.repeat(2000)}`]] as const) {
    const { statusCode, headers } = await app.inject({ method, url })
    t.ok(statusCode >= 400, `${method} ${url}`)
    t.match(headers, { 'content-security-policy': /^default-src 'none';[^*]*frame-ancestors 'none'/, 'x-content-type-options': 'nosniff' }, `${method} ${url}`)
  }
})

t.test('a form from anywhere else is refused before a word of it is read', async t => {
  const { app, browser, send, finish, store, lines } = await startConsole(t, { env: { PUBLIC_URL: 'https://relay.example.com', BITRIX24_PORTAL_URL: 'https://example.bitrix24.ru' } })
  const id = await send('m')
  await finish(id, 'dead')
  const { cookie } = await browser()
  const post = async (headers: Record<string, string>, url = `/console/edits/${id}/redeliver`) =>
    (await app.inject({ method: 'POST', url, headers: { 'content-type': 'application/x-www-form-urlencoded', host: '10.0.0.5:3000', cookie, ...headers }, payload: `token=${ADMIN_TOKEN}&language=ru` })).statusCode
  const foreign: Array<Record<string, string>> = [
    {}, { 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' }, { 'sec-fetch-site': 'none' }, { 'sec-fetch-site': 'cross-site', origin: 'http://10.0.0.5:3000' },
    { origin: 'null' }, { origin: 'http://10.0.0.5' }, { origin: 'http://evil@10.0.0.5:3000' }, { origin: 'http://10.0.0.5:3000.evil.example' }, { origin: 'https://relay.example.com.evil.example' }, { origin: 'http://relay.example.com' }, { origin: 'x' },
  ]
  for (const headers of foreign) {
    for (const url of [`/console/edits/${id}/redeliver`, '/console/sign-in', '/console/sign-out', '/console/language', '/console/redeliver', `/console/edits/${id}/text`]) t.equal(await post(headers, url), 403, `${url} ${JSON.stringify(headers)}`)
  }
  t.equal((await store.outbox.find(id))?.state, 'dead')
  t.equal(consoleLines(lines).length, 1, 'only the sign-in')
  const ours: Array<Record<string, string>> = [{ 'sec-fetch-site': 'same-origin' }, { origin: 'http://10.0.0.5:3000' }, { origin: 'https://relay.example.com' }, { origin: 'http://10.0.0.5', host: '10.0.0.5:80' }]
  for (const headers of ours) t.equal(await post(headers), 303, JSON.stringify(headers))
})

t.test('the cookie is out of reach of scripts, other sites and other paths, and is Secure behind https', async t => {
  const { post } = await startConsole(t, { env: { TRUST_PROXY: '1' } })
  const cookieAt = async (headers: Record<string, string>) => String((await post('/console/sign-in', { token: ADMIN_TOKEN }, headers)).headers['set-cookie'])
  const attributes = /^relay_session=admin\.\d+\.[\w-]{12}\.[\w-]{43}; Path=\/console; Max-Age=43200; HttpOnly; SameSite=Strict/
  t.match(await cookieAt({}), new RegExp(`${attributes.source}$`))
  t.match(await cookieAt({ 'x-forwarded-proto': 'https' }), new RegExp(`${attributes.source}; Secure$`))
  t.match(await cookieAt({ origin: 'https://relay.example.com' }), new RegExp(`${attributes.source}; Secure$`), 'also if the proxy does not say so')
  t.notMatch(await cookieAt({}), ADMIN_TOKEN)
})

t.test('a forged session is none, and neither is one that is over or of another token', async t => {
  const { app, browser } = await startConsole(t)
  const status = async (cookie: string) => (await app.inject({ url: '/console/edits', headers: { cookie } })).statusCode
  const { cookie } = await browser(VIEWER_TOKEN)
  t.equal(await status(cookie), 200)
  const [name, value = ''] = cookie.split('=')
  const [, endsAt = '', id = '', mac = ''] = value.split('.')
  const forged = [
    '', 'x', '...', `admin.${endsAt}.${id}.${mac}`, `viewer.${Number(endsAt) + 1}.${id}.${mac}`, `viewer.${endsAt}.${'A'.repeat(12)}.${mac}`, `viewer.${endsAt}.${id}.`,
    `viewer.${endsAt}.${id}.${'A'.repeat(43)}`, `viewer.${endsAt}.${id}.${mac.slice(0, -1)}`, `${value}x`, `viewer.${endsAt}.${id}.${mac}.${mac}`,
  ]
  for (const each of forged) t.equal(await status(`${name}=${each}`), 401, each)

  const made = (tokens: { adminToken: string, viewerToken: string | null }, now: number, role: 'admin' | 'viewer' = 'admin') => createSessions({ ...tokens, now: () => now }).open(role).value
  const tokens = { adminToken: ADMIN_TOKEN, viewerToken: VIEWER_TOKEN }
  t.equal(await status(`${name}=${made(tokens, NOW)}`), 200, 'any replica knows it')
  t.equal(await status(`${name}=${made(tokens, NOW - SESSION_MS + 1)}`), 200)
  t.equal(await status(`${name}=${made(tokens, NOW - SESSION_MS)}`), 401, 'over')
  t.equal(await status(`${name}=${made(tokens, NOW + 365 * 24 * 3600_000)}`), 401, 'signed by a wrong clock')
  t.equal(await status(`${name}=of-another-program; ${cookie}`), 200, 'another cookie of the same name is in nobody\'s way')
  t.equal(await status(`${name}=${made({ ...tokens, adminToken: 'another-admin-token' }, NOW)}`), 401)
  t.equal(await status(`${name}=${made({ ...tokens, viewerToken: 'another-viewer-token' }, NOW, 'viewer')}`), 401)
  t.equal(await status(`${name}=${made({ ...tokens, viewerToken: 'another-viewer-token' }, NOW)}`), 200, 'an administrator stays when viewers go')
})

t.test('wrong tokens are counted, and never lock out the right one', async t => {
  const { app, post, signIn, lines } = await startConsole(t)
  const wrong = async (token: string, address = '192.0.2.1') => await post('/console/sign-in', { token }, {}, address)
  const found: number[] = []
  for (let n = 0; n < 62; n++) found.push((await wrong(`${ADMIN_TOKEN}${n}`)).statusCode)
  t.strictSame(found, [...Array<number>(60).fill(401), 429, 429])
  t.equal(consoleLines(lines).length, 60, 'nobody fills the log')
  const refused = await wrong('')
  t.match(refused.headers['retry-after'], /^[1-9]\d?$/)
  t.equal((await wrong('wrong', '192.0.2.2')).statusCode, 401, 'each address for itself')
  t.equal((await post('/console/sign-in', { token: ADMIN_TOKEN }, {}, '192.0.2.1')).statusCode, 303)
  t.equal((await post('/console/sign-in', { token: VIEWER_TOKEN }, {}, '192.0.2.1')).statusCode, 303)
  t.equal((await app.inject({ url: '/console', headers: { cookie: await signIn() }, remoteAddress: '192.0.2.1' })).statusCode, 200)
})

t.test('a viewer reads pages, and may do nothing else', async t => {
  const { app, browser, send, finish, store, lines } = await startConsole(t)
  const id = await send('m')
  await finish(id, 'dead')
  const { get, post } = await browser(VIEWER_TOKEN)
  for (const url of ['/console', '/console/edits', `/console/edits/${id}`, '/console/edits?state=dead', '/console/dead', '/console/redeliver', '/console/channels']) {
    const { statusCode, body } = await get(url)
    t.equal(statusCode, 200, url)
    t.notMatch(body, /method="post" action="\/console\/(?!sign-out|language)|href="\/console\/redeliver/, 'no button that would fail')
  }
  for (const url of [...ACTS, `/console/edits/${id}/redeliver`, `/console/edits/${id}/text`, `/console/edits/${id}/verify`]) t.equal((await post(url)).statusCode, 403, url)
  t.equal((await store.outbox.find(id))?.state, 'dead')
  for (const url of ['/api/status', '/api/edits', `/api/edits/${id}`]) t.equal((await app.inject({ url, headers: { authorization: `Bearer ${VIEWER_TOKEN}` } })).statusCode, 403, url)
  t.equal((await app.inject({ method: 'POST', url: '/api/edits/redeliver', headers: { authorization: `Bearer ${VIEWER_TOKEN}` } })).statusCode, 403)
  t.strictSame(consoleLines(lines).map(({ event }) => event), ['console.signed-in'])
})

t.test('after the sign-in only a page of the console follows', async t => {
  const { post, app } = await startConsole(t)
  for (const to of ['https://evil.example/', '//evil.example', '/\\evil.example', '/console/../api', '/console/%2e%2e/api/status', '/console/.%2E/api', '/console/%2e%2e//evil.example', `/console/edits?chat=${'x'.repeat(3000)}`, 'javascript:alert(1)', '/consolex', '/console//x\r\nset-cookie: a=b', '']) {
    const { headers } = await post('/console/sign-in', { token: ADMIN_TOKEN, to })
    t.match(String(headers.location), /^\/console(?:\/[^/\\]*)*$/)
    t.notMatch(String(headers.location), /evil|\.\.|api|xxx/)
  }
  t.equal((await post('/console/sign-in', { token: ADMIN_TOKEN, to: '/console/edits?chat=a%20b&state=dead' })).headers.location, '/console/edits?chat=a%20b&state=dead')
  const { body } = await app.inject({ url: '/console/edits?chat=%22%3E%3Cscript%3E&message="><script>' })
  t.notMatch(body, /<script>/)
})

t.test('a link from another site leads in, since the browser keeps the cookie back only once', async t => {
  const { app, browser } = await startConsole(t)
  const first = await app.inject({ url: '/console/edits?state=dead', headers: { 'sec-fetch-site': 'cross-site' } })
  t.equal(first.headers.refresh, '0;url=/console/again?to=%2Fconsole%2Fedits%3Fstate%3Ddead')
  const url = '/console/again?to=%2Fconsole%2Fedits%3Fstate%3Ddead'
  t.equal((await (await browser()).get(url)).headers.location, '/console/edits?state=dead')
  t.match((await app.inject({ url, headers: { 'sec-fetch-site': 'same-origin' } })).body, /name="to" value="\/console\/edits\?state=dead"/)
})

t.test('the log names the session of each act, and holds no token and no text', async t => {
  const { browser, send, finish, lines } = await startConsole(t)
  const id = await send('m', 'a text that only the client knows', 'chat-79161234567')
  await finish(id, 'dead')
  const { get, post, cookie } = await browser()
  await get(`/console/edits/${id}`)
  t.match((await post(`/console/edits/${id}/text`)).body, /a text that only the client knows/)
  await post(`/console/edits/${id}/verify`)
  await post(`/console/edits/${id}/redeliver`)
  await post('/console/redeliver', { chat: 'chat-79161234567', message: '79161234567_1', channel: '79161234567' })
  await post('/console/channels/default/preview', { payload: '{"text":"a text"}' })
  await post('/console/sign-out')
  const said = consoleLines(lines)
  t.strictSame(said.map(({ event, act }) => act ?? event), ['console.signed-in', 'show-text', 'verify', 'redeliver', 'redeliver-matching', 'redelivered-matching', 'preview', 'console.signed-out'])
  const session = cookie.split('.')[2]
  for (const line of said) t.equal(line.session, session)
  t.notMatch(JSON.stringify(lines), /a text|79161234567|an-admin-token/)
})

t.test('an act that fails half-way is in the log, with its session', async t => {
  const some = async () => { throw new StoreUnavailable('the database does not answer') }
  const { browser, lines } = await startConsole(t, { dependencies: { redelivery: { one: some, some, matching: some } } })
  const { post, cookie } = await browser()
  t.equal((await post('/console/redeliver', { reason: 'rejected' })).statusCode, 503)
  t.match(consoleLines(lines).at(-1), { act: 'redeliver-matching', session: cookie.split('.')[2], filter: { state: 'dead', reason: 'rejected' } })
})

t.test('a form that the console would never send costs nothing', async t => {
  const { browser, post } = await startConsole(t)
  const { cookie, post: act } = await browser()
  const form = { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin', cookie }
  const { app } = await startConsole(t)
  const started = performance.now()
  t.equal((await app.inject({ method: 'POST', url: '/console/channels/default/preview', headers: form, payload: 'a&'.repeat(1_500_000) })).statusCode, 413)
  t.equal((await app.inject({ method: 'POST', url: '/console/sign-in', headers: form, payload: 'a&'.repeat(4000) })).statusCode, 413)
  t.equal((await post('/console/sign-in', { token: 'x'.repeat(9000) })).statusCode, 413)
  for (const headers of [`a:${' '.repeat(15_000)}x\rx`, `a: x${' '.repeat(15_000)}x`, 'x'.repeat(20_000)]) t.ok((await act('/console/channels/default/preview', { payload: '{}', headers })).statusCode < 500)
  t.ok(performance.now() - started < 5000, 'parsed as any form, it took minutes')
})

t.test('a session may ask for 1200 pages a minute, and no other suffers from it', async t => {
  const { browser } = await startConsole(t)
  const { get } = await browser(VIEWER_TOKEN)
  for (let n = 0; n < 1200; n++) await get('/console/again?to=/console')
  const { statusCode, headers } = await get('/console')
  t.equal(statusCode, 429)
  t.match(headers['retry-after'], /^[1-9]\d?$/)
  t.equal((await (await browser(VIEWER_TOKEN)).get('/console')).statusCode, 200)
})

t.test('a client that breaks off is no fault of the relay', async t => {
  const { app, lines } = await startConsole(t)
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => app.close())
  const { port } = app.server.address() as AddressInfo
  for (const [path, type] of [['/console/sign-in', 'application/x-www-form-urlencoded'], ['/webhooks/default', 'application/json'], ['/bitrix24/install', 'application/x-www-form-urlencoded'], ['/api/edits/redeliver', 'application/json']]) {
    const socket = connect(port, '127.0.0.1')
    socket.write(`POST ${path} HTTP/1.1\r\nhost: x\r\nsec-fetch-site: same-origin\r\nauthorization: Bearer ${ADMIN_TOKEN}\r\ncontent-type: ${type}\r\ncontent-length: 10\r\n\r\na`)
    await once(app.server, 'request')
    // The server has to read the body before the client is gone.
    await new Promise(setImmediate)
    socket.destroy()
    await once(socket, 'close')
  }
  await eventually(() => new Promise<number>((resolve, reject) => { app.server.getConnections((error, count) => { if (error === null) resolve(count); else reject(error) }) }), count => count === 0)
  t.strictSame(lines.filter(({ level }) => level === 'error' || Number(level) >= 50), [])
})
