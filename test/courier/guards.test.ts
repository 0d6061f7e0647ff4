import t from 'tap'
import { edit, startScraped } from '../operations/metrics/running.ts'
import { eventually, original } from '../portal.ts'

const CHAT = 'chat-4711'
const CLIENT = '79161234567'
const DAY = 24 * 60 * 60 * 1000
const LONG = 'x'.repeat(101)

const { portal, post, ask, scrape, lines } = await startScraped(t)
const connector = await portal.connector()

/** Each would change something in the portal if it were sent: the text of its original, or the name of its client. */
const cases = ([
  ['a blank text', 'empty-text', 'empty', {}, { text: ' ' }],
  ['a message of four days ago', 'too-old', 'old', {}, { date: Date.now() - 4 * DAY }],
  ['a long message id', 'id-too-long', LONG, {}, {}],
  ['a long user id', 'id-too-long', 'long-user', { user: LONG }, {}],
  ['a long chat id', 'id-too-long', 'long-chat', { chat: LONG }, {}],
  ['a client without a name', 'anonymous-user', 'nameless', { user: 'nobody', name: undefined }, {}],
  ['an operator\'s own message', 'outgoing', 'own', {}, { direction: 'out' }],
] as const).map(([title, reason, message, where, changes]) => {
  const ids = { user: CLIENT, chat: CHAT, ...where }
  const user = { id: ids.user, last_name: 'Petrova', name: 'Anna', ...('name' in where ? { last_name: undefined, name: undefined } : {}) }
  return { title, reason, ids: { message, ...ids }, data: { user, message: { ...edit(message, 'edited').message, ...changes }, chat: { id: ids.chat, name: 'Support' } } }
})

await connector.send([...cases.map(({ ids }) => original(ids.message, 'original', ids)), original('ordinary', 'original', { user: CLIENT, chat: CHAT })])
// The answer to a call proves the clock. Until then nothing is refused as too old.
await post(edit('ordinary', 'first'))
await eventually(async () => await portal.text('ordinary'), text => text === 'first')
const look = async () => ({ messages: await portal.messages(), users: await portal.users() })
const untouched = await look()
const finished = async () => new Map([...await scrape()].filter(([sample]) => sample.startsWith('relay_edits_finished_total')))

for (const { title, reason, ids, data } of cases) {
  t.test(`${title} is refused as ${reason}: for its sender, in the row, the log and the metrics`, async t => {
    const before = await finished()
    const { status, body: { edits: [answer] } } = await post(data)
    t.equal(status, 202)
    t.match(answer, { outcome: 'refused', reason })
    t.match((await ask(`/api/edits?message=${ids.message}`)).body, { edits: [{ id: answer?.id, state: 'dead', reason, chat: ids.chat, attempts: 0, refused: { reason } }] })
    t.match(JSON.parse(lines.at(-1) ?? ''), { level: 30, event: 'webhook.accepted', channel: 'default', edits: [{ id: answer?.id, outcome: 'refused', reason }] })
    const changed = [...await finished()].filter(([sample, value]) => value !== before.get(sample))
    const sample = `relay_edits_finished_total{state="dead",reason="${reason}"}`
    t.strictSame(changed, [[sample, (before.get(sample) ?? NaN) + 1]])
  })
}

t.test('none of them goes to the portal, and a later edit does', async t => {
  t.strictSame(await look(), untouched)
  t.match(await post(edit('ordinary', 'edited')), { body: { edits: [{ outcome: 'accepted' }] } })
  t.equal(await eventually(async () => await portal.text('ordinary'), text => text === 'edited'), 'edited')
  t.match(await portal.calls(), [{ messages: 1, error: null }, { messages: 1, error: null }])
  t.equal((await portal.calls()).length, 2)
  const others = (shown: Awaited<ReturnType<typeof look>>) => ({ ...shown, messages: shown.messages.filter(({ message }) => message !== 'ordinary') })
  t.strictSame(others(await look()), others(untouched))
})
