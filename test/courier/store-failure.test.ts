import t from 'tap'
import { createCourier } from '../../src/courier/courier.ts'
import type { Session, SessionResult } from '../../src/bitrix24/session.ts'
import { StoreUnavailable } from '../../src/base/errors.ts'
import type { PortalRecord, Portals } from '../../src/outbox/portals.ts'
import { HELD } from './lease.ts'
import { eventually } from '../portal.ts'
import { incoming, PORTAL } from '../outbox/edits.ts'
import { openInMemory } from './simulation/engines.ts'

const record = { tokens: { accessToken: 'a', refreshToken: 'r', accessExpiresAt: null }, parked: null, parkedLines: [], bucket: null, restsUntil: null } as unknown as PortalRecord
const portals: Portals = { read: async () => record, write: async () => true }
const answered: SessionResult = { kind: 'answered', status: 200, time: null, result: { SUCCESS: true, DATA: { RESULT: [{ SUCCESS: true, user: '1' }] } }, requests: 1, durationMs: 1 }

/** A courier whose calls end as `call` says, on a clock that can be moved on. */
async function start (call: Session['call'], write: Portals['write'] = portals.write) {
  const { outbox, close } = openInMemory()
  let skippedMs = 0
  const now = () => Math.floor(performance.timeOrigin + performance.now()) + skippedMs
  await outbox.accept([incoming({ now: now() })])
  const logged: unknown[] = []
  const note = (fields: object) => { logged.push(fields) }
  const log = { info: note, warn: note, error: note }
  const courier = await createCourier({ portal: PORTAL, lease: HELD, outbox, portals: { ...portals, write }, session: { call, authorizeUrl: () => null }, bucket: { ratePerSecond: 10, burst: 10 }, log, now, wallTime: now, random: () => 0 })
  courier.start()
  return {
    outbox,
    courier,
    logged,
    skip (ms: number) {
      skippedMs += ms
      courier.wake()
    },
    async stop () {
      await courier.stop(0)
      close()
    },
  }
}

t.test('an edit whose token could not be read or renewed because the disk was full waits for its next call, and not for a restart', async t => {
  let calls = 0
  const { outbox, skip, stop } = await start(async () => {
    if (++calls === 1) throw new StoreUnavailable('the database cannot write: database or disk is full')
    return answered
  })
  t.teardown(stop)
  await eventually(async () => await outbox.attempts(incoming().id), attempts => attempts.length === 1)
  t.match(await outbox.attempts(incoming().id), [{ code: 'STORE_UNAVAILABLE' }])
  t.match(await outbox.find(incoming().id), { state: 'pending', dueAt: Number })
  skip(2000)
  t.match(await eventually(async () => await outbox.find(incoming().id), row => row?.state === 'delivered'), { state: 'delivered' })
  t.equal(calls, 2)
})

t.test('a park that the full disk could not take is noted in the log, and an install ends it', async t => {
  let calls = 0
  const full = new StoreUnavailable('the database cannot write: database or disk is full')
  const { outbox, courier, logged, stop } = await start(async () => {
    if (++calls === 1) return { kind: 'refused', code: 'invalid_grant', words: '', status: 400, retryAfterMs: null, requests: 1, durationMs: 1 }
    return answered
  }, () => Promise.reject(full))
  t.teardown(stop)
  await eventually(async () => logged.length, count => count === 3)
  t.match(logged, [{ event: 'portal.parked', code: 'invalid_grant' }, { event: 'courier.failed', err: full }, { event: 'delivery.attempted', retried: 1 }])
  courier.recheck()
  t.match(await eventually(async () => await outbox.find(incoming().id), row => row?.state === 'delivered'), { state: 'delivered' })
})

t.test('a fault of ours in a call leaves its outcome unknown, so that nothing newer is sent before it can have been applied', async t => {
  let calls = 0
  const { outbox, skip, stop } = await start(async () => {
    if (++calls === 1) throw new TypeError('a fault of ours')
    return answered
  })
  t.teardown(stop)
  await eventually(async () => await outbox.attempts(incoming().id), attempts => attempts.length === 1)
  await outbox.accept([incoming({ at: 2, text: 'newer', now: Date.now() })])
  skip(60_000)
  t.match(await outbox.find(incoming().id), { state: 'pending' })
  t.equal(calls, 1)
  skip(11_000)
  t.match(await eventually(async () => await outbox.find(incoming().id), row => row?.state === 'delivered'), { state: 'delivered' })
  t.equal(calls, 2)
})
