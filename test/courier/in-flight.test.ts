import t from 'tap'
import { eventually } from '../portal.ts'
import { startHarness } from './harness.ts'

t.test('two calls are under way at once for a portal that is slow, of different messages, and no third', async t => {
  const { portal, take, courier, state, store } = await startHarness(t)
  const left = async () => (await (await fetch(`${portal.url}/sandbox/faults`)).json() as { faults: Array<{ times: number }> }).faults[0]?.times ?? 0
  // Calls that hang: they end when the courier is stopped.
  await portal.fault({ method: 'imconnector.update.messages', fault: 'timeout', times: 4 })
  for (const line of [1, 2, 3]) await take({ message: 'm1', text: `on line ${line}`, at: 1, line })
  courier.start()
  t.equal(await eventually(left, times => times === 2), 2)
  // A newer edit of a message in a call, and whatever else wakes the courier, has to wait.
  await take({ message: 'm1', text: 'newer', at: 2, line: 1 })
  for (let index = 0; index < 10; index++) {
    courier.wake()
    await store.outbox.ledger()
  }
  t.equal(await left(), 2)
  t.match(await Promise.all([1, 2, 3].map(async line => (await state('m1', line))?.state)), ['pending', 'pending', 'pending'])
})
