import t from 'tap'
import { address, addressClient } from '../../src/edit/address.ts'
import type { MessageEdit } from '../../src/edit/edit.ts'
import { channel } from '../channel.ts'

const EDIT: MessageEdit = {
  user: { id: '42', name: 'Ivan', lastName: 'Petrov', pictureUrl: 'https://e.com/a.png', url: 'https://e.com/42', gender: 'male', email: 'i@e.com', phone: '+7' },
  message: { id: '1001', date: 1, text: 'Hello', files: [] },
  chat: { id: 'c', name: 'Support', url: 'https://e.com/c' },
  revision: { at: 5, tie: 7n },
}

const withFiles = (text: string): MessageEdit => ({
  ...EDIT, message: { ...EDIT.message, text, files: [{ url: 'https://e.com/f?a[1]', name: '[b] spec\n>>x.pdf' }, { url: 'https://e.com/g' }] },
})

t.test('by default an edit goes as it came', async t => {
  t.strictSame(address(EDIT, channel()), { direction: undefined, replaces: undefined, allowAnonymous: false, ...EDIT })
})

t.test('ids are made by the channel\'s templates, in one pass', async t => {
  const ids = { user: 'tg-{user}', chat: '{chat}', message: '{chat}_{message}' }
  t.match(address(EDIT, channel({ ids })), { user: { id: 'tg-42' }, message: { id: 'c_1001' }, chat: { id: 'c' } })
  const tricky = { ...EDIT, chat: { id: '{message}$&' } }
  t.match(address(tricky, channel({ ids })), { message: { id: '{message}$&_1001' }, chat: { id: '{message}$&' } })
  const posing = { ...EDIT, user: { id: '{chat}' }, chat: { id: '{user}' } }
  t.match(address(posing, channel({ ids: { user: '{user}', chat: '{chat}', message: '{user}/{message}' } })), { user: { id: '{chat}' }, message: { id: '{chat}/1001' }, chat: { id: '{user}' } })
  t.equal(addressClient({ user: { id: '{chat}' }, chat: 'c', revision: EDIT.revision }, channel())?.id, '{chat}', 'and so for a client who is only seen')
})

t.test('in names of users, chats and files nothing acts as BB code', async t => {
  const edit = address({ ...withFiles('x'), user: { id: '1', name: '[b]I', lastName: '&lt;' }, chat: { id: 'c', name: '[url=x]' } }, channel())
  t.match(edit.user, { name: '[\u200Bb]I', lastName: '&\u200Blt;' })
  t.equal(edit.chat.name, '[\u200Burl=x]')
  t.equal(edit.message.files[0]?.name, '[\u200Bb] spec\n\u200B>>x.pdf')
})

t.test('only the channel\'s fields of a user go to the portal', async t => {
  t.strictSame(JSON.stringify(address(EDIT, channel({ userFields: ['name', 'phone'] })).user), '{"id":"42","name":"Ivan","phone":"+7"}')
  t.strictSame(JSON.stringify(address(EDIT, channel({ userFields: [] })).user), '{"id":"42"}')
})

t.test('the id to ask for a client by is the messenger\'s, whatever fields go to the portal', async t => {
  const nameless = { ...EDIT, user: { id: '42', lookUpId: '42' } }
  t.strictSame(JSON.stringify(address(nameless, channel({ ids: { user: 'vk{user}', chat: '{chat}', message: '{message}' }, userFields: ['name'] })).user), '{"id":"vk42","lookUpId":"42"}')
})

t.test('clean names are letters, spaces, hyphens and apostrophes, 25 of them', async t => {
  const clean = (name: string) => address({ ...EDIT, user: { id: '1', name } }, channel({ cleanNames: true })).user.name
  t.equal(clean(' Анна-Мария 🦊  O\'Neil\t2nd '), 'Анна-Мария O\'Neil nd')
  t.equal(clean('D’Artagnan [b]'), 'D’Artagnan b')
  t.equal(clean('x'.repeat(24) + ' y'), 'x'.repeat(24))
  t.equal(clean('𠮷'.repeat(30)), '𠮷'.repeat(25))
  t.equal(clean('नमस्ते'), 'नमस्ते')
  t.equal(clean('🦊 42'), undefined)
})

t.test('an edit of files only says where the files are', async t => {
  const expected = '[\u200Bb] spec \u200B>>x.pdf: https://e.com/f?a%5B1%5D\nhttps://e.com/g'
  for (const text of ['', ' \n']) t.equal(address(withFiles(text), channel()).message.text, expected)
  t.equal(address(withFiles('words'), channel()).message.text, 'words')
})

t.test('a channel may keep files from the portal', async t => {
  const { message } = address(withFiles(''), channel({ files: 'omit' }))
  t.strictSame(message.files, [])
  t.match(message.text, 'https://e.com/g')
})

t.test('what a message showed before comes out as an edit to it did', async t => {
  for (const files of ['send', 'omit'] as const) {
    const before = withFiles('').message
    const { text, files: links } = address({ ...EDIT, message: before }, channel({ files })).message
    t.strictSame(address({ ...EDIT, replaces: before }, channel({ files })).replaces, { text, files: links })
  }
})
