import t from 'tap'
import { createOpenLines } from '../../src/bitrix24/open-lines.ts'
import type { OperatorAnswer } from '../../src/bitrix24/operator-calls.ts'

/** Answers each method with one result, and keeps what was asked. */
function openLines (result: unknown) {
  const asked: unknown[] = []
  const answer: OperatorAnswer = { kind: 'answered', result }
  return { asked, ...createOpenLines({ call: async (method, params) => { asked.push({ method, params }); return answer } }) }
}

const DIALOG = { id: 1763, entity_id: 'relay_demo|107|c|1|23', entity_data_1: 'Y|LEAD|1205|N|N|321|1773223732|0|0|0', message_count: 9 }

t.test('a dialog is read from its code, and its last session by its id, which gives stable results', async t => {
  const { dialog, lastSession, asked } = openLines(DIALOG)
  const found = await dialog({ CHAT_ID: 1763 })
  t.strictSame(found, { kind: 'found', value: { id: 1763, connector: 'relay_demo', line: 107, chat: 'c|1', user: '23', session: 321, messages: 9 } })
  await lastSession({ id: 1763, session: 321 })
  await lastSession({ id: 1763, session: null })
  t.match(asked, [{ params: { CHAT_ID: 1763 } }, { params: { SESSION_ID: 321 } }, { params: { CHAT_ID: 1763 } }])
})

t.test('a dialog may lack what is not needed, but not its code', async t => {
  t.match(await openLines({ ...DIALOG, entity_data_1: '', message_count: undefined }).dialog({ CHAT_ID: 1 }), { kind: 'found', value: { session: null, messages: null } })
  t.match(await openLines({ ...DIALOG, entity_data_1: 'N|NONE|0|N|N|0|0|0|0|0', message_count: '9' }).dialog({ CHAT_ID: 1 }), { kind: 'found', value: { session: null, messages: 9 } })
  for (const result of [null, [], { ...DIALOG, entity_id: 'chat' }, { ...DIALOG, entity_id: undefined }, { ...DIALOG, entity_id: 'a|b|c|d' }]) {
    t.match(await openLines(result).dialog({ CHAT_ID: 1 }), { kind: 'failed', words: /cannot read/ }, JSON.stringify(result))
  }
})

t.test('a history is read whatever the case of its keys, and whether its maps are lists', async t => {
  const message = { id: '85851', chatid: '1763', senderid: '103', date: '2026-03-11T13:12:46+01:00', text: 'new', textlegacy: '<b>new</b>', params: { connectorMid: ['m1'], isEdited: 'Y' } }
  const users = { 103: { id: '103', connector: true }, 1: { id: '1', connector: false } }
  const session = async (result: object) => await openLines(result).lastSession({ id: 1, session: null })
  const expected = { id: '85851', externalIds: ['m1'], by: 'client', at: Date.UTC(2026, 2, 11, 12, 12, 46), text: 'new', legacyText: '<b>new</b>', isEdited: true, isDeleted: false }
  t.strictSame(await session({ message: { 85851: message }, users }), { kind: 'found', value: [expected] })
  const { chatid, senderid, textlegacy, ...rest } = message
  const camel = { ...rest, chatId: chatid, senderId: senderid, textLegacy: textlegacy, params: { CONNECTOR_MID: ['x'], connectorMid: { 0: 'm1' }, IsEdited: 'Y' } }
  t.match(await session({ Message: [camel], Users: Object.values(users) }), { value: [expected] })
  t.strictSame(await session({ message: [], users: [] }), { kind: 'found', value: [] })

  const others = await session({ message: { 3: { id: 3, senderid: '0', params: [] }, 20: { id: '20', senderid: '1', date: 'then', params: { connectormid: 7 } } }, users })
  t.match(others, { value: [{ id: '20', by: 'operator', at: null, externalIds: ['7'], isEdited: false }, { id: '3', by: 'system', at: null, externalIds: [], text: '' }] })
  for (const result of [{}, { message: 'x' }, { message: { 1: 'x' } }]) t.match(await session(result), { kind: 'failed', words: /cannot read/ })
})
