import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { build, day, item, ivan, type Answer, type Fixture } from './helper.ts'
import { receive, type Receiver } from './receiver.ts'

const event = 'OnOpenLineMessageUpdate'

interface Sent { event: string, application: string, handler: string, fault: string | null, status: number | null, error: string | null }

/** A portal with one original, whose edits are sent to a handler of the connector application. */
async function bound (t: Test, options: Parameters<typeof receive>[1] = {}) {
  const portal = await build(t)
  const receiver = await receive(t, options)
  const handler = `${receiver.url}?key=secret`
  t.match(await portal.call('event.bind', { event, handler }), { status: 200, json: { result: true } })
  await portal.send(item('original'))
  return { portal, receiver, handler }
}

const sent = async (portal: Fixture): Promise<Sent[]> => ((await portal.get('/sandbox/events')).json as { sent: Sent[] }).sent

const bindings = async (portal: Fixture): Promise<unknown[]> => ((await portal.call('event.get')).json as { result: unknown[] }).result

/** The attempts, once each has ended. */
async function ended (portal: Fixture, count: number): Promise<Sent[]> {
  for (;;) {
    const attempts = await sent(portal)
    if (attempts.filter(({ status, error }) => status !== null || error !== null).length >= count) return attempts
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

const data = (receiver: Receiver, index = 0): unknown => receiver.received[index]?.body['data']
const text = (receiver: Receiver, index = 0): string | null | undefined => receiver.received[index]?.form.get('data[DATA][message][text]')

t.test('a handler is bound once, listed and removed', async t => {
  const portal = await build(t)
  const handler = 'https://relay.example.com/bitrix24/events?key=1'
  const result = async (method: string, parameters = {}): Promise<unknown> => ((await portal.call(method, parameters)).json as { result: unknown }).result
  t.equal(await result('event.bind', { EVENT: event, HANDLER: handler }), true)
  t.match(await portal.call('event.bind', { event: event.toLowerCase(), handler }), {
    status: 400, json: { error: 'ERROR_CORE', error_description: 'Unable to set event handler: Handler already binded' },
  })
  t.equal(await result('event.bind', { event, handler, auth_type: 2 }), true, 'another user')
  t.equal(await result('event.bind', { event: 'OnAppUninstall', handler }), true, 'another event')
  t.equal(await result('event.bind', { event, handler: `${handler}2` }), true, 'another handler')
  t.same(await result('event.get'), [
    { event: event.toUpperCase(), handler, auth_type: '0', offline: 0 },
    { event: event.toUpperCase(), handler, auth_type: '2', offline: 0 },
    { event: 'ONAPPUNINSTALL', handler, auth_type: '0', offline: 0 },
    { event: event.toUpperCase(), handler: `${handler}2`, auth_type: '0', offline: 0 },
  ])
  t.same(await result('event.unbind', { event, handler, auth_type: 0 }), { count: 1 })
  t.same(await result('event.unbind', { event, handler }), { count: 1 }, 'without a user: those of all')
  t.same(await result('event.unbind', { event, handler }), { count: 0 })
  t.equal((await bindings(portal)).length, 2)
})

t.test('a handler belongs to its application and its user', async t => {
  const portal = await build(t)
  const receiver = await receive(t)
  const tokenOf = async (application: string, admin: boolean): Promise<string> => {
    const before = receiver.received.length
    await portal.post('/sandbox/install', { handler: receiver.url, application, admin })
    return (await receiver.arrived(before + 1)).at(-1)?.form.get('auth[access_token]') ?? ''
  }
  const relay = await tokenOf('relay', true)
  const employee = await tokenOf('connector', false)
  const as = async (auth: string, method: string, parameters = {}): Promise<Answer> => await portal.post(`/rest/${method}`, { ...parameters, auth })
  const handler = 'https://relay.example.com/events'
  for (const token of [portal.token, relay, employee]) t.match(await as(token, 'event.bind', { event, handler }), { json: { result: true } })
  const users = async (token: string): Promise<string[]> =>
    ((await as(token, 'event.get')).json as { result: Array<{ auth_type: string }> }).result.map(({ auth_type: user }) => user)
  t.same(await users(portal.token), ['0', '2'], 'an administrator sees those of all')
  t.same(await users(relay), ['0'], 'another application')
  t.same(await users(employee), ['2'], 'anyone else their own')
  t.match(await as(employee, 'event.bind', { event, handler, auth_type: 1 }), { status: 403, json: { error: 'ACCESS_DENIED' } })
  t.match(await as(employee, 'event.unbind', { event, handler, auth_type: 1 }), { status: 403, json: { error: 'ACCESS_DENIED' } })
  t.match(await as(employee, 'event.unbind', { event, handler }), { json: { result: { count: 1 } } })
  t.same(await users(portal.token), ['0'])
})

t.test('a binding that makes no sense is refused with the portal’s codes', async t => {
  const portal = await build(t)
  const handler = 'https://relay.example.com/events'
  const refused = {
    ERROR_EVENT_NOT_FOUND: { event: 'OnNothing', handler },
    ERROR_WRONG_HANDLER_URL: { event, handler: 'http://localhost:3000/events' },
    ERROR_UNSUPPORTED_PROTOCOL: { event, handler: 'ftp://relay.example.com/events' },
    ERROR_ARGUMENT: { event, handler, event_type: 'sometimes' },
  }
  for (const [error, parameters] of Object.entries(refused)) t.match(await portal.call('event.bind', parameters), { status: 400, json: { error } }, error)
  t.match((await portal.call('event.bind', { handler })).json, { error: 'ERROR_ARGUMENT', argument: 'EVENT' })
  t.match((await portal.call('event.unbind', { event })).json, { error: 'ERROR_ARGUMENT', argument: 'HANDLER' })
  t.equal((await bindings(portal)).length, 0)
})

t.test('the methods share the rate limit, the faults and the log of calls', async t => {
  const portal = await build(t, { limits: true })
  await portal.fault({ method: 'event.bind', fault: '500' })
  t.equal((await portal.call('event.bind', { event, handler: 'https://relay.example.com/' })).status, 500)
  const answers = await Promise.all(Array.from({ length: 60 }, async () => await portal.call('event.get')))
  t.ok(answers.some(({ status }) => status === 503))
  t.match((await portal.calls()).filter(({ method }) => method.startsWith('event.')).slice(0, 2), [
    { method: 'event.bind', application: 'local.connector', status: 500, fault: '500' },
    { method: 'event.get', application: 'local.connector', status: 200, error: null, fault: null },
  ])
})

t.test('an edit of a client is reported with the external ids and the text as it came', async t => {
  const { portal, receiver } = await bound(t)
  await portal.update(item(' [b]new[/b] & <old>[br]:f09f9880:', { chat: { id: 'c1', name: 'Support', url: 'https://example.com/c1' } }))
  const [{ url, type, form } = { url: '', type: '', form: new URLSearchParams() }] = await receiver.arrived(1)
  t.equal(url, '/bitrix24/install?key=secret')
  t.equal(type, 'application/x-www-form-urlencoded')
  const { host } = new URL(portal.url)
  t.same([...form.keys()].filter(key => key.startsWith('auth')).sort(), [
    'access_token', 'application_token', 'client_endpoint', 'domain', 'expires', 'expires_in', 'member_id', 'scope', 'server_endpoint', 'status', 'user_id',
  ].map(name => `auth[${name}]`), 'without a refresh token')
  t.match(Object.fromEntries(form), {
    event: 'ONOPENLINEMESSAGEUPDATE',
    event_handler_id: /^\d+$/,
    ts: /^\d{10}$/,
    'auth[domain]': host,
    'auth[client_endpoint]': `${portal.url}/rest/`,
    'auth[server_endpoint]': `${portal.url}/rest/`,
    'auth[member_id]': /^[0-9a-f]{32}$/,
    'auth[application_token]': 'c0ec7000000000000000000000000002',
    'auth[user_id]': '1',
  })
  t.same(data(receiver), {
    DATA: {
      connector: { connector_id: 'relay_demo', line_id: '1', chat_id: 'c1', user_id: '585' },
      chat: { id: 'c1', name: 'Support', description: 'Link to original post: https://example.com/c1' },
      message: { id: 'm1', text: ' [b]new[/b] & <old>[br]😀', user_id: '585' },
    },
  })
  t.equal((await portal.get(`/rest/profile?auth=${form.get('auth[access_token]')}`)).status, 200, 'the token works')
})

t.test('what was found is reported, and nothing else', async t => {
  const { portal, receiver } = await bound(t)
  for (const stranger of [item('x', { id: 'm2' }), item('x', { chat: { id: 'c2' } }), item('x', { user: { ...ivan, id: '43' } }), { user: ivan, message: { text: 'x' }, chat: { id: 'c1' } }]) {
    t.equal((await portal.update(stranger)).status, 200)
  }
  await portal.call('imconnector.update.messages', { CONNECTOR: 'relay_demo', LINE: 2, MESSAGES: [item('x')] })
  t.same(await sent(portal), [], 'ids that match nothing')

  await portal.advance(3 * day + 2_000)
  const later = await portal.renewed()
  await later.update(item('too late'))
  t.equal((await portal.message('m1')).text, 'original')
  await receiver.arrived(1)
  t.equal(text(receiver), 'too late', 'the three days refuse the edit, not the event')

  await later.update(item('[br]'))
  t.equal((await portal.message('m1')).deleted, true)
  await receiver.arrived(2)
  t.equal(text(receiver, 1), '[br]', 'a deletion by an empty text')
  await later.update(item('again'))
  await receiver.arrived(3)
  t.equal(text(receiver, 2), 'again', 'a deleted message is found')
  t.equal((await sent(portal)).length, 3)
})

t.test('every application gets the edits of all connectors', async t => {
  const { portal, receiver } = await bound(t)
  const at = { CONNECTOR: 'other', LINE: 1 }
  await portal.call('imconnector.register', { ID: 'other', NAME: 'Other', ICON: { DATA_IMAGE: 'data:' }, PLACEMENT_HANDLER: 'https://example.com', CHAT_GROUP: true })
  await portal.call('imconnector.activate', { ...at, ACTIVE: 1 })
  await portal.call('imconnector.send.messages', { ...at, MESSAGES: [item('theirs', { id: 7 })] })
  await portal.call('imconnector.update.messages', { ...at, MESSAGES: [item('theirs, edited', { id: 7, date: '' })] })
  await receiver.arrived(1)
  t.match(data(receiver), { DATA: { connector: { connector_id: 'other', user_id: '586' }, message: { id: '7', text: 'theirs, edited' } } })
})

t.test('a full call of fifty messages brings fifty events', async t => {
  const { portal, receiver } = await bound(t)
  const ids = Array.from({ length: 50 }, (_, index) => `n${index}`)
  await portal.send(...ids.map(id => item('original', { id })))
  await portal.update(...ids.map(id => item(`edited ${id}`, { id })))
  const found = (await receiver.arrived(50)).map(({ form }) => form.get('data[DATA][message][text]'))
  t.same(new Set(found), new Set(ids.map(id => `edited ${id}`)))
  t.equal((await sent(portal)).length, 50)
})

t.test('an event may arrive before the answer of the call', async t => {
  const { portal, receiver } = await bound(t)
  await portal.send(item('original', { id: 'm2' }))
  await portal.post('/sandbox/load', { msPerMessage: 300 })
  let isAnswered = false
  const call = portal.update(item('first'), item('second', { id: 'm2' })).then(() => { isAnswered = true })
  await receiver.arrived(1)
  t.equal(isAnswered, false)
  t.equal((await portal.message('m1')).text, 'first', 'and after the edit')
  await call
})

t.test('nobody waits for a handler, and an event is sent once', async t => {
  const { portal, receiver } = await bound(t, { hold: new Promise(() => {}) })
  for (const edit of ['one', 'two', 'three']) t.equal((await portal.update(item(edit))).status, 200)
  await receiver.arrived(3)
  t.match(await sent(portal), [{ status: null }, { status: null }, { status: null }])

  const failing = await bound(t, { status: 500 })
  await failing.portal.call('event.bind', { event, handler: 'http://127.0.0.1:1/' })
  await failing.portal.update(item('edited'))
  t.match(await ended(failing.portal, 2), [{ status: 500, error: null }, { handler: 'http://127.0.0.1:1/', status: null, error: String }])
  await failing.portal.update(item('edited again'))
  await failing.receiver.arrived(2)
  t.match([text(failing.receiver), text(failing.receiver, 1)], ['edited', 'edited again'])
})

t.test('after a renaming the events name the new address', async t => {
  const { portal, receiver } = await bound(t)
  const renamed = portal.url.replace('127.0.0.1', 'localhost')
  await portal.post('/sandbox/rename', { address: renamed })
  await fetch(`${renamed}/rest/imconnector.update.messages`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ CONNECTOR: 'relay_demo', LINE: 1, MESSAGES: [item('edited')], auth: portal.token }),
  })
  const [{ form } = { form: new URLSearchParams() }] = await receiver.arrived(1)
  t.match(Object.fromEntries(form), { 'auth[domain]': new URL(renamed).host, 'auth[client_endpoint]': `${renamed}/rest/` })
})

t.test('no events before the installation is finished, and none of the bindings from before it', async t => {
  const { portal, receiver, handler } = await bound(t)
  const page = await receive(t, { status: 200, answer: '<script>BX24.init(function () { BX24.installFinish() })</script>' })
  const installed = async (): Promise<unknown> => ((await portal.call('app.info')).json as { result: { INSTALLED: boolean } }).result.INSTALLED
  const install = async (more: object): Promise<void> => {
    await portal.post('/sandbox/install', { handler: page.url, application: 'connector', ...more })
    await portal.call('event.bind', { event, handler })
    await portal.update(item(JSON.stringify(more)))
  }
  t.equal(await installed(), true)
  await install({ form: 'page', finish: false })
  t.equal(await installed(), false, 'the administrator closed the page')
  await portal.post('/sandbox/install', { handler: receiver.url, application: 'connector', form: 'page' })
  t.equal(await installed(), false, 'a page that calls no installFinish')
  t.same(await sent(portal), [])
  await install({ form: 'page' })
  t.equal(await installed(), true)
  await install({ form: 'event' })
  t.equal(await installed(), true)
  t.equal((await ended(portal, 2)).length, 2)
  await portal.post('/sandbox/install', { handler: page.url, application: 'connector' })
  t.equal((await bindings(portal)).length, 0, 'an install removes the bindings')
})

t.test('an operator’s edit is reported in its own shape', async t => {
  const { portal, receiver } = await bound(t)
  t.match(await portal.post('/sandbox/operator-edit', { message: 'm1', text: 'by the operator' }), { status: 200, json: { text: 'by the operator', edited: true } })
  t.equal((await portal.message('m1')).text, 'by the operator')
  await receiver.arrived(1)
  t.same(data(receiver), {
    CONNECTOR: 'relay_demo',
    LINE: '1',
    DATA: { im: { chat_id: '1767', message_id: '10001' }, message: { id: ['m1'], text: '[b]Oleg Operator:[/b][br] by the operator' }, chat: { id: 'c1' } },
  })
  await portal.post('/sandbox/operator-edit', { id: 10_001, text: 'as documented', list: true })
  await receiver.arrived(2)
  t.match(data(receiver, 1), { CONNECTOR: 'relay_demo', DATA: [{ im: { message_id: '10001' }, message: { id: ['m1'] } }] })
  t.equal(receiver.received[1]?.form.get('auth[user_id]'), '2')
})

t.test('an operator’s edit that cannot be is refused, and has no event', async t => {
  const { portal } = await bound(t)
  const refused = async (body: object, message: RegExp): Promise<unknown> =>
    t.match(await portal.post('/sandbox/operator-edit', body), { status: 400, json: { message } })
  await refused({ message: 'm2', text: 'x' }, /no such message/)
  await refused({ message: 'm1', text: ' ' }, /text: an empty text/)
  await refused({ text: 'x' }, /either message or id/)
  await portal.send(item('same id', { chat: { id: 'c2' } }), item('without an id', { id: '', chat: { id: 'c3' } }))
  await refused({ message: 'm1', text: 'x' }, /2 such messages/)
  await portal.advance(3 * day + 2_000)
  await refused({ message: 'm1', chat: 'c1', text: 'x' }, /older than three days/)
  await (await portal.renewed()).send(item('new', { id: '', chat: { id: 'c4' } }))
  t.match(await portal.post('/sandbox/operator-edit', { id: 10_004, text: 'x' }), { status: 200 }, 'without an external id')
  t.same(await sent(portal), [])
})

t.test('each fault befalls the next event', async t => {
  const { portal, receiver, handler } = await bound(t)
  const strike = async (fault: string, more = {}): Promise<Answer> => await portal.post('/sandbox/events', [{ event, fault, ...more }])
  t.match((await strike('lost', { times: 2 })).json, { faults: [{ event: 'ONOPENLINEMESSAGEUPDATE', fault: 'lost', times: 2 }] })
  await portal.update(item('lost'), item('lost again'))
  await strike('twice')
  await portal.update(item('twice'))
  await receiver.arrived(2)
  t.same([text(receiver), text(receiver, 1)], ['twice', 'twice'])

  await strike('foreign')
  await portal.update(item('foreign'))
  await receiver.arrived(3)
  t.match(data(receiver, 2), { DATA: { connector: { connector_id: 'another_connector', chat_id: 'c1' }, message: { id: 'm1', text: 'foreign' } } })

  await strike('wrong-key')
  await portal.update(item('wrong key'))
  await receiver.arrived(4)
  t.equal(receiver.received[3]?.url, '/bitrix24/install?key=secretx')

  await strike('older-version')
  await portal.update(item('newest'))
  await receiver.arrived(5)
  t.equal(text(receiver, 4), 'wrong key', 'the text that was sent before')
  t.equal((await portal.message('m1')).text, 'newest')

  await strike('late', { afterMs: 60_000 })
  await portal.update(item('late'))
  await portal.update(item('in time'))
  await receiver.arrived(6)
  t.equal(text(receiver, 5), 'in time')
  await portal.advance(60_000)
  await receiver.arrived(7)
  t.equal(text(receiver, 6), 'late')
  t.match(await ended(portal, 7), [
    { fault: 'lost', status: null }, { fault: 'lost', status: null }, { fault: 'twice', status: 201 }, { fault: 'twice', status: 201 }, { fault: 'foreign' },
    { fault: 'wrong-key' }, { fault: 'older-version' }, { fault: null }, { fault: 'late', handler },
  ])
})

t.test('event faults strike in their order and can be taken back', async t => {
  const { portal, receiver } = await bound(t)
  t.match(await portal.post('/sandbox/events', { fault: 'stolen' }), { status: 400, json: { message: /fault: .*wrong-key/ } })
  await portal.post('/sandbox/events', [{ event: 'ONAPPINSTALL', fault: 'lost' }, { fault: 'foreign' }, { fault: 'lost', times: 9 }])
  await portal.post('/sandbox/operator-edit', { message: 'm1', text: 'by the operator' })
  await receiver.arrived(1)
  t.match(data(receiver), { CONNECTOR: 'another_connector' }, 'the first for any event')
  await portal.post('/sandbox/events', [])
  await portal.update(item('edited'))
  await receiver.arrived(2)
  t.equal(text(receiver, 1), 'edited')
})

t.test('a reset removes bindings, faults and events that wait', async t => {
  const { portal, receiver, handler } = await bound(t)
  await portal.post('/sandbox/events', [{ fault: 'late', afterMs: 1_000 }, { fault: 'lost' }])
  await portal.update(item('late'))
  await portal.post('/sandbox/install', { handler, application: 'relay', form: 'page', finish: false })
  const before = receiver.received.length
  await portal.post('/sandbox/reset', '')
  t.same((await portal.get('/sandbox/events')).json, { bindings: [], faults: [], sent: [] })
  await portal.advance(2_000)
  t.same(await sent(portal), [])
  t.equal(receiver.received.length, before)
})

t.test('an event that waits is not sent after the end', async t => {
  const { portal } = await bound(t)
  await portal.post('/sandbox/events', [{ fault: 'late', afterMs: 60_000 }])
  await portal.update(item('late'))
  await portal.close()
  portal.state.clock.advance(120_000)
  t.same(portal.state.sender.list(), [])
})

t.test('events that wait or hang do not keep a process alive', { timeout: 20_000 }, async t => {
  const { url, arrived } = await receive(t, { hold: new Promise(() => {}) })
  const program = `
    import { startSandbox } from '${join(import.meta.dirname, '../../sandbox/sandbox.ts')}'
    const { url, close } = await startSandbox({ limits: false })
    const post = async (path, body) => await (await fetch(url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })).json()
    const { access_token: auth } = await (await fetch(url + '/oauth/token/?grant_type=refresh_token&client_id=local.relay&client_secret=relay-secret&refresh_token=relay-refresh')).json()
    const messages = text => ({ CONNECTOR: 'relay_demo', LINE: 1, MESSAGES: [{ user: { id: 1, name: 'A' }, message: { id: 1, text }, chat: { id: 1 } }], auth })
    await post('/rest/event.bind', { event: '${event}', handler: '${url}', auth })
    await post('/rest/imconnector.send.messages', messages('original'))
    await post('/rest/imconnector.update.messages', messages('hangs'))
    await post('/sandbox/events', [{ fault: 'late', afterMs: 600_000 }])
    await post('/rest/imconnector.update.messages', messages('late'))
    process.stdin.once('data', () => { process.stdin.unref(); close() })
  `
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: ['pipe', 'inherit', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  const left = once(child, 'exit')
  await arrived(1)
  child.stdin.write('close\n')
  t.same(await left, [0, null])
})
