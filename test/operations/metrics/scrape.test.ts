import { Registry } from 'prom-client'
import t from 'tap'
import { StoreUnavailable } from '../../../src/base/errors.ts'
import { createScrape } from '../../../src/operations/metrics/scrape.ts'
import type { Ledger } from '../../../src/outbox/outbox.ts'
import { readSamples } from './running.ts'

const LEDGER = { accepted: 10, superseded: 4, delivered: 3, dead: 1, pending: 2 }

function build (ledger: () => Promise<Ledger>) {
  const clock = { now: 1_000_000 }
  const scrape = createScrape(new Registry(), {
    portal: 'example.bitrix24.ru',
    outbox: { ledger, oldestPending: async () => 940_000 },
    leader: () => ({ condition: () => ({ portal: 'invalid_grant', since: 1, lines: ['NOT_ACTIVE_LINE', 'NOT_ACTIVE_LINE', 'IMCONNECTOR_X'].map((code, line) => ({ connector: 'c', line, code, since: 1 })) }), bucketLevel: () => 7.5 }),
    burst: 25,
    now: () => clock.now,
  })
  return { clock, scrape: async () => readSamples(await scrape()) }
}

t.test('the store is asked at most every five seconds, once for all who scrape, and age goes on meanwhile', async t => {
  let asked = 0
  const { clock, scrape } = build(async () => {
    asked++
    return LEDGER
  })
  const [first, second] = await Promise.all([scrape(), scrape()])
  t.equal(asked, 1)
  t.equal(first.get('relay_ledger_edits{state="pending"}'), 2)
  t.equal(second.get('relay_oldest_pending_age_seconds'), 60)
  clock.now += 4999
  t.equal((await scrape()).get('relay_oldest_pending_age_seconds'), 64.999)
  t.equal(asked, 1)
  clock.now += 1
  await scrape()
  t.equal(asked, 2)
})

t.test('while the store cannot answer, its numbers are left out and the others are told', async t => {
  let works = true
  const { clock, scrape } = build(async () => {
    if (!works) throw new StoreUnavailable('the disk is full')
    return LEDGER
  })
  await scrape()
  works = false
  clock.now += 5000
  const samples = await scrape()
  t.strictSame([...samples.keys()].filter(name => /ledger|oldest/.test(name)), [])
  t.equal(samples.get('relay_bucket_level_requests'), 7.5)
  works = true
  t.equal((await scrape()).get('relay_ledger_edits{state="accepted"}'), 10)
})

t.test('a store that does not answer costs a scrape two seconds, and not the other metrics', async t => {
  const { scrape } = build(() => new Promise(() => {}))
  const started = performance.now()
  const samples = await scrape()
  t.ok(performance.now() - started < 5000)
  t.equal(samples.get('relay_bucket_burst_requests'), 25)
  t.equal(samples.has('relay_oldest_pending_age_seconds'), false)
})

t.test('parks are shown by code', async t => {
  const samples = await build(async () => LEDGER).scrape()
  t.strictSame([...samples].filter(([name]) => name.includes('parked')), [
    ['relay_portal_parked{code="invalid_grant"}', 1],
    ['relay_lines_parked{code="NOT_ACTIVE_LINE"}', 2],
    ['relay_lines_parked{code="other"}', 1],
  ])
})
