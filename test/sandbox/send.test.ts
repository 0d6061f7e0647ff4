import t from 'tap'
import { build, day, echo, item, ivan } from './helper.ts'

t.test('a sent message opens a chat, keeps its files and names the session', async t => {
  const portal = await build(t)
  const answer = await portal.send(item('Hello', {
    files: [{ url: 'https://example.com/spec.pdf', name: 'spec.pdf' }, { url: 'ftp://example.com/no' }],
  }))
  t.match(echo(answer), { SUCCESS: true, user: Number, message: { files: [Number] }, session: { ID: String, CHAT_ID: String } })
  t.match(await portal.messages(), [{ text: 'Hello', edited: false, files: ['https://example.com/spec.pdf'], history: [{ text: 'Hello' }] }])
})

t.test('a repeated send is a second message in the same session', async t => {
  const portal = await build(t)
  const first = echo(await portal.send(item('Hello')))
  const second = echo(await portal.send(item('Hello')))
  t.same(second['session'], first['session'])
  t.type(first['user'], 'number', 'created')
  t.equal(second['user'], String(first['user']), 'found')
  t.equal((await portal.messages('?message=m1')).length, 2)
})

t.test('a message without an id is shown and cannot be edited', async t => {
  const portal = await build(t)
  await portal.send({ user: ivan, message: { text: 'no id' }, chat: { id: 'c1' } }, item('zero', { id: '0' }))
  await portal.update({ user: ivan, message: { text: 'edited' }, chat: { id: 'c1' } }, item('edited', { id: '0' }))
  t.match(await portal.messages(), [{ message: '', text: 'no id' }, { message: '', text: 'zero' }])
})

t.test('send.messages looks at the shape before it does anything', async t => {
  const portal = await build(t)
  const send = async (messages: unknown): Promise<unknown> =>
    (await portal.call('imconnector.send.messages', { CONNECTOR: 'relay_demo', LINE: 1, MESSAGES: messages })).json
  t.match(await send('text'), { error: 'ERROR_ARGUMENT', argument: 'MESSAGES' })
  t.match(await send([item('ok'), 'text']), {
    error: 'ERROR_ARGUMENT', error_description: 'The MESSAGES parameter must be an array of messages (arrays)', argument: '',
  })
  t.match(await send([item('ok'), { user: ivan, message: {} }]), {
    error: 'ERROR_ARGUMENT', error_description: 'The incorrect structure of a message inside MESSAGES parameter.',
  })
  t.same(await portal.messages(), [])
})

t.test('a delete works at any age, and a bare user renames the client on the way', async t => {
  const portal = await build(t)
  await portal.send(item('old'))
  await portal.advance(30 * day)
  const answer = await (await portal.renewed()).call('imconnector.delete.messages', {
    CONNECTOR: 'relay_demo', LINE: 1, MESSAGES: [{ user: { id: '42' }, message: { id: ['m1', 'm2'] }, chat: { id: 'c1' } }],
  })
  t.same(echo(answer), { user: '585', message: { id: ['m1', 'm2'] }, chat: { id: 'c1' }, SUCCESS: true })
  t.equal((await portal.message('m1')).deleted, true)
  t.match(await portal.users(), [{ externalId: '42', name: 'Guest' }])
})

t.test('a delete that finds nothing answers SUCCESS', async t => {
  const portal = await build(t)
  await portal.send(item('stays'))
  const answer = await portal.call('imconnector.delete.messages', {
    CONNECTOR: 'relay_demo', LINE: 1, MESSAGES: [{ user: ivan, message: { id: 'm2' }, chat: { id: 'c1' } }, { message: { id: 'm1' } }],
  })
  t.match(echo(answer, 0), { SUCCESS: true })
  t.match(echo(answer, 1), { SUCCESS: false })
  t.equal((await portal.message('m1')).deleted, false)
})

t.test('messages can be asked for by chat and by id', async t => {
  const portal = await build(t)
  await portal.send(item('a', { id: '1' }), item('b', { id: '1', chat: { id: 'c2' } }), item('c', { id: '2' }))
  const texts = async (query: string): Promise<string[]> => (await portal.messages(query)).map(({ text }) => text)
  t.same(await texts('?chat=c1'), ['a', 'c'])
  t.same(await texts('?message=1'), ['a', 'b'])
  t.same(await texts('?chat=c2&message=1'), ['b'])
  t.same(await texts('?chat=none'), [])
})

t.test('ten thousand messages are written and read', async t => {
  const portal = await build(t)
  for (let start = 0; start < 10_000; start += 500) {
    await portal.send(...Array.from({ length: 500 }, (_, index) =>
      item('text', { id: start + index, chat: { id: `c${index % 50}` } })))
  }
  t.equal((await portal.messages()).length, 10_000)
})
