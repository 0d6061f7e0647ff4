import { Registry } from 'prom-client'
import t from 'tap'
import { StoreUnavailable } from '../../../src/base/errors.ts'
import { createScrape } from '../../../src/operations/metrics/scrape.ts'
import type { ConfirmationSummary } from '../../../src/operations/confirmations.ts'
import type { Ledger } from '../../../src/outbox/outbox.ts'
import { readSamples } from './running.ts'

const LEDGER = { accepted: 10, superseded: 4, delivered: 3, dead: 1, pending: 2 }

const CONFIRMATIONS: ConfirmationSummary = { enabled: true, boundAt: 5, lastEventAt: 6, confirmed: 7, unconfirmed: 2, unknown: 1 }

function build (ledger: () => Promise<Ledger>, confirmations: (() => Promise<ConfirmationSummary>) | null = null) {
  const clock = { now: 1_000_000, leads: true }
  const scrape = createScrape(new Registry(), {
    portal: 'example.bitrix24.ru',
    outbox: { ledger, oldestPending: async () => 940_000 },
    confirmations,
    leader: () => !clock.leads ? null : ({ condition: () => ({ portal: 'invalid_grant', since: 1, lines: ['NOT_ACTIVE_LINE', 'NOT_ACTIVE_LINE', 'IMCONNECTOR_X'].map((code, line) => ({ connector: 'c', line, code, since: 1 })) }), bucketLevel: () => 7.5 }),
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

t.test('the leader shows confirmations, which it counts once a minute', async t => {
  let counted = 0
  let summary = CONFIRMATIONS
  const { clock, scrape } = build(async () => LEDGER, async () => {
    counted++
    return summary
  })
  const shown = async () => [...await scrape()].filter(([name]) => /delivered_edits|bound/.test(name))
  const first = [['relay_delivered_edits{confirmation="confirmed"}', 7], ['relay_delivered_edits{confirmation="unconfirmed"}', 2], ['relay_delivered_edits{confirmation="unknown"}', 1], ['relay_events_bound', 1]]
  t.strictSame(await shown(), first)
  summary = { ...CONFIRMATIONS, boundAt: null, confirmed: 8 }
  clock.now += 59_999
  t.strictSame(await shown(), first)
  clock.now += 1
  t.match(new Map(await shown()), new Map([['relay_delivered_edits{confirmation="confirmed"}', 8], ['relay_events_bound', 0]]))
  t.equal(counted, 2)
  clock.leads = false
  t.strictSame(await shown(), [])
  t.strictSame([...await build(async () => LEDGER).scrape()].filter(([name]) => /delivered_edits|bound/.test(name)), [], 'the portal is not asked to report edits')
})

t.test('counting that takes long costs no other number of the store', async t => {
  const { scrape } = build(async () => LEDGER, () => new Promise(() => {}))
  const samples = await scrape()
  t.equal(samples.get('relay_ledger_edits{state="accepted"}'), 10)
  t.equal(samples.has('relay_events_bound'), false)
})

t.test('parks are shown by code', async t => {
  const samples = await build(async () => LEDGER).scrape()
  t.strictSame([...samples].filter(([name]) => name.includes('parked')), [
    ['relay_portal_parked{code="invalid_grant"}', 1],
    ['relay_lines_parked{code="NOT_ACTIVE_LINE"}', 2],
    ['relay_lines_parked{code="other"}', 1],
  ])
})
