import t from 'tap'
import { eventually, original } from '../portal.ts'
import { HELD } from './lease.ts'
import { attach, startHarness } from './harness.ts'
import { answered, oneCallEach, refused, startScripted } from './scripted.ts'

/** Lets the relay's and the portal's clocks run together until `isDone`, so that minutes pass in seconds. At each step the courier does all that it would do by then. */
async function runClocks (harness: { skip: (ms: number) => void, quiet: () => Promise<void>, portal: { advance: (ms: number) => Promise<void> } }, stepMs: number, isDone: () => Promise<boolean>, each = async () => {}): Promise<number> {
  for (let steps = 1; steps <= 4000; steps++) {
    await each()
    await harness.portal.advance(stepMs)
    harness.skip(stepMs)
    await harness.quiet()
    if (await isDone()) return steps * stepMs
  }
  return Infinity
}

t.test('a backlog of 10,000 edits drains without one "too many requests", for us and for a connector at the same address', async t => {
  const harness = await startHarness(t, { limits: true })
  const { portal, takeMany, courier, store } = harness
  const connector = await portal.connector()
  await connector.send(Array.from({ length: 10 }, (_, index) => original(`m${index}`)))
  await takeMany(Array.from({ length: 10_000 }, (_, index) => ({ message: `m${index}`, text: `text ${index}`, at: 1 })))
  courier.start()
  let asked = 0
  const tookMs = await runClocks(harness, 1000, async () => (await store.outbox.ledger()).pending <= 2, async () => {
    // The connector's own half of the limit: one request a second.
    await connector.call('server.time', {})
    asked++
  })
  const calls = await portal.calls('imconnector.update.messages')
  const refused = [...calls, ...await portal.calls('server.time')].filter(call => call.error === 'QUERY_LIMIT_EXCEEDED')
  t.strictSame(refused, [])
  t.not(tookMs, Infinity, `drained in ${tookMs / 1000} s of the portal's time, with ${calls.length} calls and ${asked} of the connector`)
  t.ok(calls.length < 300, 'most calls carry 50 messages')
  t.equal(await portal.text('m7'), 'text 7')
})

t.test('a restart does not burst again', async t => {
  const harness = await startHarness(t, { limits: true })
  const { portal, takeMany, courier, databaseUrl, close } = harness
  // With files, so that each edit costs a call of its own.
  await takeMany(Array.from({ length: 60 }, (_, index) => ({ message: `m${index}`, text: 'text', at: 1, files: [{ url: 'https://files.example/a' }] })))
  courier.start()
  await runClocks(harness, 1, async () => (await portal.calls()).length >= 25)
  await close()
  const before = (await portal.calls()).length
  const second = await attach(t, portal, databaseUrl)
  second.courier.start()
  await runClocks({ ...second, portal }, 500, async () => (await portal.calls()).length >= before + 5)
  const calls = await portal.calls()
  t.strictSame(calls.filter(call => call.error === 'QUERY_LIMIT_EXCEEDED'), [])
  t.ok(before <= 27, `${before} calls in the first burst`)
})

t.test('a successor begins with the full bucket that the portal has told of, before anything else is claimed', async t => {
  const { portal, take, courier, databaseUrl, logged, close } = await startHarness(t)
  await portal.fault({ method: 'imconnector.update.messages', fault: '503', times: 1 })
  await take({ message: 'm1', text: 'edited', at: 1 })
  courier.start()
  t.match(await eventually(async () => logged.find(line => line.event === 'delivery.attempted'), line => line !== undefined), { code: 'QUERY_LIMIT_EXCEEDED' })
  await close()
  const second = await attach(t, portal, databaseUrl)
  t.match(await second.store.portals.read(second.store.portal), { bucket: { level: 25 } })
  const level = second.courier.bucketLevel()
  t.ok(level > 10 && level <= 25, `what has drained since leaves ${level}`)
})

t.test('"too many requests" slows the relay down, and it recovers', async t => {
  const harness = await startHarness(t)
  const { portal, take, courier, store, logged } = harness
  await (await portal.connector()).send([original('m1'), original('m2')])
  await portal.fault({ method: 'imconnector.update.messages', fault: '503', times: 3 })
  await take({ message: 'm1', text: 'edited', at: 1 })
  courier.start()
  await runClocks(harness, 1000, async () => (await store.outbox.ledger()).delivered === 1)
  const attempts = logged.filter(line => line.event === 'delivery.attempted')
  t.strictSame(attempts.map(line => line.code), ['QUERY_LIMIT_EXCEEDED', 'QUERY_LIMIT_EXCEEDED', 'QUERY_LIMIT_EXCEEDED', 'ok'])
  t.match(await harness.state('m1'), { state: 'delivered', attempts: 1 }, 'being turned away is no attempt of the message')
})

t.test('below the method\'s operating limit the relay rests until the reset, and the limit is never met', async t => {
  const harness = await startHarness(t)
  const { portal, take, courier, store } = harness
  await (await portal.connector()).send([original('m1'), original('m2')])
  await portal.load({ operating: 350 })
  await take({ message: 'm1', text: 'one', at: 1 })
  courier.start()
  await runClocks(harness, 100, async () => (await store.outbox.ledger()).delivered === 1)
  await take({ message: 'm2', text: 'two', at: 1 })
  courier.wake()
  const restedMs = await runClocks(harness, 10_000, async () => (await store.outbox.ledger()).delivered === 2)
  t.ok(restedMs >= 300_000, `the reset was ten minutes away, less what has gone by: ${restedMs / 1000} s`)
  const calls = await portal.calls()
  t.strictSame(calls.filter(call => call.error === 'OPERATION_TIME_LIMIT'), [])
  t.equal(calls.length, 2)
})

t.test('a method that is blocked is left in peace until the reset, and its edits are kept', async t => {
  const harness = await startHarness(t)
  const { portal, take, courier, store, logged } = harness
  await (await portal.connector()).send([original('m1'), original('m2')])
  await portal.fault({ method: 'imconnector.update.messages', fault: '429', times: 1 })
  await take({ message: 'm1', text: 'one', at: 1 })
  courier.start()
  const tookMs = await runClocks(harness, 1000, async () => (await store.outbox.ledger()).delivered === 1)
  t.ok(tookMs >= 9000)
  t.strictSame(logged.filter(line => line.event === 'delivery.attempted').map(line => line.code), ['OPERATION_TIME_LIMIT', 'ok'])
})

t.test('a flood on one line does not starve another', async t => {
  const harness = await startHarness(t)
  const { take, takeMany, courier, logged } = harness
  await takeMany(Array.from({ length: 200 }, (_, index) => ({ message: `flood${index}`, text: 'text', at: 1, files: [{ url: 'https://files.example/a' }] })))
  await take({ message: 'm1', text: 'one', at: 1, line: 2 })
  courier.start()
  await runClocks(harness, 1, async () => (await harness.state('m1', 2))?.state === 'delivered')
  const lines = logged.filter(line => line.event === 'delivery.attempted').map(line => line.line)
  t.ok(lines.indexOf(2) >= 0 && lines.indexOf(2) <= 3, `its turn comes after at most the calls under way: ${lines.indexOf(2)}`)
})

t.test('a flood of one channel does not starve another on the same line', async t => {
  const harness = await startHarness(t)
  const { take, takeMany, courier, logged } = harness
  await takeMany(Array.from({ length: 500 }, (_, index) => ({ message: `flood${index}`, text: 'text', at: 1, channel: 'flood' })))
  await take({ message: 'm1', text: 'one', at: 1 })
  courier.start()
  await runClocks(harness, 1, async () => (await harness.state('m1'))?.attempts === 1)
  const row = await harness.state('m1')
  const calls = logged.filter(line => line.event === 'delivery.attempted').map(line => line.edits as string[])
  const turn = calls.findIndex(edits => edits.includes(row?.id ?? ''))
  t.ok(turn >= 0 && turn <= 3, `its turn comes after at most the calls under way: ${turn}`)
})

t.test('at one time there are as many calls as the bucket holds, and then one for each second', async t => {
  const { take, start, pass, calls } = await startScripted(t, { bucket: { ratePerSecond: 1, burst: 5 }, answer: (_method, params) => answered(params) })
  await take(oneCallEach(20))
  await start()
  t.equal(calls.length, 5)
  await pass(999)
  t.equal(calls.length, 5)
  await pass(1)
  t.equal(calls.length, 6)
  await pass(3000)
  t.equal(calls.length, 9)
})

t.test('each request that a call has cost is counted, and none that it has not', async t => {
  for (const requests of [0, 1, 3]) {
    const { courier, take, start } = await startScripted(t, { answer: (_method, params) => ({ ...answered(params), requests }) })
    await take([{}])
    await start()
    t.equal(courier.bucketLevel(), requests)
  }
})

t.test('a probe is counted too', async t => {
  const { courier, take, start, pass } = await startScripted(t, { answer: () => refused('insufficient_scope', 403) })
  await take([{}])
  await start()
  t.equal(courier.bucketLevel(), 1)
  await pass(60_000)
  t.equal(courier.bucketLevel(), 1, 'the first call has drained')
})

t.test('the successor of a holder that did not let go counts the calls that may still leave', async t => {
  const options = { answer: () => refused('insufficient_scope', 403) }
  t.equal((await startScripted(t, { ...options, lease: { ...HELD, isOrphaned: true } })).courier.bucketLevel(), 2)
  t.equal((await startScripted(t, options)).courier.bucketLevel(), 0)
})

t.test('when a call leaves, its claim and the bucket\'s level are stored', async t => {
  const stored: unknown[] = []
  const { take, courier, state, store, portal } = await startHarness(t, {
    async onCalling (method) {
      const { bucket } = await store.portals.read(store.portal)
      const { state: isPending, dueAt } = await state('m1') ?? {}
      stored.push({ method, requests: Math.ceil(bucket?.level ?? 0), isPending, dueAt })
    },
  })
  await (await portal.connector()).send([original('m1')])
  await take({ message: 'm1', text: 'edited', at: 1 })
  courier.start()
  await eventually(() => state('m1'), row => row?.state === 'delivered')
  t.strictSame(stored, [{ method: 'imconnector.update.messages', requests: 1, isPending: 'pending', dueAt: null }])
})

t.test('"too many requests" halves the rate, and seven successes bring it back', async t => {
  const results = [refused('QUERY_LIMIT_EXCEEDED', 503)]
  const { take, start, pass, calls } = await startScripted(t, { bucket: { ratePerSecond: 1, burst: 1 }, answer: (_method, params) => results.shift() ?? answered(params) })
  await take(oneCallEach(12))
  await start()
  for (let step = 0; step < 200; step++) await pass(100)
  const waits = calls.slice(1).map(({ at }, index) => at - (calls[index]?.at ?? 0))
  t.equal(waits[0], 2000)
  t.strictSame(waits, [...waits].sort((a, b) => b - a), 'the waits become shorter')
  t.equal(waits.at(-1), 1000)
})

t.test('a portal that says "too many requests" again and again is asked less and less often', async t => {
  const { take, start, pass, calls } = await startScripted(t, { random: () => 1, answer: () => refused('QUERY_LIMIT_EXCEEDED', 503) })
  await take(oneCallEach(1))
  await start()
  for (let step = 0; step < 35; step++) await pass(1000)
  t.strictSame(calls.map(({ at }) => at - (calls[0]?.at ?? 0)), [0, 2000, 6000, 14_000, 30_000])
})

t.test('a call of unknown outcome halves what goes into the next', async t => {
  const { take, start, calls } = await startScripted(t, { answer: () => ({ kind: 'unknown', cause: 'RESET', lastByteAt: 0, retryAfterMs: null, requests: 1, durationMs: 1 }) })
  await take(Array.from({ length: 30 }, (_, index) => ({ message: `m${index}` })))
  await start()
  t.strictSame(calls.slice(0, 3).map(({ messages }) => messages), [10, 10, 2], 'two leave together, and each of them halves it')
})

t.test('failures with successes in between do not make the courier pause, and failures in a row do, for a minute at most', async t => {
  let calls = 0
  const mixed = await startScripted(t, { answer: (_method, params) => ++calls % 3 === 0 ? answered(params) : refused('INTERNAL_SERVER_ERROR', 500) })
  await mixed.take(oneCallEach(12))
  await mixed.start()
  t.equal(mixed.calls.length, 12)

  const failing = await startScripted(t, { random: () => 0.999, answer: () => ({ kind: 'unreachable', cause: 'ECONNREFUSED', requests: 1, durationMs: 1 }) })
  await failing.take(oneCallEach(1))
  await failing.start()
  for (let step = 0; step < 40; step++) await failing.pass(30_000)
  const waits = failing.calls.slice(1).map(({ at }, index) => at - (failing.calls[index]?.at ?? 0))
  t.equal(Math.max(...waits), 60_000)
})

t.test('a method that rests rests for the next holder too', async t => {
  const results = [refused('OPERATION_TIME_LIMIT', 429)]
  const { create, courier, take, start, quiet, pass, calls } = await startScripted(t, { answer: (_method, params) => results.shift() ?? answered(params) })
  await take([{}])
  await start()
  await courier.stop(0)
  const next = await create()
  t.teardown(() => next.stop(0))
  next.start()
  await quiet()
  t.equal(calls.length, 1)
  await pass(10_000)
  next.wake()
  await quiet()
  t.equal(calls.length, 2)
})

t.test('a parked portal that asks to be left in peace is not asked about meanwhile, and the courier sleeps', async t => {
  let looks = 0
  const lease = { ...HELD, isHeld: () => ++looks > 0 }
  const { take, start, pass, calls } = await startScripted(t, { lease, answer: () => refused('insufficient_scope', 403, 3600_000) })
  await take([{}])
  await start()
  await pass(60_000)
  const before = looks
  for (let turns = 0; turns < 10; turns++) await new Promise(resolve => setTimeout(resolve, 2))
  t.equal(looks, before)
  t.equal(calls.length, 1)
})

t.test('what waits for longer than anything may, by a clock that was wrong, is due within 15 minutes of a start', async t => {
  const { outbox, create, take, pass, quiet, calls, now } = await startScripted(t, { answer: (_method, params) => answered(params) })
  await take([{ now: now() + 30 * 24 * 3600_000 }])
  const courier = await create()
  t.teardown(() => courier.stop(0))
  courier.start()
  await quiet()
  t.equal(calls.length, 0)
  await pass(15 * 60_000)
  courier.wake()
  await quiet()
  t.equal(calls.length, 1)
  t.match(await outbox.ledger(), { delivered: 1 })
})
