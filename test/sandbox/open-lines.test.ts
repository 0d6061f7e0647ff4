import t from 'tap'
import { build, item, ivan, type Fixture } from './helper.ts'
import { receive } from './receiver.ts'

type Values = Record<string, unknown>

interface History extends Values {
  readonly message: Record<string, { text: string, params: unknown }>
  readonly users: Values
}

async function result<Result = Values> (portal: Pick<Fixture, 'call'>, method: string, parameters: Values): Promise<Result> {
  const { json } = await portal.call(method, parameters)
  return (json as { result: Result }).result
}

const dialog = async (portal: Fixture, parameters: Values): Promise<Values> => await result(portal, 'imopenlines.dialog.get', parameters)
const history = async (portal: Fixture, parameters: Values): Promise<History> => await result(portal, 'imopenlines.session.history.get', parameters)

t.test('a dialog is found by each of its names', async t => {
  const portal = await build(t, { now: () => Date.UTC(2026, 0, 1) })
  await portal.send(item('other', { chat: { id: 'c0' } }), item('original'), item('second', { id: 'm2' }))
  const names = [{ CHAT_ID: 1768 }, { chat_id: '1768' }, { DIALOG_ID: 'chat1768' }, { DIALOG_ID: 'Chat1768' }, { SESSION_ID: 324 }, { USER_CODE: 'relay_demo|1|c1|585' }, { USER_CODE: 'imol|relay_demo|1|c1|585' }]
  for (const name of names) {
    t.match(await dialog(portal, name), {
      id: 1768,
      dialog_id: 'chat1768',
      entity_type: 'LINES',
      entity_id: 'relay_demo|1|c1|585',
      entity_data_1: 'N|NONE|0|N|N|324|1767225600|0|0|0',
      name: 'Support',
      type: 'lines',
      message_count: 2,
      last_message_id: 10_003,
      date_create: '2026-01-01T00:00:00+00:00',
    }, JSON.stringify(name))
  }
  t.match(await dialog(portal, { CHAT_ID: 1767, DIALOG_ID: 'chat1768' }), { id: 1767 }, 'the first name counts')
})

t.test('the dialog of a CHAT_GROUP connector has no user in its code', async t => {
  const portal = await build(t)
  await portal.call('imconnector.register', { ID: 'group', NAME: 'Group', ICON: { DATA_IMAGE: 'data:' }, PLACEMENT_HANDLER: 'https://example.com', CHAT_GROUP: true })
  await portal.call('imconnector.activate', { CONNECTOR: 'group', LINE: 1, ACTIVE: 1 })
  await portal.call('imconnector.send.messages', { CONNECTOR: 'group', LINE: 1, MESSAGES: [item('hello')] })
  t.match(await dialog(portal, { USER_CODE: 'group|1|c1|0' }), { entity_id: 'group|1|c1|0' })
})

t.test('a dialog that is not there, or not for this user, is an access error', async t => {
  const portal = await build(t)
  await portal.send(item('original'))
  for (const name of [{}, { CHAT_ID: 1 }, { CHAT_ID: 'chat1767' }, { DIALOG_ID: '1767' }, { SESSION_ID: 1 }, { USER_CODE: 'relay_demo|1|c1|586' }]) {
    t.match(await portal.call('imopenlines.dialog.get', name), { status: 400, json: { error: 'ACCESS_ERROR' } }, JSON.stringify(name))
  }
  const receiver = await receive(t)
  await portal.post('/sandbox/install', { handler: receiver.url, application: 'connector', admin: false })
  const auth = receiver.received[0]?.form.get('auth[access_token]')
  t.match(await portal.post('/rest/imopenlines.dialog.get', { CHAT_ID: 1767, auth }), { status: 400, json: { error: 'ACCESS_ERROR' } })
  t.match(await portal.post('/rest/imopenlines.session.history.get', { CHAT_ID: 1767, auth }), { status: 400, json: { error: 'ACCESS_DENIED' } })
})

t.test('the history has the messages with their external ids, newest first where it has an order', async t => {
  const portal = await build(t, { now: () => Date.UTC(2026, 0, 1) })
  await portal.send(item('first'), item('second', { id: 'm2' }), item('no id', { id: '' }), item('gone', { id: 'm4' }))
  await portal.update(item('[b]edited[/b] <now>\n"yes"'), item(' ', { id: 'm4' }))
  const found = await history(portal, { CHAT_ID: 1767 })
  t.match(found, {
    chatId: 1767,
    sessionId: 323,
    userId: 'chat1767',
    usersMessage: { chat1767: ['10004', '10003', '10002', '10001'] },
    users: { 585: { id: '585', name: 'Ivan Petrov', firstName: 'Ivan', lastName: 'Petrov', connector: true } },
    chat: { 1767: { id: '1767', name: 'Support', entityId: 'relay_demo|1|c1|585', entityData1: /\|323\|/ } },
    userInChat: { 1767: [585] },
    files: [],
  })
  t.same(found.message['10001'], {
    id: '10001',
    chatid: '1767',
    senderid: '585',
    recipientid: 'chat1767',
    date: '2026-01-01T00:00:00+00:00',
    text: '[b]edited[/b] <now>\n"yes"',
    textlegacy: '<b>edited</b> &lt;now&gt;<br />&quot;yes&quot;',
    params: { connectorMid: ['m1'], isEdited: 'Y' },
  })
  t.match(found.message['10002'], { text: 'second', params: { connectorMid: ['m2'] } })
  t.same(found.message['10003']?.params, [], 'an empty map is an empty list')
  t.match(found.message['10004'], { text: 'This message was deleted.', params: { connectorMid: ['m4'], isDeleted: 'Y' } })
})

t.test('the history is that of one session', async t => {
  const portal = await build(t)
  await portal.send(item('first'), item('elsewhere', { chat: { id: 'c2' } }))
  t.same((await portal.post('/sandbox/close-session', { chat: 'c1' })).json, { closed: [323] })
  await portal.update(item('edited after the end'))
  t.equal((await portal.message('m1').catch(() => undefined)), undefined, 'two chats have the id')
  await portal.send(item('second', { id: 'm2' }), item('third', { id: 'm3', user: ivan }))
  t.same((await dialog(portal, { SESSION_ID: 323 }))['id'], 1767)
  t.same((await dialog(portal, { SESSION_ID: 325 }))['id'], 1767)
  t.same(Object.keys((await history(portal, { CHAT_ID: 1767 })).message), ['10003', '10004'], 'the last')
  t.match(await history(portal, { CHAT_ID: 1, SESSION_ID: 323 }), { chatId: 1767, sessionId: 323, message: { 10001: { text: 'edited after the end' } } })
  t.same((await portal.post('/sandbox/close-session', {})).json, { closed: [325, 324] })
})

t.test('a history that cannot be named is told why', async t => {
  const portal = await build(t)
  const error = async (parameters: Values): Promise<unknown> => (await portal.call('imopenlines.session.history.get', parameters)).json
  t.match(await error({}), { error: 'MISSING_REQUIRED_PARAM' })
  t.match(await error({ CHAT_ID: 1 }), { error: 'INVALID_SESSION_ID' })
  t.match(await error({ SESSION_ID: 'x' }), { error: 'INVALID_SESSION_ID' })
  t.match(await error({ SESSION_ID: 1 }), { error: 'ACCESS_DENIED' })
})
