import t from 'tap'
import type { MessageEdit } from '../../src/edit/edit.ts'
import { guard } from '../../src/edit/guard.ts'
import { portalEdit } from '../portal-edit.ts'

const NOW = Date.UTC(2026, 10, 22)
const DAY = 24 * 60 * 60 * 1000

function edit (changes: { user?: Partial<MessageEdit['user']>, message?: Partial<MessageEdit['message']>, chat?: Partial<MessageEdit['chat']> } = {}): MessageEdit {
  return {
    user: { id: '42', name: 'Ivan', ...changes.user },
    message: { id: '1001', text: 'Hello', files: [], ...changes.message },
    chat: { id: 'channel-123', ...changes.chat },
    revision: { at: NOW, tie: 0n },
  }
}

const ask = (subject: MessageEdit, allowAnonymous = false) => guard(portalEdit(subject, allowAnonymous), { portalTime: NOW, waitedMs: 0 })

t.test('an ordinary edit is not refused', async t => {
  t.equal(ask(edit()), null)
})

t.test('a text that the portal would delete for is refused', async t => {
  for (const text of ['', ' \n', '[br]', '&nbsp;', '\u200B']) t.equal(ask(edit({ message: { text } })), 'empty-text', JSON.stringify(text))
})

t.test('an id of more than a hundred characters is refused, whichever it is', async t => {
  for (const length of [100, 101]) {
    const expected = length > 100 ? 'id-too-long' : null
    t.equal(ask(edit({ user: { id: 'x'.repeat(length) } })), expected)
    t.equal(ask(edit({ message: { id: 'x'.repeat(length) } })), expected)
    t.equal(ask(edit({ chat: { id: 'x'.repeat(length) } })), expected)
    t.equal(ask(edit({ chat: { id: '🙂'.repeat(length) } })), expected, 'characters are counted, not UTF-16 units')
  }
})

t.test('a user whose name can be asked for is not refused for want of it', async t => {
  t.equal(ask(edit({ user: { name: undefined, lookUpId: '42' } })), null)
})

t.test('a user without a name is refused, unless the channel allows it', async t => {
  for (const user of [{ name: undefined }, { name: '' }, { name: ' ', lastName: '\u200B' }]) {
    t.equal(ask(edit({ user })), 'anonymous-user')
    t.equal(ask(edit({ user }), true), null)
  }
  t.equal(ask(edit({ user: { name: undefined, lastName: 'Petrov' } })), null)
})

t.test('a message older than three days is refused', async t => {
  t.equal(ask(edit({ message: { date: NOW - 3 * DAY } })), null)
  t.equal(ask(edit({ message: { date: NOW - 3 * DAY - 1 } })), 'too-old')
  t.equal(ask(edit({ message: { date: NOW + DAY } })), null)
})

t.test('an edit of a message of unknown date is too old when it has waited for three days, whatever the wall clock says', async t => {
  const wait = (waitedMs: number, date?: number) => guard(portalEdit(edit({ message: date === undefined ? {} : { date } })), { portalTime: NOW, waitedMs })
  t.equal(wait(3 * DAY), null)
  t.equal(wait(3 * DAY + 1), 'too-old')
  t.equal(wait(30 * DAY, NOW - DAY), null, 'a date that is known decides')
})

t.test('of several reasons the one that would harm most is named', async t => {
  t.equal(ask(edit({ user: { name: '' }, message: { text: '', date: 0 }, chat: { id: 'x'.repeat(101) } })), 'empty-text')
})
