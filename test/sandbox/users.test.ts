import t from 'tap'
import { build, echo, item, ivan } from './helper.ts'

t.test('the profile is taken from the user block', async t => {
  const portal = await build(t)
  await portal.send(item('x', {
    user: { ...ivan, gender: 'female', email: 'i@example.com', phone: '+79990000000', picture: { url: 'https://example.com/i.png' }, sex: 'male' },
  }))
  t.match(await portal.users(), [{
    id: Number,
    externalId: '42',
    name: 'Ivan',
    lastName: 'Petrov',
    url: 'https://example.com/42',
    gender: 'F',
    email: 'i@example.com',
    phone: '+79990000000',
    picture: 'https://example.com/i.png',
    writes: 1,
  }])
})

t.test('a bare id makes a guest of a known client and blanks the rest', async t => {
  const portal = await build(t)
  await portal.send(item('x', { user: { ...ivan, email: 'i@example.com', phone: '+7999' } }))
  await portal.update(item('y', { user: { id: '42' } }))
  t.match(await portal.users(), [{
    name: 'Guest', lastName: '', url: '', gender: '', email: 'i@example.com', phone: '+7999', writes: 2,
  }])
})

t.test('a title stands in for a missing name, and a full name of two words is split', async t => {
  const portal = await build(t)
  await portal.send(
    item('x', { user: { id: '1', title: 'Client' } }),
    item('x', { user: { id: '2', name: 'Ivan Petrov' } }),
    item('x', { user: { id: '3', name: 'Ivan van Petrov' } }),
    item('x', { user: { id: '4', last_name: 'Petrov' } }))
  t.match(await portal.users(), [
    { name: 'Client', lastName: '' },
    { name: 'Ivan', lastName: 'Petrov' },
    { name: 'Ivan van Petrov', lastName: '' },
    { name: '', lastName: 'Petrov' },
  ])
})

t.test('the profile is written only when the block differs, and types and key order make a difference', async t => {
  const portal = await build(t)
  const writes = async (): Promise<number | undefined> => (await portal.users())[0]?.writes
  const base = { id: '42', name: 'Ivan', last_name: 'Petrov' }
  await portal.send(item('x', { user: base }))
  await portal.update(item('y', { user: { ...base } }))
  t.equal(await writes(), 1, 'an equal block')
  await portal.update(item('y', { user: { ...base, id: 42 } }))
  t.equal(await writes(), 2, 'a number in place of a string')
  await portal.update(item('y', { user: { last_name: 'Petrov', name: 'Ivan', id: 42 } }))
  t.equal(await writes(), 3, 'another order')
  await portal.update(item('y', { user: { last_name: 'Petrov', name: 'Ivan', id: 42, vip: true } }))
  t.equal(await writes(), 4, 'a key the portal does not know')
  await portal.update(item('y', { user: { last_name: 'Petrov', name: 'Ivan', id: 42, vip: 1 } }))
  t.equal(await writes(), 5, 'true is not 1')
})

t.test('an unknown user is created by an edit and comes back as an integer', async t => {
  const portal = await build(t)
  t.type(echo(await portal.update(item('x')))['user'], 'number')
  t.type(echo(await portal.update(item('x')))['user'], 'string')
  t.equal((await portal.users()).length, 1)
  t.same(await portal.messages(), [], 'the message is not')
})

t.test('a missing user id makes another user with each call', async t => {
  const portal = await build(t)
  for (const user of [{ name: 'A' }, { name: 'A' }, { id: '', name: 'A' }]) await portal.update(item('x', { user }))
  t.same((await portal.users()).map(({ externalId }) => externalId), ['', '', ''])
  await portal.update(item('x', { user: { id: 0, name: 'Zero' } }), item('x', { user: { id: '0', name: 'Zero' } }))
  t.equal((await portal.users()).length, 4, 'while 0 is an id')
})

t.test('an invalid address fails for a new client and is swallowed for a known one', async t => {
  const portal = await build(t)
  const answer = await portal.send(item('x', { user: { ...ivan, email: 'nonsense' } }))
  t.match(echo(answer), { SUCCESS: false, ERRORS: [String, 'Cannot create or get user mapped to external messenger user.'] })
  t.same(await portal.users(), [])
  await portal.send(item('x'))
  t.match(echo(await portal.update(item('y', { user: { ...ivan, name: 'Pyotr', email: 'nonsense' } }))), { SUCCESS: true })
  t.match(await portal.users(), [{ name: 'Ivan', email: '', writes: 1 }])
  t.equal((await portal.message('m1')).text, 'y')
})

t.test('the user is written even when the item then fails', async t => {
  const portal = await build(t)
  t.match(echo(await portal.update(item(''))), { SUCCESS: false })
  t.equal((await portal.users()).length, 1)
})
