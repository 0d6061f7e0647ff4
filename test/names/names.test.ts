import t, { type Test } from 'tap'
import { createApi, createApiDispatcher } from '../../src/names/api.ts'
import type { NameSource } from '../../src/names/sources.ts'
import { createVkLookUp } from '../../src/messengers/vk/users.ts'
import { channel } from '../channel.ts'
import { startPeopleApi } from './people-api.ts'
import { eventually, original } from '../portal.ts'
import { attach, startHarness } from '../courier/harness.ts'

const TOKEN = 'vk1.a.0123456789abcdef'
const ANNA = { id: 42, first_name: 'Anna', last_name: 'Petrova' }
const BORIS = { id: 43, first_name: 'Boris', last_name: 'Ivanov' }
const DAY_MS = 24 * 3600_000

const isDelivered = (row: { state: string } | null): boolean => row?.state === 'delivered'
const isDead = (row: { state: string } | null): boolean => row?.state === 'dead'

/** A courier whose default channel asks a real server for names. */
async function start (t: Test, people = [ANNA, BORIS]) {
  const api = await startPeopleApi(t, people)
  const dispatcher = createApiDispatcher()
  t.teardown(() => dispatcher.destroy())
  const source: NameSource = { lookUp: createVkLookUp(TOKEN, api.url), channel: channel() }
  const names = { sources: new Map([['default', source]]), askApi: createApi({ dispatcher, userAgent: 'test', now: Date.now }) }
  return { api, names, ...await startHarness(t, { names }) }
}

/** An original as the connector sent it, and an edit of it by a client who is only a number. */
const nameless = (message: string, id: number, text: string, at = 1) => ({ message, text, at, user: String(id), lookUpId: String(id) })

async function attempts (store: { outbox: { attempts (id: string): Promise<readonly unknown[]> } }, row: { id: string } | null) {
  return await store.outbox.attempts(row?.id ?? '')
}

t.test('a client is asked for once and remembered, and nobody becomes a guest', async t => {
  const { api, portal, take, takeMany, courier, state, store, lookUps } = await start(t)
  const connector = await portal.connector()
  for (const message of ['m1', 'm2', 'm3']) await connector.send([original(message, 'original', { user: '42' })])
  await connector.send([original('m4', 'original', { user: '43' })])
  await takeMany([nameless('m1', 42, 'one'), nameless('m2', 42, 'two'), nameless('m4', 43, 'four')])
  courier.start()
  for (const message of ['m1', 'm2', 'm4']) t.match(await eventually(() => state(message), isDelivered), { state: 'delivered', reason: null, attempts: 1 }, message)
  t.strictSame(api.asked, [['42', '43']])
  t.strictSame([...api.tokens], [TOKEN])
  await take(nameless('m3', 42, 'three'))
  courier.wake()
  await eventually(() => state('m3'), isDelivered)
  t.equal(api.asked.length, 1, 'she is known by now')
  t.strictSame(await Promise.all(['m1', 'm2', 'm3', 'm4'].map(portal.text)), ['one', 'two', 'three', 'four'])
  t.match((await portal.users()).map(({ externalId, name, lastName }) => ({ externalId, name, lastName })).filter(({ externalId }) => externalId === '42' || externalId === '43'), [
    { externalId: '42', name: 'Anna', lastName: 'Petrova' }, { externalId: '43', name: 'Boris', lastName: 'Ivanov' },
  ])
  t.strictSame(lookUps, [{ channel: 'default', outcome: 'answered', clients: 2, found: 2 }])
  t.match(await store.profiles.find(store.portal, 'relay_demo', '42'), { id: '42', name: 'Anna', lastName: 'Petrova', url: 'https://vk.com/id42' })
})

t.test('an edit of somebody whom the messenger does not know is dead, never sent, and says why; redelivered, it asks again', async t => {
  const people = [ANNA]
  const { portal, take, courier, state, store, lookUps, now } = await start(t, people)
  await (await portal.connector()).send([original('m1', 'original', { user: '404' })])
  await take(nameless('m1', 404, 'from nobody'))
  courier.start()
  const row = await eventually(() => state('m1'), isDead)
  t.match(row, { state: 'dead', reason: 'anonymous-user', words: 'PROFILE_NOT_FOUND' })
  t.match(await attempts(store, row), [{ code: 'PROFILE_NOT_FOUND', words: null }])
  t.strictSame(lookUps, [{ channel: 'default', outcome: 'answered', clients: 1, found: 0 }])
  t.equal(await portal.text('m1'), 'original')
  t.equal((await portal.calls()).length, 0)
  t.strictSame(await store.outbox.ledger(), { accepted: 1, superseded: 0, delivered: 0, dead: 1, pending: 0 })
  people.push({ id: 404, first_name: 'Vera', last_name: 'Orlova' })
  t.strictSame(await store.outbox.redeliver([row?.id ?? ''], now()), ['redelivered'])
  courier.wake()
  t.match(await eventually(() => state('m1'), isDelivered), { state: 'delivered' })
  t.equal(await portal.text('m1'), 'from nobody')
})

t.test('while the API is down its edits wait and others go on; then all are delivered', async t => {
  const { api, portal, take, courier, state, store, skip, logged, lookUps } = await start(t)
  await (await portal.connector()).send([original('m1', 'original', { user: '42' }), original('m2', 'original', { user: 'u1' })])
  api.mood = { status: 503, body: 'busy' }
  await take(nameless('m1', 42, 'waits'))
  courier.start()
  await eventually(async () => lookUps.length, count => count === 1)
  await take({ message: 'm2', text: 'goes on', at: 1 })
  courier.wake()
  t.match(await eventually(() => state('m2'), isDelivered), { state: 'delivered' }, 'of the same channel and line')
  t.match(await attempts(store, await state('m1')), [{ code: 'HTTP_503' }])
  api.mood = { status: 200, body: { error: { error_code: 6, error_msg: 'Too many requests per second' } } }
  skip(1000)
  const attempted = () => logged.filter(line => line.event === 'lookup.attempted').map(({ level, code }) => `${level} ${code}`)
  await eventually(async () => attempted(), lines => lines.at(-1) === '40 VK_6')
  t.match(await state('m1'), { state: 'pending' })
  api.mood = 'answers'
  skip(1000)
  t.match(await eventually(() => state('m1'), isDelivered), { state: 'delivered' })
  t.equal(await portal.text('m1'), 'waits')
  t.strictSame([...new Set(attempted())], ['40 HTTP_503', '40 VK_6', '30 ok'], 'each as often as there was time for')
  t.equal(lookUps.at(-1)?.outcome, 'answered')
})

t.test('a token that is refused is reported with its remedy and without itself, and asked with again after a minute', async t => {
  const { api, portal, take, courier, state, skip, logged, lookUps } = await start(t)
  await (await portal.connector()).send([original('m1', 'original', { user: '42' })])
  api.mood = { status: 200, body: { error: { error_code: 5, error_msg: `User authorization failed: ${TOKEN}` } } }
  await take(nameless('m1', 42, 'waits'))
  courier.start()
  await eventually(async () => lookUps.length, count => count === 1)
  t.match(logged.filter(line => line.event === 'lookup.attempted'), [{ level: 50, channel: 'default', outcome: 'refused', code: 'VK_5', remedy: /apiToken/ }])
  t.notMatch(JSON.stringify(logged), new RegExp(TOKEN))
  api.mood = 'answers'
  skip(30_000)
  t.match(await state('m1'), { state: 'pending' })
  skip(30_000)
  t.match(await eventually(() => state('m1'), isDelivered), { state: 'delivered' })
  t.equal(api.asked.length, 2)
})

t.test('a silent API delays only those who wait for it, and the newest text is sent when it speaks', async t => {
  const { api, portal, take, courier, state, lookUps } = await start(t)
  await (await portal.connector()).send([original('m1', 'original', { user: '42' }), original('m2', 'original', { user: 'u1' }), original('m3', 'original', { user: 'u1' })])
  api.mood = 'silent'
  await take(nameless('m1', 42, 'older'))
  courier.start()
  await eventually(async () => api.asked.length, count => count === 1)
  for (const message of ['m2', 'm3']) await take({ message, text: 'goes on', at: 1 })
  await take(nameless('m1', 42, 'newer', 2))
  courier.wake()
  for (const message of ['m2', 'm3']) t.match(await eventually(() => state(message), isDelivered), { state: 'delivered' })
  t.equal(lookUps.length, 0, 'the question is still open')
  t.match(await state('m1'), { state: 'pending' })
  api.speak()
  t.match(await eventually(() => state('m1'), isDelivered), { state: 'delivered', revision: { at: 2 } })
  t.strictSame((await portal.messages('?message=m1'))[0]?.history.map(({ text }) => text), ['original', 'newer'])
})

t.test('a channel whose question is put off is asked again in time, however long another channel waits for its answer', async t => {
  const [silent, busy] = [await startPeopleApi(t, [ANNA]), await startPeopleApi(t, [BORIS])]
  const dispatcher = createApiDispatcher()
  t.teardown(() => dispatcher.destroy())
  const source = (url: string): NameSource => ({ lookUp: createVkLookUp(TOKEN, url), channel: channel() })
  const names = { sources: new Map([['silent', source(silent.url)], ['busy', source(busy.url)]]), askApi: createApi({ dispatcher, userAgent: 'test', now: Date.now }) }
  const { portal, takeMany, courier, state, lookUps } = await startHarness(t, { names })
  await (await portal.connector()).send([original('m1', 'original', { user: '43' })])
  silent.mood = 'silent'
  busy.mood = { status: 503, body: 'busy' }
  await takeMany([{ ...nameless('m0', 42, 'waits'), channel: 'silent' }, { ...nameless('m1', 43, 'edited'), channel: 'busy' }])
  courier.start()
  await eventually(async () => lookUps.length, count => count === 1)
  busy.mood = 'answers'
  t.match(await eventually(() => state('m1'), isDelivered), { state: 'delivered' })
  t.notOk(lookUps.some(report => report.channel === 'silent'), 'that question is still open')
})

t.test('a stop in the middle of a question gives the edit back, and the next life asks anew', async t => {
  const { api, names, portal, take, courier, databaseUrl, close } = await start(t)
  await (await portal.connector()).send([original('m1', 'original', { user: '42' })])
  api.mood = 'silent'
  await take(nameless('m1', 42, 'waits'))
  courier.start()
  await eventually(async () => api.asked.length, count => count === 1)
  await close()
  api.mood = 'answers'
  const second = await attach(t, portal, databaseUrl, { names })
  t.notOk(second.logged.some(line => line.event === 'courier.recovered'), 'nothing was left open')
  await second.take(nameless('m1', 42, 'newer', 2))
  second.courier.start()
  t.match(await eventually(() => second.state('m1'), isDelivered), { state: 'delivered' }, 'without a quarantine')
  t.equal(await portal.text('m1'), 'newer')
})

t.test('an edit whose channel cannot ask any more is dead, and one that got too old is not asked for', async t => {
  const { api, portal, take, courier, state, now, proveClock } = await start(t)
  await proveClock()
  await take({ ...nameless('m1', 42, 'of a channel that is gone'), channel: 'gone' })
  await take({ ...nameless('m2', 42, 'of last week'), date: now() - 4 * DAY_MS })
  courier.start()
  t.match(await eventually(() => state('m1'), isDead), { state: 'dead', reason: 'anonymous-user', words: /no apiToken/ })
  t.match(await eventually(() => state('m2'), isDead), { state: 'dead', reason: 'too-old' })
  t.strictSame(api.asked, [])
  t.equal((await portal.calls()).length, 0)
})

t.test('after a channel was renamed, the client of a newer edit is asked for by the new name, in the lane of the old one', async t => {
  const { api, portal, take, courier, state, store } = await start(t)
  const [first, second] = [original('m1', 'original', { user: '42' }), original('m2', 'original', { user: '43' })]
  await (await portal.connector()).send([first, second])
  await take({ ...nameless('m1', 42, 'by the old name'), channel: 'old' })
  await take({ ...nameless('m2', 43, 'by the old name'), channel: 'old' })
  await take(nameless('m1', 42, 'by the new name', 2))
  t.strictSame((await store.outbox.nameless(store.portal, Number.MAX_SAFE_INTEGER, 10)).edits.map(edit => edit.channel).sort(), ['default', 'old'], 'of one lane')
  t.strictSame(await store.outbox.lanes(store.portal), [], 'nothing is to be called for')
  courier.start()
  t.match(await eventually(() => state('m1'), isDelivered), { state: 'delivered', channel: 'default' })
  t.equal(await portal.text('m1'), 'by the new name')
  t.match(await eventually(() => state('m2'), isDead), { state: 'dead', words: /no apiToken/ })
  t.strictSame(api.asked, [['42']])
})

t.test('a name that another event brings while the API is down is enough', async t => {
  const { api, portal, take, courier, state, skip, store, lookUps, now } = await start(t)
  await (await portal.connector()).send([original('m1', 'original', { user: '42' })])
  api.mood = { status: 500, body: null }
  await take(nameless('m1', 42, 'waits'))
  courier.start()
  await eventually(async () => lookUps.length, count => count === 1)
  await store.profiles.remember([{ portal: store.portal, connector: 'relay_demo', profile: { id: '42', name: 'Anna' }, revision: { at: 1, tie: 0n }, now: now() }])
  skip(1000)
  t.match(await eventually(() => state('m1'), isDelivered), { state: 'delivered' })
  t.equal(api.asked.length, 1)
})

t.test('a database that fails in between leaves nothing claimed', async t => {
  const { names, portal, databaseUrl, close } = await start(t)
  await close()
  const { store, courier, take, state, skip, logged } = await attach(t, portal, databaseUrl, { names })
  await (await portal.connector()).send([original('m1', 'original', { user: '42' })])
  const { remember } = store.profiles
  let failures = 1
  Object.assign(store.profiles, { remember: async (...profiles: Parameters<typeof remember>) => failures-- > 0 ? await Promise.reject(new Error('disk full')) : await remember(...profiles) })
  await take(nameless('m1', 42, 'edited'))
  courier.start()
  await eventually(async () => logged, lines => lines.some(line => line.event === 'lookup.failed'))
  skip(5000)
  t.match(await eventually(() => state('m1'), isDelivered), { state: 'delivered' })
})

t.test('as many edits as anybody may have wait for a silent API; the rest stays in the database', async t => {
  const { api, takeMany, courier, store } = await start(t)
  api.mood = 'silent'
  await takeMany(Array.from({ length: 600 }, (_, index) => nameless(`m${index}`, 1000 + index, 'waits')))
  courier.start()
  await eventually(async () => api.asked.length, count => count === 1)
  t.strictSame(await store.outbox.lanes(store.portal), [], 'nothing is to be called for')
  t.equal((await store.outbox.backlog(store.portal)).pending, 600)
})
