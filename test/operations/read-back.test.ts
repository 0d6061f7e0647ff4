import t, { type Test } from 'tap'
import type { DialogAnswer, VerificationAnswer } from '../../routes/read-back.ts'
import { eventually, original } from '../portal.ts'
import { edit, startScraped } from './metrics/running.ts'

/** Each question takes a second, so the tests wait side by side. */
t.jobs = 4

const CLIENT = { user: '79161234567', chat: 'chat-4711' }

/** A relay whose client has sent m1, m2 and m3. */
async function build (t: Test) {
  const scraped = await startScraped(t)
  const { portal, ask, post } = scraped
  const connector = await portal.connector()
  await connector.send(['m1', 'm2', 'm3'].map(message => original(message, `original ${message}`, CLIENT)))
  const row = async (id: string) => (await ask(`/api/edits/${id}`)).body
  /** Edits a message, and waits until the portal has taken the edit. */
  const deliver = async (message: string, text: string, changes: object = {}): Promise<string> => {
    const data = edit(message, text)
    const { body: { edits: [accepted] } } = await post({ ...data, message: { ...data.message, ...changes } })
    const { id } = accepted as { id: string }
    await eventually(() => row(id), ({ state }) => state === 'delivered')
    return id
  }
  const verify = async (id: string) => (await ask(`/api/edits/${id}/verify`, 'POST')).body as unknown as VerificationAnswer
  return { ...scraped, connector, deliver, verify, send: async (message: string) => await connector.send([original(message, `original ${message}`, CLIENT)]) }
}

t.test('an edit that has landed is read back as the portal shows it, and the text is in no log', async t => {
  const { portal, deliver, verify, lines } = await build(t)
  const id = await deliver('m1', 'A secret <b>of</b>\n\n[b]ours[/b] & https://example.com/?a=1&b=2  ')
  const shown = await portal.text('m1') as string
  const answer = await verify(id)
  t.strictSame(answer, { found: true, text: shown, expected: answer.expected, matches: true, note: null })
  t.match(answer.expected, /^A secret <b>of/)
  t.notMatch(lines.join('\n'), /secret/)
})

t.test('what an operator wrote over it is shown beside what ought to stand there', async t => {
  const { portal, deliver, verify, ask } = await build(t)
  const id = await deliver('m1', 'by the client')
  await portal.operatorEdit({ message: 'm1', text: 'by the operator' })
  t.match(await verify(id), { found: true, text: 'by the operator', expected: 'by the client', matches: false, note: /by an operator/ })
  await ask(`/api/edits/${id}/redeliver`, 'POST')
  await eventually(() => portal.text('m1'), text => text === 'by the client')
  t.match(await verify(id), { found: true, matches: true, note: null })
})

t.test('a message that is not in the dialog is not found, and one of an earlier session may be', async t => {
  const { portal, deliver, verify, send } = await build(t)
  const nobody = await deliver('nobody', 'to nobody')
  t.match(await verify(nobody), { found: false, text: null, expected: 'to nobody', matches: false, note: /no message with this id.*ids\.message/ })
  const first = await deliver('m1', 'in the first session')
  await portal.closeSession()
  t.match(await verify(first), { found: true, matches: true }, 'no other session has begun')
  await send('m4')
  t.match(await verify(first), { found: null, text: null, expected: 'in the first session', matches: null, note: /earlier sessions/ })
  t.match(await verify(nobody), { found: null, note: /earlier sessions/ })
})

t.test('a message that is younger than the last session is not in an earlier one', async t => {
  const { portal, deliver, verify, send } = await build(t)
  await portal.closeSession()
  await send('m4')
  const young = await deliver('nobody', 'to nobody', { date: Math.floor(Date.now() / 1000) + 600 })
  t.match(await verify(young), { found: false, note: /no message with this id/ })
})

t.test('the dialog that all clients of a chat share is found', async t => {
  const { portal, connector, post, verify, ask } = await build(t)
  const group = { ID: 'relay_demo', NAME: 'Group', ICON: { DATA_IMAGE: 'data:' }, PLACEMENT_HANDLER: 'https://example.com', CHAT_GROUP: true }
  await connector.call('imconnector.register', group)
  await connector.send([original('g1', 'original', { ...CLIENT, chat: 'group' })])
  const { body: { edits: [accepted] } } = await post({ ...edit('g1', 'to all'), chat: { id: 'group' } })
  const { id } = accepted as { id: string }
  await eventually(() => ask(`/api/edits/${id}`), ({ body }) => body.state === 'delivered')
  t.match(await verify(id), { found: true, text: 'to all', matches: true })
  t.match((await portal.calls('imopenlines.dialog.get')).map(({ error }) => error), ['ACCESS_ERROR', null], 'first the client\'s own')
})

t.test('why the portal could not be looked at is told, with a remedy', async t => {
  const { portal, deliver, post, verify, ask } = await build(t)
  const id = await deliver('m1', 'edited')
  const failing = async (method: string, fault: object | string) => {
    await portal.fault({ method, fault, times: 1 })
    return await verify(id)
  }
  const looked = { found: null, text: null, expected: 'edited', matches: null }
  const denied = await failing('imopenlines.session.history.get', { error: 'ACCESS_DENIED', status: 400 })
  t.match(denied, { ...looked, note: /may not see this chat's history.*view the history/ })
  t.match(await failing('imopenlines.dialog.get', { error: 'insufficient_scope', status: 403 }), { ...looked, note: /lacks the permission imopenlines: add it/ })
  t.match(await failing('imopenlines.dialog.get', 'html-502'), { ...looked, note: /does not answer \(HTTP_502\): check/ })
  t.match(await failing('imopenlines.dialog.get', '503'), { ...looked, note: /no more requests.*in a minute/ })
  t.match((await ask('/api/status')).body, { portal: { condition: 'ready' }, lines: [] }, 'nothing is parked')

  const { body: { edits: [stranger] } } = await post({ ...edit('m1', 'to a stranger'), chat: { id: 'elsewhere' } })
  await eventually(() => ask(`/api/edits/${stranger?.id}`), ({ body }) => body.state === 'delivered')
  t.match(await verify(stranger?.id as string), { found: null, note: /shows no dialog relay_demo\|1\|elsewhere\|\d+: compare.*ids <dialog>/ })
  const { body: { edits: [refused] } } = await post(edit('m9', ' '))
  t.match(await verify(refused?.id as string), { found: null, expected: null, note: /refused the edit \(empty-text\)/ })
  t.match(await ask('/api/edits/unknown/verify', 'POST'), { status: 404 })
})

t.test('a dialog shows what its connector uses, and no text', async t => {
  const { portal, connector, ask, send } = await build(t)
  await connector.send([original('b|1', 'original', { user: 'u2', chat: 'a|b' })])
  const { status, body } = await ask('/api/dialogs/chat1767')
  t.equal(status, 200)
  t.match(body, { dialog: 'chat1767', connector: 'relay_demo', line: 1, chat: 'chat-4711', user: '585', note: null })
  const { messages } = body as unknown as DialogAnswer
  t.strictSame(messages.map(({ externalIds, by }) => [externalIds, by]), [[['m3'], 'client'], [['m2'], 'client'], [['m1'], 'client']])
  t.match(messages[0], { id: '10003', at: /^20.*Z$/ })
  t.notMatch(JSON.stringify(body), /original/)
  t.match(await ask('/api/dialogs/1768'), { status: 200, body: { chat: 'a|b', user: '586', messages: [{ externalIds: ['b|1'] }] } })

  for (let n = 10; n < 40; n++) await send(`m${n}`)
  const many = (await ask('/api/dialogs/CHAT1767')).body as unknown as DialogAnswer
  t.strictSame([many.messages.length, many.messages[0]?.externalIds], [20, ['m39']])
  await portal.fault({ method: 'imopenlines.session.history.get', fault: { error: 'ACCESS_DENIED', status: 400 }, times: 1 })
  t.match(await ask('/api/dialogs/1767'), { status: 200, body: { chat: 'chat-4711', messages: [], note: /may not see/ } })
})

t.test('a dialog that cannot be shown is an error that says why', async t => {
  const { portal, ask } = await build(t)
  t.match(await ask('/api/dialogs/4711'), { status: 404, body: { detail: /shows no open line's chat4711: correct the number/ } })
  t.match(await ask('/api/dialogs/chat'), { status: 400, body: { errors: [{ pointer: '/dialog' }] } })
  await portal.fault({ method: 'imopenlines.dialog.get', fault: 'reset', times: 1 })
  t.match(await ask('/api/dialogs/1767'), { status: 502, body: { detail: /does not answer \(.*\): check/ } })
})
