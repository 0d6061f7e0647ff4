import t from 'tap'
import { eventually, original } from '../portal.ts'
import { attach, startHarness } from './harness.ts'

const DAY_MS = 24 * 3600_000

const delivered = (row: { state: string } | null): boolean => row?.state === 'delivered'

t.test('an edit becomes the text in the open line, and many edits of one message cost one call', async t => {
  const { portal, take, courier, state, store } = await startHarness(t)
  await (await portal.connector()).send([original('m1')])
  for (let at = 1; at <= 10; at++) await take({ message: 'm1', text: `text ${at}`, at })
  courier.start()
  t.match(await eventually(() => state('m1'), delivered), { state: 'delivered', attempts: 1, flags: [] })
  t.match(await portal.messages(), [{ message: 'm1', text: 'text 10', edited: true, deleted: false }])
  t.strictSame((await portal.calls()).map(call => call.messages), [1])
  t.strictSame(await store.outbox.ledger(), { accepted: 10, superseded: 9, delivered: 1, dead: 0, pending: 0 })
})

t.test('however many edits arrive, the store is not asked before the first of them is due', async t => {
  const { store, courier, now } = await startHarness(t)
  const { lanes } = store.outbox
  let asked = 0
  const counted = async (portal: string) => {
    asked++
    return await lanes(portal)
  }
  Object.assign(store.outbox, { lanes: counted })
  const askedFor = (times: number) => eventually(async () => asked, count => count === times)
  courier.start()
  await askedFor(1)
  for (let edit = 0; edit < 100; edit++) courier.wake(now() + 60_000 + edit)
  // The way to the store and back, twice: the courier would have gone it before.
  await store.probe()
  await store.probe()
  t.equal(asked, 1)
  courier.wake(now() + 30)
  await askedFor(2)
  courier.wake()
  await askedFor(3)
})

t.test('several messages share a call, lines do not', async t => {
  const { portal, take, courier, state } = await startHarness(t)
  await (await portal.connector(1)).send([original('a'), original('b')])
  for (const message of ['a', 'b']) await take({ message, text: `${message} edited`, at: 1 })
  await take({ message: 'z', text: 'other line', at: 1, line: 2 })
  courier.start()
  await eventually(() => state('b'), delivered)
  await eventually(async () => await portal.calls(), calls => calls.length === 2)
  t.strictSame((await portal.calls()).map(call => call.messages).sort(), [1, 2])
  t.equal(await portal.text('a'), 'a edited')
  t.equal(await portal.text('b'), 'b edited')
})

t.test('an expired token is refreshed once and the call repeated', async t => {
  const { portal, take, courier, state } = await startHarness(t)
  await (await portal.connector()).send([original('m1')])
  courier.start()
  await take({ message: 'm1', text: 'one', at: 1 })
  courier.wake()
  await eventually(() => state('m1'), delivered)
  const before = (await portal.calls('oauth.token')).length
  await portal.fault({ method: 'imconnector.update.messages', fault: 'expired-token', times: 1 })
  await take({ message: 'm1', text: 'two', at: 2 })
  courier.wake()
  await eventually(async () => await portal.text('m1'), text => text === 'two')
  t.equal(await portal.text('m1'), 'two')
  t.equal((await portal.calls('oauth.token')).length - before, 1)
})

t.test('a refused message is dead with the portal\'s words, and the others of its call are delivered', async t => {
  const { portal, take, courier, state } = await startHarness(t)
  await (await portal.connector()).send([original('good')])
  await take({ message: 'good', text: 'edited', at: 1 })
  await take({ message: 'bad', text: 'of a client who cannot be made', at: 1, user: 'u9', email: 'no address' })
  courier.start()
  t.match(await eventually(() => state('good'), delivered), { state: 'delivered' })
  t.match(await eventually(() => state('bad'), row => row?.state === 'dead'), { state: 'dead', reason: 'rejected', words: /\w/ })
  t.equal(await portal.text('good'), 'edited')
})

t.test('an error that ends the call is retried with back-off until it passes', async t => {
  const { portal, take, courier, state, skip, logged } = await startHarness(t)
  await (await portal.connector()).send([original('m1')])
  await portal.fault({ method: 'imconnector.update.messages', fault: '500', times: 2 })
  await take({ message: 'm1', text: 'edited', at: 1 })
  courier.start()
  for (let failures = 1; failures <= 2; failures++) {
    await eventually(() => state('m1'), row => row?.attempts === failures)
    skip(1000)
  }
  t.match(await eventually(() => state('m1'), delivered), { state: 'delivered', attempts: 3 })
  t.equal(await portal.text('m1'), 'edited')
  t.strictSame(logged.filter(line => line.event === 'delivery.attempted').map(line => line.code), ['INTERNAL_SERVER_ERROR', 'INTERNAL_SERVER_ERROR', 'ok'])
})

t.test('a portal that asks to be left in peace is, from the first failure on, whatever it fails with', async t => {
  const { portal, take, courier, state, skip, store, now } = await startHarness(t)
  let probedAt: number | null = null
  const faults = ['500', 'html-502', '503', '429', { error: 'OVERLOAD_LIMIT', status: 503 }]
  await (await portal.connector()).send(faults.map((_, index) => original(`m${index}`)))
  courier.start()
  for (const [index, fault] of faults.entries()) {
    const message = `m${index}`
    await portal.fault({ method: 'imconnector.update.messages', fault, times: 1, retryAfter: 300 })
    await take({ message, text: 'edited', at: 1 })
    courier.wake()
    const id = (await state(message))?.id ?? ''
    const attempts = async () => await store.outbox.attempts(id)
    await eventually(attempts, attempts => attempts.length === 1)
    await eventually(async () => {
      skip(20_000)
      if (probedAt === null && (await portal.calls('app.info')).length > 0) probedAt = now()
      return await state(message)
    }, delivered)
    const [success, failure] = await attempts()
    t.match([success, failure], [{ code: 'ok' }, { code: /[A-Z]/ }])
    const waitedS = ((success?.at ?? 0) - (failure?.at ?? 0)) / 1000
    t.ok(waitedS >= 300, `${failure?.code}: ${waitedS} s`)
    if (failure?.code === 'OVERLOAD_LIMIT') t.ok((probedAt ?? 0) - failure.at >= 300_000, 'nor is it probed within that time')
  }
})

t.test('a call that is applied late does not bring an older text back', async t => {
  const { portal, take, courier, state, skip } = await startHarness(t)
  await (await portal.connector()).send([original('m1')])
  await portal.fault({ method: 'imconnector.update.messages', fault: 'applied-late', times: 1, afterMs: 30_000 })
  await take({ message: 'm1', text: 'older', at: 1 })
  courier.start()
  await eventually(() => state('m1'), row => row?.attempts === 1)
  skip(1000)
  await eventually(() => state('m1'), delivered)
  await take({ message: 'm1', text: 'newer', at: 2 })
  skip(60_000)
  await portal.advance(60_000)
  t.equal(await portal.text('m1'), 'older', 'the repeat has succeeded, and the newer text still waits out the quarantine')
  t.match(await state('m1'), { state: 'pending' })
  skip(10_000)
  await eventually(() => state('m1'), delivered)
  const [message] = await portal.messages()
  t.equal(message?.text, 'newer')
  t.strictSame(message?.history.map(entry => entry.text).filter((text, index, all) => text !== all[index - 1]), ['original', 'older', 'newer'])
})

t.test('a courier that is stopped in the middle of a call leaves its outcome unknown, and the next life waits it out', async t => {
  const { portal, take, courier, databaseUrl, close } = await startHarness(t)
  await (await portal.connector()).send([original('m1')])
  await portal.fault({ method: 'imconnector.update.messages', fault: 'timeout', times: 1 })
  await take({ message: 'm1', text: 'older', at: 1 })
  courier.start()
  await eventually(async () => await portal.calls(), calls => calls.length === 1)
  await close()
  const second = await attach(t, portal, databaseUrl)
  t.match(await second.state('m1'), { state: 'pending', attempts: 1 })
  await second.take({ message: 'm1', text: 'newer', at: 2 })
  second.courier.start()
  second.skip(69_000)
  t.equal(await portal.text('m1'), 'original')
  second.skip(2000)
  await eventually(() => second.state('m1'), delivered)
  t.equal(await portal.text('m1'), 'newer')
})

t.test('a call that a dead courier left open is repeated at once in the same version', async t => {
  const { portal, take, databaseUrl, close, store } = await startHarness(t)
  await (await portal.connector()).send([original('m1')])
  await take({ message: 'm1', text: 'edited', at: 1 })
  await store.outbox.claim({ portal: store.portal, epoch: 1, lane: { connector: 'relay_demo', line: 1, channel: 'default' }, callId: 'lost', now: Number.MAX_SAFE_INTEGER, limit: 1, bucket: { level: 1, at: 0 } })
  await close()
  const second = await attach(t, portal, databaseUrl)
  t.match(second.logged, [{ event: 'courier.recovered', messages: 1 }])
  second.courier.start()
  await eventually(() => second.state('m1'), delivered)
  t.equal(await portal.text('m1'), 'edited')
})

t.test('a line that is switched off keeps its edits, is asked about, and wakes by itself, once it takes them', async t => {
  const { portal, take, courier, state, skip, logged } = await startHarness(t)
  const connector = await portal.connector()
  await connector.send([original('m1')])
  await connector.call('imconnector.activate', { CONNECTOR: 'relay_demo', LINE: 1, ACTIVE: 0 })
  await take({ message: 'm1', text: 'edited', at: 1 })
  courier.start()
  const parked = await eventually(async () => courier.condition(), condition => condition.lines.length === 1)
  t.match(parked, { portal: 'ready', lines: [{ connector: 'relay_demo', line: 1, code: 'NOT_ACTIVE_LINE' }] })
  skip(60_000)
  await eventually(async () => await portal.calls('imconnector.status'), calls => calls.length === 1)
  t.match(await state('m1'), { state: 'pending' })
  await portal.fault({ method: 'imconnector.update.messages', fault: { error: 'NOT_ACTIVE_LINE', status: 400 }, times: 2 })
  await connector.call('imconnector.activate', { CONNECTOR: 'relay_demo', LINE: 1, ACTIVE: 1 })
  for (const refusals of [2, 3]) {
    skip(480_000)
    await eventually(async () => await portal.calls(), calls => calls.length === refusals)
    t.strictSame(await eventually(async () => courier.condition(), condition => condition.lines.length === 1), parked, 'its status says that it is active, and the park goes on')
  }
  skip(960_000)
  t.match(await eventually(() => state('m1'), delivered), { state: 'delivered' })
  t.equal(await portal.text('m1'), 'edited')
  t.strictSame(logged.map(line => line.event).filter(event => /^line/.test(String(event))), ['line.parked', 'line.woken'])
})

t.test('a portal that refuses the application is parked with all its edits, however well it is otherwise, and an install wakes it', async t => {
  const { portal, take, courier, state, skip, logged, store } = await startHarness(t)
  await (await portal.connector()).send([original('m1')])
  await portal.fault({ method: 'imconnector.update.messages', fault: { error: 'insufficient_scope', status: 403 }, times: 3 })
  await take({ message: 'm1', text: 'edited', at: 1 })
  courier.start()
  const parked = await eventually(async () => courier.condition(), condition => condition.portal !== 'ready')
  t.match(parked, { portal: 'insufficient_scope' })
  for (const refusals of [2, 3]) {
    skip(120_000)
    await eventually(async () => await portal.calls(), calls => calls.length === refusals)
    t.strictSame(await eventually(async () => courier.condition(), condition => condition.portal !== 'ready'), parked, 'app.info tells nothing of the scope, and the park goes on')
  }
  t.strictSame((await portal.calls('app.info')).map(call => call.status), [200, 200])
  t.match(await state('m1'), { state: 'pending' })
  const { portal: code, since } = parked
  t.match(await eventually(async () => await store.portals.read(store.portal), record => record.parked !== null), { parked: { code, since } })
  await store.portals.write(store.portal, { parked: null })
  courier.recheck()
  t.match(await eventually(() => state('m1'), delivered), { state: 'delivered' })
  t.equal((await store.portals.read(store.portal)).parked, null)
  t.strictSame(logged.map(line => line.event).filter(event => /^portal/.test(String(event))), ['portal.parked', 'portal.woken'])
})

t.test('a clock that is ahead makes nothing too old: the portal is asked for its time first, which decides', async t => {
  const { portal, take, courier, state, setWallClock, now, logged } = await startHarness(t)
  await (await portal.connector()).send([original('dated'), original('undated'), original('old')])
  await take({ message: 'dated', text: 'edited', at: 1, date: now() })
  await take({ message: 'undated', text: 'edited', at: 1 })
  await take({ message: 'old', text: 'edited', at: 1, date: now() - 4 * DAY_MS })
  setWallClock(20 * DAY_MS)
  courier.start()
  t.match(await eventually(() => state('undated'), row => row?.state !== 'pending'), { state: 'delivered' })
  t.match(await eventually(() => state('dated'), row => row?.state !== 'pending'), { state: 'delivered' })
  t.match(await eventually(() => state('old'), row => row?.state !== 'pending'), { state: 'dead', reason: 'too-old' })
  t.equal(await portal.text('dated'), 'edited')
  t.equal(await portal.text('old'), 'original')
  t.equal((await portal.calls('app.info')).length, 1)
  const [wrong, ...more] = logged.filter(line => line.event === 'clock.wrong')
  t.match(wrong, { level: 50, aheadS: Number })
  t.ok(Math.abs(Number(wrong?.aheadS) - 20 * DAY_MS / 1000) < 60)
  t.strictSame(more, [])
})

t.test('what seems too old waits while the portal does not tell its time', async t => {
  const { portal, take, courier, state, now, skip } = await startHarness(t)
  await (await portal.connector()).send([original('old')])
  await portal.fault([{ method: 'app.info', fault: '503', times: 1 }])
  await take({ message: 'old', text: 'edited', at: 1, date: now() - 4 * DAY_MS })
  courier.start()
  await eventually(async () => (await portal.calls('app.info')).length, count => count === 1)
  t.match(await eventually(() => state('old'), row => row?.dueAt !== null), { state: 'pending' })
  skip(60_000)
  t.match(await eventually(() => state('old'), row => row?.state !== 'pending'), { state: 'dead', reason: 'too-old' })
  t.equal((await portal.calls()).length, 0, 'the edit itself is not sent')
})

t.test('the time that an edit waited does not count if the clock was wrong when it was accepted', async t => {
  const { portal, databaseUrl, take, store, close, now } = await startHarness(t)
  await (await portal.connector()).send([original('undated')])
  await take({ message: 'undated', text: 'edited', at: 1 })
  // Five days are skipped below. A clock that was that much behind has dated the edit.
  await store.portals.write(store.portal, { clockWrongAt: now() + 5 * DAY_MS })
  await close()
  const next = await attach(t, portal, databaseUrl)
  next.skip(5 * DAY_MS)
  await portal.advance(5 * DAY_MS)
  next.courier.start()
  t.match(await eventually(() => next.state('undated'), row => row?.state !== 'pending'), { state: 'delivered' })
})

t.test('a courier whose lease has run out by its own clock claims nothing and calls nothing', async t => {
  let isHeld = true
  const { portal, take, courier, state, store } = await startHarness(t, { isHeld: () => isHeld })
  await (await portal.connector()).send([original('m1'), original('m2')])
  await take({ message: 'm1', text: 'edited', at: 1 })
  courier.start()
  await eventually(() => state('m1'), delivered)
  isHeld = false
  await take({ message: 'm2', text: 'edited', at: 1 })
  courier.wake()
  // Time enough for a tick to claim it. The stop waits for the call.
  await store.probe()
  await store.probe()
  await courier.stop(5000)
  const row = await state('m2')
  t.match(row, { state: 'pending', attempts: 0, dueAt: Number })
  t.strictSame(await store.outbox.attempts(row?.id ?? ''), [])
  t.equal((await portal.calls()).length, 1)
})

t.test('a stopped courier lets its calls finish and takes no more', async t => {
  const { portal, take, courier, state } = await startHarness(t)
  await (await portal.connector()).send([original('m1')])
  await portal.load({ msPerMessage: 300 })
  await take({ message: 'm1', text: 'edited', at: 1 })
  courier.start()
  await eventually(async () => await portal.calls('oauth.token'), calls => calls.length > 1)
  await eventually(() => state('m1'), row => row?.dueAt === null)
  await courier.stop(5000)
  t.match(await state('m1'), { state: 'delivered' })
  await take({ message: 'm1', text: 'later', at: 2 })
  courier.wake()
  t.match(await state('m1'), { state: 'pending' })
})
