import t from 'tap'
import type { SessionResult } from '../../src/bitrix24/session.ts'
import { HELD } from './lease.ts'
import { createParks } from '../../src/courier/parks.ts'
import { StoreUnavailable } from '../../src/base/errors.ts'
import { EMPTY_RECORD, type PortalRecord } from '../../src/outbox/portals.ts'

const MINUTE_MS = 60_000
const LINE = { connector: 'relay_demo', line: 1 }
const installed: PortalRecord = { ...EMPTY_RECORD, tokens: { accessToken: 'a', refreshToken: 'r', accessExpiresAt: null } }

/** Parks of a portal whose record starts as `record`. */
function build (record: PortalRecord = installed) {
  let stored = record
  let epoch = HELD.epoch
  let time = 0
  let answer: Partial<SessionResult> | Error = { kind: 'refused', code: 'insufficient_scope', status: 403 }
  let beforeWrite = async (): Promise<void> => {}
  let afterRead = async (): Promise<void> => {}
  let duringCall = async (): Promise<void> => {}
  const asked: string[] = []
  const written: unknown[] = []
  const logged: object[] = []
  const counted: string[] = []
  const parks = createParks({
    portal: 'example.bitrix24.ru',
    lease: HELD,
    portals: {
      read: async () => {
        const read = stored
        await afterRead()
        return read
      },
      write: async (_portal, patch, condition = {}) => {
        await beforeWrite()
        if ((condition.epoch ?? epoch) !== epoch || (condition.tokensVersion ?? stored.tokensVersion) !== stored.tokensVersion) return false
        stored = { ...stored, ...patch }
        written.push(patch.parked)
        return true
      },
    },
    session: {
      call: async method => {
        asked.push(method)
        await duringCall()
        if (answer instanceof Error) throw answer
        return answer as SessionResult
      },
      authorizeUrl: () => 'https://example.bitrix24.ru/oauth/authorize/?client_id=local.1',
    },
    log: { info: (fields: object) => { logged.push(fields) }, warn: () => {}, error: (fields: object) => { logged.push(fields) } },
    now: () => time,
    wallTime: () => 1_700_000_000_000 + time,
    signal: new AbortController().signal,
    observer: { onCall: () => {}, onRecorded: () => {}, onParked: (what, code) => { counted.push(`${what} ${code}`) } },
  }, record)
  return {
    parks,
    asked,
    written,
    logged,
    counted,
    answer: (next: Partial<SessionResult> | Error) => { answer = next },
    beforeWrite: (work: () => Promise<void>) => { beforeWrite = work },
    afterRead: (work: () => Promise<void>) => { afterRead = work },
    duringCall: (work: () => Promise<void>) => { duringCall = work },
    stored: () => stored,
    install: () => { stored = { ...stored, parked: null, tokensVersion: stored.tokensVersion + 1 } },
    loseLease: () => { epoch++ },
    /** Goes to the next probe and makes it; how long that was, or null when none will come. */
    async probe (): Promise<number | null> {
      const next = parks.nextProbeAt()
      if (next === Infinity) return null
      const waited = next - time
      time = next
      await parks.dueProbe()?.()
      return waited
    },
  }
}

t.test('a portal that works is not parked and not asked', async t => {
  const { parks, probe } = build()
  t.equal(parks.isParked('portal'), false)
  t.equal(await probe(), null)
  t.strictSame(parks.condition(), { portal: 'ready', since: null, lines: [] })
})

t.test('a parked portal is asked from every minute to every fifteen, is reported once, and wakes by itself', async t => {
  const { parks, probe, logged, counted, written, asked, answer } = build()
  await parks.park('portal', 'insufficient_scope')
  await parks.park('portal', 'insufficient_scope')
  const waits = []
  for (let n = 0; n < 6; n++) waits.push(await probe())
  t.strictSame(waits.map(wait => (wait ?? 0) / MINUTE_MS), [1, 2, 4, 8, 15, 15])
  t.strictSame(logged, [{ event: 'portal.parked', code: 'insufficient_scope' }])
  t.match(parks.condition(), { portal: 'insufficient_scope', since: 1_700_000_000_000 })
  answer({ kind: 'answered' })
  await probe()
  t.equal(parks.isParked('portal'), false)
  t.strictSame(written, [{ code: 'insufficient_scope', since: 1_700_000_000_000 }, null])
  t.strictSame(new Set(asked), new Set(['app.info']))
  parks.succeeded(LINE)
  parks.succeeded(LINE)
  t.strictSame(logged, [{ event: 'portal.parked', code: 'insufficient_scope' }, { event: 'portal.woken' }])
  t.strictSame(counted, ['portal insufficient_scope'])
  await parks.park('portal', 'insufficient_scope')
  t.equal(await probe(), MINUTE_MS, 'after a success it is another park')
  t.strictSame(counted, ['portal insufficient_scope', 'portal insufficient_scope'])
})

t.test('a park that no probe can see, of the portal or a line, is one park and not one each minute', async t => {
  const { parks, probe, logged, counted, answer } = build()
  answer({ kind: 'answered', result: { STATUS: true } })
  for (const park of [async () => await parks.park('portal', 'METHOD_CONFIRM_WAITING'), async () => await parks.park(LINE, 'NOT_ACTIVE_LINE')]) {
    const waits = []
    await park()
    const { portal, since, lines } = parks.condition()
    for (let n = 0; n < 6; n++) {
      waits.push(await probe())
      t.match(parks.condition(), { portal: 'ready', lines: [] })
      await park()
      t.strictSame(parks.condition(), { portal, since, lines }, 'since the same time')
    }
    t.strictSame(waits.map(wait => (wait ?? 0) / MINUTE_MS), [1, 2, 4, 8, 15, 15])
    await probe()
  }
  t.strictSame(counted, ['portal METHOD_CONFIRM_WAITING', 'line NOT_ACTIVE_LINE'])
  t.match(logged, [{ event: 'portal.parked' }, { event: 'line.parked' }])
  parks.succeeded({ ...LINE, line: 2 })
  t.match(logged.slice(2), [{ event: 'portal.woken' }])
  await parks.park(LINE, 'IMCONNECTOR_NO_CORRECT_PROVIDER')
  t.match(logged.slice(3), [{ event: 'line.parked', code: 'IMCONNECTOR_NO_CORRECT_PROVIDER' }], 'another code is another park')
  t.equal(await probe(), MINUTE_MS)
})

t.test('what only an install can end is not asked about, and the log says where to grant new tokens', async t => {
  for (const code of ['invalid_grant', 'not-installed']) {
    const { parks, probe, logged, install } = build()
    await parks.park('portal', code)
    t.equal(await probe(), null)
    t.match(logged, [{ event: 'portal.parked', code, authorizeUrl: /oauth\/authorize/ }])
    await parks.recheck()
    t.equal(parks.isParked('portal'), true, 'nobody has installed the application')
    install()
    await Promise.all([parks.recheck(), parks.recheck()])
    t.equal(parks.isParked('portal'), false)
    t.strictSame(logged.slice(1), [{ event: 'portal.woken' }], 'which is logged once')
  }
})

t.test('a park that was stored while the record was read lasts', async t => {
  const { parks, probe, answer, beforeWrite, afterRead } = build()
  const full = new StoreUnavailable('the database cannot write: database or disk is full')
  beforeWrite(() => Promise.reject(full))
  await t.rejects(parks.park('portal', 'PAYMENT_REQUIRED'), full)
  const { promise, resolve } = Promise.withResolvers<void>()
  afterRead(() => promise)
  const rechecked = parks.recheck()
  beforeWrite(async () => {})
  answer({ kind: 'refused', code: 'invalid_grant', status: 400 })
  await probe()
  resolve()
  await rechecked
  t.match(parks.condition(), { portal: 'invalid_grant' })
})

t.test('a holder that has lost its lease stores nothing', async t => {
  const { parks, written, stored, loseLease } = build()
  loseLease()
  await parks.park('portal', 'insufficient_scope')
  await parks.park(LINE, 'NOT_ACTIVE_LINE')
  t.strictSame(written, [])
  t.strictSame(stored(), installed)
})

t.test('a probe that ends after an install says nothing', async t => {
  const { parks, probe, logged, stored, answer, duringCall, install } = build()
  await parks.park('portal', 'PAYMENT_REQUIRED')
  answer({ kind: 'refused', code: 'ACCESS_DENIED', status: 403 })
  duringCall(async () => {
    install()
    await parks.recheck()
  })
  await probe()
  t.match(parks.condition(), { portal: 'ready' })
  t.match(stored(), { parked: null })
  t.strictSame(logged, [{ event: 'portal.parked', code: 'PAYMENT_REQUIRED' }, { event: 'portal.woken' }])
})

t.test('a call that began before its scope was parked does not end the park', async t => {
  const { parks, logged } = build()
  await parks.park('portal', 'insufficient_scope')
  await parks.park(LINE, 'NOT_ACTIVE_LINE')
  parks.succeeded(LINE)
  t.match(parks.condition(), { portal: 'insufficient_scope', lines: [LINE] })
  t.match(logged, [{ event: 'portal.parked' }, { event: 'line.parked' }])
})

t.test('an install ends a park that could not be stored, and one that is still being stored lasts', async t => {
  const { parks, probe, beforeWrite } = build()
  const full = new StoreUnavailable('the database cannot write: database or disk is full')
  beforeWrite(() => Promise.reject(full))
  await t.rejects(parks.park('portal', 'invalid_grant'), full)
  t.match(parks.condition(), { portal: 'invalid_grant' })
  t.equal(await probe(), null)
  await parks.recheck()
  t.equal(parks.isParked('portal'), false)

  const { promise, resolve } = Promise.withResolvers<void>()
  beforeWrite(() => promise)
  const parking = parks.park('portal', 'invalid_grant')
  await parks.recheck()
  t.equal(parks.isParked('portal'), true, 'the record is not of this park yet')
  resolve()
  await parking
})

t.test('what is known of earlier tokens parks nothing, whether a call or a probe has come to know it', async t => {
  const { parks, probe, written, logged, answer, duringCall, install } = build({ ...installed, tokensVersion: 2 })
  await parks.park('portal', 'invalid_grant', 1)
  t.equal(parks.isParked('portal'), false)
  await parks.park('portal', 'PAYMENT_REQUIRED', 2)
  answer({ kind: 'refused', code: 'invalid_grant', status: 400, tokensVersion: 1 })
  await probe()
  t.match(parks.condition(), { portal: 'PAYMENT_REQUIRED' }, 'newer tokens alone do not end the park')
  answer({ kind: 'refused', code: 'invalid_grant', status: 400, tokensVersion: 2 })
  duringCall(async () => install())
  await probe()
  t.equal(parks.isParked('portal'), false)
  t.match(written, [{ code: 'PAYMENT_REQUIRED' }])
  t.match(logged, [{ code: 'invalid_grant' }, { event: 'portal.woken' }, { code: 'PAYMENT_REQUIRED' }, { event: 'portal.woken' }])
})

t.test('a probe that finds another trouble reports that one', async t => {
  const { parks, probe, logged, written, answer } = build()
  await parks.park('portal', 'PAYMENT_REQUIRED')
  for (const [code, status] of [['QUERY_LIMIT_EXCEEDED', 503], ['OPERATION_TIME_LIMIT', 429], ['INTERNAL_SERVER_ERROR', 500]] as const) {
    answer({ kind: 'refused', code, status })
    await probe()
    t.match(parks.condition(), { portal: 'PAYMENT_REQUIRED' }, `${code} passes by itself`)
  }
  answer({ kind: 'refused', code: 'invalid_grant', status: 400 })
  await probe()
  t.match(parks.condition(), { portal: 'invalid_grant' })
  t.equal(await probe(), null)
  t.match(logged, [{ code: 'PAYMENT_REQUIRED' }, { code: 'invalid_grant' }])
  t.match(written, [{ code: 'PAYMENT_REQUIRED' }, { code: 'invalid_grant' }])
})

t.test('a park of an earlier life is asked about at once, and a portal without tokens is not installed', async t => {
  const { parks, probe, logged } = build({ ...installed, parked: { code: 'PAYMENT_REQUIRED', since: 5 } })
  t.strictSame(parks.condition(), { portal: 'PAYMENT_REQUIRED', since: 5, lines: [] })
  t.match(logged, [{ event: 'portal.parked', code: 'PAYMENT_REQUIRED' }])
  t.equal(await probe(), 0)
  t.equal(await probe(), 2 * MINUTE_MS)
  t.match(build({ ...installed, tokens: null }).parks.condition(), { portal: 'not-installed', since: 1_700_000_000_000 })
  const line = build({ ...installed, parkedLines: [{ ...LINE, code: 'NOT_ACTIVE_LINE', since: 5 }] })
  t.strictSame(line.parks.condition().lines, [{ ...LINE, code: 'NOT_ACTIVE_LINE', since: 5 }])
  t.equal(await line.probe(), 0)
})

t.test('a parked line is asked about, and wakes when it is active', async t => {
  const { parks, probe, logged, asked, answer } = build()
  parks.park(LINE, 'NOT_ACTIVE_LINE')
  parks.park(LINE, 'NOT_ACTIVE_LINE')
  t.equal(parks.isParked(LINE), true)
  t.equal(parks.isParked({ ...LINE, line: 2 }), false)
  const waits = []
  for (const next of [{ kind: 'answered', result: { STATUS: false } }, { kind: 'answered', result: 'active' }, { kind: 'answered', result: null }, { kind: 'refused', code: 'insufficient_scope', status: 403 }] as const) {
    answer(next)
    waits.push(await probe())
  }
  t.strictSame(waits.map(wait => (wait ?? 0) / MINUTE_MS), [1, 2, 4, 8])
  t.match(parks.condition().lines, [{ ...LINE, code: 'NOT_ACTIVE_LINE' }], 'what a probe is refused for is no cause of this park')
  answer({ kind: 'answered', result: { STATUS: true } })
  await probe()
  t.equal(parks.isParked(LINE), false)
  t.strictSame(new Set(asked), new Set(['imconnector.status']))
  parks.succeeded({ ...LINE, line: 2 })
  t.match(logged, [{ event: 'line.parked', code: 'NOT_ACTIVE_LINE' }])
  parks.succeeded(LINE)
  t.match(logged, [{ event: 'line.parked', code: 'NOT_ACTIVE_LINE' }, { event: 'line.woken', ...LINE }])
})

t.test('a probe that the database failed, before or after it, is made again later, and the park is the same', async t => {
  const { parks, probe, answer, beforeWrite, logged } = build()
  const full = new StoreUnavailable('the database cannot write: database or disk is full')
  await parks.park('portal', 'insufficient_scope')
  await parks.park(LINE, 'NOT_ACTIVE_LINE')
  answer(full)
  await t.rejects(probe(), full)
  t.match(parks.condition(), { portal: 'insufficient_scope' })
  answer({ kind: 'answered' })
  beforeWrite(() => Promise.reject(full))
  await t.rejects(probe(), full, 'that it is over is not stored')
  t.match(parks.condition(), { portal: 'insufficient_scope' })
  answer({ kind: 'refused', code: 'invalid_grant', status: 400 })
  await t.rejects(probe(), full, 'nor that it is another one')
  t.match(parks.condition(), { portal: 'insufficient_scope' })
  beforeWrite(async () => {})
  answer({ kind: 'answered' })
  t.equal(await probe(), 8 * MINUTE_MS)
  t.equal(parks.isParked('portal'), false)

  answer(full)
  await t.rejects(probe(), full)
  answer({ kind: 'answered', result: { STATUS: true } })
  beforeWrite(() => Promise.reject(full))
  await t.rejects(probe(), full)
  t.match(parks.condition().lines, [{ ...LINE, code: 'NOT_ACTIVE_LINE' }])
  beforeWrite(async () => {})
  t.equal(await probe(), 4 * MINUTE_MS)
  t.strictSame(parks.condition().lines, [])
  t.equal(logged.length, 2, 'each is reported once')
})
