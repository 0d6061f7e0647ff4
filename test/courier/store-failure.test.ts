import t from 'tap'
import { StoreUnavailable } from '../../src/base/errors.ts'
import type { Outbox } from '../../src/outbox/outbox.ts'
import { createMemoryPortals } from '../bitrix24/memory-portals.ts'
import { incoming } from '../outbox/edits.ts'
import { openInMemory } from './simulation/engines.ts'
import { answered, refused, startScripted } from './scripted.ts'

const full = new StoreUnavailable('the database cannot write: database or disk is full')

t.test('an edit whose token could not be read or renewed because the disk was full waits for its next call, and not for a restart', async t => {
  let fails = true
  const { outbox, start, pass, take, calls } = await startScripted(t, {
    answer (_method, params) {
      if (fails) throw full
      return answered(params)
    },
  })
  await take([{}])
  await start()
  t.match(await outbox.attempts(incoming().id), [{ code: 'STORE_UNAVAILABLE' }])
  t.match(await outbox.find(incoming().id), { state: 'pending', dueAt: Number })
  fails = false
  await pass(2000)
  t.match(await outbox.find(incoming().id), { state: 'delivered' })
  t.equal(calls.length, 2)
})

t.test('a park that the full disk could not take is noted in the log, and an install ends it', async t => {
  const { portals } = createMemoryPortals({ tokens: { accessToken: 'a', refreshToken: 'r', accessExpiresAt: null } })
  const results = [refused('invalid_grant', 400)]
  const { outbox, courier, logged, take, start, quiet } = await startScripted(t, {
    portals: { ...portals, write: () => Promise.reject(full) },
    answer: (_method, params) => results.shift() ?? answered(params),
  })
  await take([{}])
  await start()
  t.match(logged, [{ event: 'portal.parked', code: 'invalid_grant' }, { event: 'courier.failed', err: full }, { event: 'delivery.attempted', retried: 1 }])
  courier.recheck()
  await quiet()
  t.match(await outbox.find(incoming().id), { state: 'delivered' })
})

t.test('a fault of ours in a call leaves its outcome unknown, so that nothing newer is sent before it can have been applied', async t => {
  let fails = true
  const { outbox, take, start, pass, calls } = await startScripted(t, {
    answer (_method, params) {
      if (fails) throw new TypeError('a fault of ours')
      return answered(params)
    },
  })
  await take([{}])
  await start()
  fails = false
  await take([{ at: 2, text: 'newer' }])
  await pass(60_000)
  t.match(await outbox.find(incoming().id), { state: 'pending' })
  t.equal(calls.length, 1)
  await pass(11_000)
  t.match(await outbox.find(incoming().id), { state: 'delivered' })
  t.equal(calls.length, 2)
})

t.test('a claim of which nobody knows whether it was stored is given back and made again', async t => {
  const { outbox: stored, close } = openInMemory()
  t.teardown(close)
  let isLost = true
  const outbox: Outbox = {
    ...stored,
    async claim (request) {
      const claimed = await stored.claim(request)
      if (isLost) throw full
      return claimed
    },
  }
  const { start, pass, calls, now } = await startScripted(t, { outbox, answer: (_method, params) => answered(params) })
  await stored.accept([incoming({ now: now() })])
  await start()
  t.match(await stored.find(incoming().id), { state: 'pending', dueAt: null }, 'it was stored')
  t.equal(calls.length, 0)
  isLost = false
  await pass(1000)
  t.match(await stored.find(incoming().id), { state: 'delivered', attempts: 1 })
  t.equal(calls.length, 1)
})
