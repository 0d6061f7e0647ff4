import fc from 'fast-check'
import t from 'tap'
import type { PortalEdit } from '../../src/edit/edit.ts'
import { readAnswer, toWire } from '../../src/bitrix24/update-messages.ts'
import { portalEdit } from '../portal-edit.ts'

const lane = { connector: 'relay_demo', line: 107 }

const full = portalEdit({
  user: {
    phone: '+79990000000',
    email: 'ivan@example.ru',
    gender: 'male',
    url: 'https://example.ru/users/42',
    pictureUrl: 'https://example.ru/u42.png',
    name: 'Иван',
    lastName: 'Иванов',
    id: 'ext-user-42',
  },
  message: { id: 'ext-msg-1001', date: 1773266050999, text: 'Добрый день', files: [{ url: 'https://example.ru/a.pdf', name: 'a.pdf' }, { url: 'https://example.ru/b' }] },
  chat: { url: 'https://example.ru/chats/123', name: 'Канал', id: 'channel-123' },
  revision: { at: 1, tie: 0n },
})

const bare = portalEdit({
  user: { id: '42' },
  message: { id: '1', text: 'x', files: [] },
  chat: { id: '7' },
  revision: { at: 1, tie: 0n },
})

t.test('every field has its place, in a fixed order whatever the order it came in', async t => {
  t.equal(JSON.stringify(toWire(lane, [{ edit: full, omitFiles: false }])), '{"CONNECTOR":"relay_demo","LINE":107,"MESSAGES":[{' +
    '"user":{"id":"ext-user-42","last_name":"Иванов","name":"Иван","picture":{"url":"https://example.ru/u42.png"},' +
    '"url":"https://example.ru/users/42","gender":"male","sex":"male","email":"ivan@example.ru","phone":"+79990000000"},' +
    '"message":{"id":"ext-msg-1001","date":1773266050,"text":"Добрый день","files":[{"url":"https://example.ru/a.pdf","name":"a.pdf"},{"url":"https://example.ru/b"}]},' +
    '"chat":{"id":"channel-123","name":"Канал","url":"https://example.ru/chats/123"}}]}')
})

t.test('what is absent stays absent', async t => {
  t.same(toWire(lane, [{ edit: bare, omitFiles: false }]).MESSAGES, [{ user: { id: '42' }, message: { id: '1', text: 'x' }, chat: { id: '7' } }])
  t.same(Object.keys(toWire(lane, [{ edit: bare, omitFiles: false }]).MESSAGES[0]?.user ?? {}), ['id'])
})

t.test('files can be left out, and the rest is the same', async t => {
  const [message] = toWire(lane, [{ edit: full, omitFiles: true }]).MESSAGES
  t.same(Object.keys(message?.message ?? {}), ['id', 'date', 'text'])
})

t.test('edits keep their order', async t => {
  const ids = ['c', 'a', 'b']
  const edits = ids.map(id => ({ edit: { ...bare, message: { ...bare.message, id } }, omitFiles: false }))
  t.same(toWire(lane, edits).MESSAGES.map(item => item.message.id), ids)
})

t.test('the user block is the same, byte for byte, whatever the message', async t => {
  const block = (edit: PortalEdit) => JSON.stringify(toWire(lane, [{ edit, omitFiles: false }]).MESSAGES[0]?.user)
  t.doesNotThrow(() => fc.assert(fc.property(
    fc.record({ id: fc.string(), name: fc.string(), lastName: fc.string(), phone: fc.string(), gender: fc.string() }, { requiredKeys: ['id'] }),
    fc.string(), fc.array(fc.nat(), { minLength: 5, maxLength: 5 }),
    (user, text, order) => {
      const shuffled = Object.fromEntries(Object.entries(user).map((entry, i) => [order[i] ?? 0, entry] as const).sort((a, b) => a[0] - b[0]).map(([, entry]) => entry))
      return block({ ...bare, user }) === block({ ...full, user: { id: user.id, ...shuffled }, message: { ...full.message, text } })
    })))
})

const ok = (items: unknown) => ({ SUCCESS: true, DATA: { RESULT: items } })
const delivered = { user: '585', message: { id: 'm', date: {} }, chat: {}, SUCCESS: true }

t.test('each item has its own outcome', async t => {
  t.same(readAnswer(ok([
    delivered,
    { ...delivered, user: 586 },
    { SUCCESS: false, ERRORS: ['Переданы не все\nнеобходимые данные', 'second'] },
    { SUCCESS: false },
  ]), 4), [
    { kind: 'delivered', unknownUser: false, portalUser: '585' },
    { kind: 'delivered', unknownUser: true, portalUser: '586' },
    { kind: 'rejected', words: 'Переданы не все необходимые данные; second' },
    { kind: 'rejected', words: '' },
  ])
  t.same(readAnswer(ok([]), 0), [])
})

t.test('an object keyed like the request is read by its keys', async t => {
  const items = JSON.parse('{"2":{"SUCCESS":false,"ERRORS":["two"]},"0":{"SUCCESS":true,"user":"1"},"1":{"SUCCESS":true,"user":7}}')
  t.same(readAnswer(ok(items), 3), [
    { kind: 'delivered', unknownUser: false, portalUser: '1' },
    { kind: 'delivered', unknownUser: true, portalUser: '7' },
    { kind: 'rejected', words: 'two' },
  ])
  const many = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [String(i), { SUCCESS: false, ERRORS: [`item ${i}`] }]))
  t.match(readAnswer(ok(many), 12), Array.from({ length: 12 }, (_, i) => ({ words: `item ${i}` })))
})

t.test('anything else says nothing of any item', async t => {
  const strange: unknown[] = [
    null, true, 'ok', [], {}, { SUCCESS: false, DATA: { RESULT: [delivered] } }, { SUCCESS: true }, ok(null), ok('x'), ok([]),
    ok([delivered, delivered]), ok([null]), ok([{}]), ok([{ SUCCESS: 'true' }]), ok({ 1: delivered }), ok({ a: delivered }), ok({ '00': delivered }),
  ]
  for (const result of strange) t.equal(readAnswer(result, 1), 'unreadable', JSON.stringify(result))
})

t.test('the portal\'s words are bounded', async t => {
  const [item] = readAnswer(ok([{ SUCCESS: false, ERRORS: ['x'.repeat(5000)] }]), 1)
  t.ok(typeof item === 'object' && item.kind === 'rejected' && item.words.length === 500)
})
