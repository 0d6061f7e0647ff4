import t from 'tap'
import { eventually, original } from '../portal.ts'
import { attach, startHarness } from './harness.ts'

/** Lets the relay's and the portal's clocks run together until `isDone`, so that minutes pass in seconds. */
async function runClocks (harness: { skip: (ms: number) => void, portal: { advance: (ms: number) => Promise<void> } }, stepMs: number, isDone: () => Promise<boolean>, each = async () => {}): Promise<number> {
  for (let steps = 1; steps <= 4000; steps++) {
    await each()
    await harness.portal.advance(stepMs)
    harness.skip(stepMs)
    await new Promise(resolve => setTimeout(resolve, 3))
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
  t.match(await second.store.portals.read(portal.host), { bucket: { level: 25 } })
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
  // The reset is ten minutes away.
  await runClocks(harness, 10_000, async () => (await store.outbox.ledger()).delivered === 2)
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
