import { request } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import { build, echo, item, refresh } from './helper.ts'

const line = { CONNECTOR: 'relay_demo', LINE: 1 }

t.test('an unknown method is 404 before anyone asks for a token', async t => {
  const portal = await build(t)
  t.match(await portal.get('/rest/imconnector.nonsense'), { status: 404, json: { error: 'ERROR_METHOD_NOT_FOUND', error_description: 'Method not found!' } })
  t.match(await portal.get('/rest/profile'), { status: 401, json: { error: 'NO_AUTH_FOUND', error_description: 'Wrong authorization data' } })
  t.match(await portal.get('/rest/profile?auth=abc'), { status: 401, json: { error: 'invalid_token' } })
})

t.test('the token is found in the header, in auth and in access_token, in this order', async t => {
  const portal = await build(t)
  const { token } = portal
  for (const [headers, body, status] of [
    [{ authorization: `Bearer ${token}` }, {}, 200],
    [{}, { auth: token }, 200],
    [{}, { access_token: token }, 200],
    [{ authorization: `Bearer ${token}` }, { auth: 'wrong' }, 200],
    [{ authorization: 'Bearer wrong' }, { auth: token }, 401],
    [{}, { auth: 'wrong', access_token: token }, 401],
  ] as const) {
    t.equal((await portal.post('/rest/profile', body, headers)).status, status, JSON.stringify([headers, body]))
  }
  t.equal((await portal.get(`/rest/profile.json?auth=${token}`)).status, 200)
  t.equal((await portal.post('/rest/profile?auth=wrong', { auth: token })).status, 200, 'the body wins over the query')
  t.equal((await portal.get(`/rest//PROFILE?auth=${token}`)).status, 200, 'case and doubled slashes do not matter')
})

t.test('a webhook is no way to call a connector method', async t => {
  const portal = await build(t)
  t.match(await portal.post('/rest/1/s3cret/imconnector.update.messages.json', {}), {
    status: 403,
    json: { error: 'WRONG_AUTH_TYPE', error_description: 'Current authorization type is denied for this method Application context required' },
  })
  t.match(await portal.post('/rest/1/s3cret/profile', {}), { status: 403, json: { error: 'INVALID_CREDENTIALS' } })
  t.match(await portal.post('/rest/1/s3cret/nope', {}), { status: 404 })
})

t.test('JSON that cannot be read is ignored, and with it the token', async t => {
  const portal = await build(t)
  for (const body of [`{"auth":"${portal.token}"`, `{"auth":"${portal.token}","x":"\\ud800"}`, `["${portal.token}"]`, '""']) {
    t.match(await portal.post('/rest/profile', body), { status: 401, json: { error: 'NO_AUTH_FOUND' } }, body.slice(0, 12))
  }
})

t.test('a form in PHP brackets does what JSON does', async t => {
  const portal = await build(t)
  await portal.send(item('original', { user: { id: '42', name: 'Ivan', last_name: 'Petrov' } }))
  const form = new URLSearchParams({
    auth: portal.token,
    connector: 'relay_demo',
    Line: '1',
    'MESSAGES[0][user][id]': '42',
    'MESSAGES[0][user][name]': 'Ivan',
    'MESSAGES[0][user][last_name]': 'Petrov',
    'MESSAGES[0][message][id]': 'm1',
    'MESSAGES[0][message][text]': 'from a form & more',
    'MESSAGES[0][chat][id]': 'c1',
  })
  const answer = await portal.post('/rest/imconnector.update.messages', form, { 'content-type': 'application/x-www-form-urlencoded' })
  t.match(echo(answer), { SUCCESS: true, user: '585' })
  t.equal((await portal.message('m1')).text, 'from a form & more')
  const query = form.toString().replace('from+a+form+%26+more', 'from+a+query')
  await portal.get(`/rest/imconnector.update.messages?${query}`)
  t.equal((await portal.message('m1')).text, 'from a query')
  t.match(await portal.users(), [{ writes: 1 }], 'the same strings in the same order are the same user block')
})

t.test('the checks come in the order of the portal', async t => {
  const portal = await build(t)
  const update = async (parameters: Record<string, unknown>): Promise<unknown> => (await portal.call('imconnector.update.messages', parameters)).json
  t.same(await update({}), { error: 'ERROR_ARGUMENT', error_description: "Argument 'CONNECTOR' is null or empty", argument: 'CONNECTOR' })
  t.match(await update({ CONNECTOR: 'nope' }), { argument: 'LINE' })
  t.match(await update({ CONNECTOR: 'nope', LINE: null, MESSAGES: [] }), { argument: 'LINE' })
  t.match(await update({ CONNECTOR: 'nope', LINE: 9 }), { argument: 'MESSAGES' })
  t.match(await update({ CONNECTOR: 'nope', LINE: 9, MESSAGES: [] }), { error: 'IMCONNECTOR_NO_CORRECT_PROVIDER' })
  t.match(await update({ CONNECTOR: '', LINE: '', MESSAGES: '' }), { error: 'IMCONNECTOR_NO_CORRECT_PROVIDER' })
  t.match(await update({ CONNECTOR: 'relay_demo.sub', LINE: 9, MESSAGES: [] }), { error: 'IMCONNECTOR_NOT_SPECIFIED_CORRECT_CONNECTOR' })
  t.match(await update({ CONNECTOR: 'relay_demo', LINE: 9, MESSAGES: [] }), { error: 'NOT_ACTIVE_LINE' })
  t.match(await update({ ...line, MESSAGES: [] }), { result: { SUCCESS: true } })
  t.equal((await portal.call('imconnector.update.messages', { ...line, CONNECTOR: ['relay_demo'], MESSAGES: [] })).status, 500)
})

t.test('an answer carries the time block, the headers and the escapes of PHP', async t => {
  const portal = await build(t)
  const answer = await portal.send(item('\'<>&"/ \\" \u2028 Привет 😀'))
  t.match(answer.text, '"text":"\\u0027\\u003C\\u003E\\u0026\\u0022\\/ \\\\\\u0022 \\u2028 Привет 😀"')
  t.match(answer.json, {
    time: {
      start: Number, finish: Number, duration: Number, processing: Number, date_start: /\+00:00$/, date_finish: /\+00:00$/, operating_reset_at: Number, operating: 0,
    },
  })
  t.match(Object.fromEntries(answer.headers), {
    'content-type': 'application/json; charset=utf-8',
    'access-control-allow-origin': '*',
    'x-bitrix-rest-application': 'local.connector',
    'x-bitrix-rest-time': String,
  })
  t.notMatch((await portal.get('/rest/profile')).json, { time: Object }, 'an error has no time')
})

t.test('a connector is registered, switched on and off, and given back', async t => {
  const portal = await build(t)
  const card = { ID: 'MyConnector', NAME: 'Mine', ICON: { DATA_IMAGE: 'data:,' }, PLACEMENT_HANDLER: 'https://example.com/' }
  for (const [missing, error] of Object.entries({ ID: 'CONNECTOR_ID_REQUIRED', NAME: 'NAME_REQUIRED', ICON: 'ICON_REQUIRED', PLACEMENT_HANDLER: 'NO_PLACEMENT_HANDLER' })) {
    const answer = await portal.call('imconnector.register', { ...card, [missing]: '' })
    t.equal(answer.status, 200)
    t.match(answer.json, { result: false, error })
    t.notOk((answer.json as { time?: unknown }).time)
  }
  t.match((await portal.call('imconnector.register', { ...card, ID: 'a.b' })).json, { error: 'APPLICATION_REGISTRATION_ERROR_POINT' })
  t.match((await portal.call('imconnector.register', card)).json, { result: { result: true } })
  const relay = (await refresh(portal.url, 'local.relay', 'relay-secret', 'relay-refresh')).json as { access_token: string }
  t.match((await portal.post('/rest/imconnector.register', { ...card, auth: relay.access_token })).json, { error: 'APPLICATION_REGISTRATION_ERROR' })
  t.match((await portal.call('imconnector.list')).json, { result: { relay_demo: 'Relay demo', myconnector: 'Mine' } })

  const at = { CONNECTOR: 'myconnector', LINE: 5 }
  const status = async (): Promise<unknown> => ((await portal.call('imconnector.status', at)).json as { result: unknown }).result
  t.same(await status(), { LINE: 5, CONNECTOR: 'myconnector', ERROR: false, CONFIGURED: false, STATUS: false })
  t.match((await portal.call('imconnector.activate', { ...at, ACTIVE: 'Y' })).json, { result: true })
  t.match((await portal.call('imconnector.connector.data.set', { ...at, DATA: { ID: '1', NAME: 'Mine' } })).json, { result: true })
  t.match(await status(), { CONFIGURED: true, STATUS: true })
  await portal.call('imconnector.set.error', at)
  t.match(await status(), { ERROR: true, STATUS: false })
  t.match((await portal.call('imconnector.update.messages', { ...at, MESSAGES: [] })).json, { error: 'NOT_ACTIVE_LINE' })
  await portal.call('imconnector.activate', { ...at, ACTIVE: '0' })
  t.match(await status(), { CONFIGURED: false, ERROR: false })
  t.match((await portal.call('imconnector.activate', { CONNECTOR: 'nope', LINE: 1, ACTIVE: 1 })).status, 400)
  t.match((await portal.call('imconnector.activate', { CONNECTOR: 'relay_demo', LINE: 1 })).json, { argument: 'ACTIVE' })
  t.match((await portal.call('imconnector.connector.data.set', { CONNECTOR: 'relay_demo', LINE: 1 })).json, { argument: 'DATA' })
  t.match((await portal.call('imconnector.status')).json, { argument: 'CONNECTOR' })

  t.match((await portal.call('imconnector.unregister', { ID: 'nope' })).json, { error: 'APPLICATION_UNREGISTRATION_ERROR' })
  t.match((await portal.call('imconnector.unregister', { ID: 'MyConnector' })).json, { result: { result: true } })
  t.match((await portal.call('imconnector.update.messages', { ...at, MESSAGES: [] })).json, { error: 'IMCONNECTOR_NO_CORRECT_PROVIDER' })
  t.match((await portal.call('imconnector.send.status.delivery', at)).json, { result: { SUCCESS: true, DATA: [] } })
})

t.test('the portal says who calls and what time it is', async t => {
  const portal = await build(t)
  const result = async (method: string, parameters = {}): Promise<unknown> =>
    ((await portal.call(method, parameters)).json as { result: unknown }).result
  t.match(await result('app.info'), { CODE: 'local.connector', STATUS: 'L', INSTALLED: true, PAYMENT_EXPIRED: 'N', MEMBER_ID: /^[0-9a-f]{32}$/ })
  t.match(await result('profile'), { ID: '1', ADMIN: true, NAME: String, LAST_NAME: String })
  t.equal(await result('user.admin'), true)
  t.match(await result('scope'), ['imopenlines', 'imconnector'])
  t.match(await result('scope', { full: true }), ['crm'])
  await portal.advance(600_000)
  const ahead = Date.parse(String(await result('server.time'))) - Date.now()
  t.ok(ahead > 590_000 && ahead <= 600_000)
})

t.test('a batch runs up to fifty calls and says what became of each', async t => {
  const portal = await build(t)
  const run = async (cmd: unknown, halt = 0): Promise<Record<string, Record<string, unknown>>> =>
    ((await portal.call('batch', { halt, cmd })).json as { result: Record<string, Record<string, unknown>> }).result
  const answer = await run({ me: 'profile', bad: 'nope', nested: 'batch?x=1', number: 5, time: 'server.time.json' })
  t.same(Object.keys(answer['result'] ?? {}), ['me', 'time'])
  t.match(answer['result_error'], { bad: { error: 'ERROR_METHOD_NOT_FOUND' }, nested: { error: 'ERROR_BATCH_METHOD_NOT_ALLOWED' } })
  t.match(answer['result_time'], { me: { duration: Number } })
  t.same(answer['result_total'], [])
  t.same((await run(['profile']))['result_error'], [], 'an empty map is a list')
  t.match(Object.keys((await run(['nope', 'profile'], 1))['result'] ?? {}), [], 'halt stops at the first error')
  const long = await run(Array.from({ length: 51 }, () => 'server.time'))
  t.equal(Object.keys(long['result'] ?? {}).length, 50)
  t.match(long['result_error'], { 50: { error: 'ERROR_BATCH_LENGTH_EXCEEDED' } })
  t.same((await run(undefined))['result'], [])
})

t.test('a batch puts earlier answers into a client\'s text', async t => {
  const portal = await build(t)
  await portal.send(item('original', { user: { id: '42', name: 'Ivan' } }))
  const update = new URLSearchParams({
    CONNECTOR: 'relay_demo',
    LINE: '1',
    'MESSAGES[0][user][id]': '42',
    'MESSAGES[0][user][name]': 'Ivan',
    'MESSAGES[0][message][id]': 'm1',
    'MESSAGES[0][message][text]': 'I am $result[me][NAME], not $result[nobody]! Costs $5 $result',
    'MESSAGES[0][chat][id]': 'c1',
  })
  await portal.call('batch', { cmd: { me: 'profile', edit: `imconnector.update.messages?${update}` } })
  t.equal((await portal.message('m1')).text, 'I am Anna, not ! Costs $5 $result')
})

t.test('a break in the middle of a batch breaks the batch', async t => {
  const portal = await build(t)
  const answer = await portal.call('batch', { cmd: ['imconnector.update.messages?CONNECTOR=relay_demo&LINE=1&MESSAGES[]=text'] })
  t.equal(answer.status, 500)
})

t.test('a body of several megabytes is taken', async t => {
  const portal = await build(t)
  const answer = await portal.send(item('x'.repeat(12 * 1024 * 1024)))
  t.equal(answer.status, 200)
  t.equal((await portal.message('m1')).text.length, 20_006)
})

t.test('a slow portal takes its time for each message', async t => {
  const portal = await build(t)
  await portal.post('/sandbox/load', { msPerMessage: 20 })
  const startedMs = performance.now()
  await portal.send(item('a'), item('b'), item('c'))
  t.ok(performance.now() - startedMs >= 55)
  t.match((await portal.calls()).at(-1), { messages: 3, status: 200 })
})

t.test('a request that takes too long is cut off by the front and still applied behind it', async t => {
  const portal = await build(t, { requestLimitMs: 50 })
  await portal.send(item('original'))
  await portal.post('/sandbox/load', { msPerMessage: 300 })
  t.match(await portal.update(item('late')), { status: 504, json: undefined, text: /^<html>/ })
  t.equal((await portal.message('m1')).text, 'original')
  for (let tries = 0; tries < 200 && (await portal.message('m1')).text !== 'late'; tries++) await setTimeout(10)
  t.equal((await portal.message('m1')).text, 'late')
})

t.test('bytes that are no UTF-8 are JSON that cannot be read', async t => {
  const portal = await build(t)
  const body = Buffer.concat([Buffer.from(`{"auth":"${portal.token}","x":"`), Buffer.from([0xff]), Buffer.from('"}')])
  const status = await new Promise<number | undefined>((resolve, reject) => {
    request(`${portal.url}/rest/profile`, { method: 'POST', headers: { 'content-type': 'application/json' } }, response => {
      response.resume()
      resolve(response.statusCode)
    }).on('error', reject).end(body)
  })
  t.equal(status, 401)
})
