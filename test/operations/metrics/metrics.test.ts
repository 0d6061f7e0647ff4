import { randomBytes } from 'node:crypto'
import t from 'tap'
import { original } from '../../portal.ts'
import { SECRET } from '../../channel.ts'
import { ADMIN_TOKEN, edit, startScraped } from './running.ts'

const CLIENT = { user: '79161234567', chat: 'chat-4711' }

t.test('webhooks, edits and the call that delivers them are counted, the ledger balances', async t => {
  const { portal, send, scrapeUntil, scrapeText } = await startScraped(t)
  await (await portal.connector()).send([original('m1', 'one', CLIENT), original('m2', 'two', CLIENT)])
  const before = await scrapeUntil('relay_ledger_edits{state="accepted"}', 0)
  t.equal(before.get('relay_webhook_edits_total{channel="default",outcome="accepted"}'), 0, 'the series is there before its first increase')
  t.equal(before.get('relay_oldest_pending_age_seconds'), 0)

  t.equal(await send([edit('m1', 'one, edited'), edit('m2', 'two, edited')]), 202)
  const samples = await scrapeUntil('relay_edits_finished_total{state="delivered",reason=""}', 2)
  for (const [sample, value] of [
    ['relay_build_info{version="1.2.3"}', 1],
    ['relay_webhook_edits_total{channel="default",outcome="accepted"}', 2],
    ['relay_call_duration_seconds_count{outcome="answered",action="none"}', 1],
    ['relay_call_messages_sum', 2],
    ['relay_call_messages_count', 1],
    ['relay_delivery_latency_seconds_count', 2],
    ['relay_token_refreshes_total{outcome="renewed"}', 1],
    ['relay_portal_parked{code=""}', 0],
    ['relay_lines_parked{code=""}', 0],
    ['relay_bucket_burst_requests', 25],
  ] as const) t.equal(samples.get(sample), value, sample)
  for (const sample of ['relay_bucket_level_requests', 'relay_commit_jobs_count', 'relay_commit_duration_seconds_sum', 'relay_delivery_latency_seconds_sum', 'nodejs_eventloop_lag_p99_seconds', 'process_resident_memory_bytes']) {
    t.ok((samples.get(sample) ?? 0) > 0, sample)
  }

  const later = await scrapeUntil('relay_ledger_edits{state="delivered"}', 2)
  t.strictSame(['accepted', 'superseded', 'delivered', 'dead', 'pending'].map(state => later.get(`relay_ledger_edits{state="${state}"}`)), [2, 0, 2, 0, 0])
  const text = await scrapeText()
  for (const secret of [SECRET, ADMIN_TOKEN, 'relay-secret', 'relay-refresh', 'Petrova', 'edited', CLIENT.user, CLIENT.chat, 'm1', portal.host]) t.notOk(text.replace(/^#.*$/gm, '').includes(secret), `${secret} is not told`)
})

t.test('what is not delivered is counted by its reason', async t => {
  const { portal, send, scrapeUntil, scrape } = await startScraped(t)
  await (await portal.connector()).send([original('m1', 'one', CLIENT)])
  const now = Date.now()
  t.equal(await send(edit('m1', 'edited', now)), 202)
  await scrapeUntil('relay_edits_finished_total{state="delivered",reason=""}', 1)
  t.equal(await send(edit('m1', 'edited', now)), 202)
  t.equal(await send(edit('m1', 'older', now - 1000)), 202)
  t.equal(await send(edit('m1', ' ', now + 1000)), 202)
  t.equal(await send(edit('m1', 'Hello', now + 2000, { id: 'nobody' })), 202)
  t.equal(await send({}, { type: 'message.created' }), 202)
  t.equal(await send({}), 400)
  t.equal(await send(edit('m1', 'forged'), { key: randomBytes(32) }), 401)
  t.equal(await send(edit('m1', 'lost'), { channel: 'm1-79161234567' }), 404)

  const samples = await scrape()
  for (const outcome of ['accepted', 'duplicate', 'stale', 'ignored']) t.equal(samples.get(`relay_webhook_edits_total{channel="default",outcome="${outcome}"}`), 1, outcome)
  t.equal(samples.get('relay_webhook_edits_total{channel="default",outcome="refused"}'), 2)
  for (const reason of ['empty-text', 'anonymous-user']) t.equal(samples.get(`relay_edits_finished_total{state="dead",reason="${reason}"}`), 1, reason)
  for (const status of [400, 401]) t.equal(samples.get(`relay_webhooks_rejected_total{channel="default",status="${status}"}`), 1, String(status))
  t.equal(samples.get('relay_webhooks_rejected_total{channel="?",status="404"}'), 1, 'a stranger\'s word is no label')
})

t.test('a parked line, its waiting edits and the operating time are shown', async t => {
  const { portal, send, scrapeUntil, ask } = await startScraped(t)
  await (await portal.connector()).send([original('m1', 'one', CLIENT)])
  await portal.load({ operating: 120 })
  t.equal(await send(edit('m1', 'edited')), 202)
  const used = (await scrapeUntil('relay_edits_finished_total{state="delivered",reason=""}', 1)).get('relay_operating_used_seconds') ?? 0
  t.ok(used >= 120 && used < 130, `${used} s`)

  await portal.fault({ method: 'imconnector.update.messages', fault: { error: 'NOT_ACTIVE_LINE', status: 400 }, times: 100 })
  t.equal(await send(edit('m1', 'edited again')), 202)
  const samples = await scrapeUntil('relay_lines_parked{code="NOT_ACTIVE_LINE"}', 1)
  t.equal(samples.get('relay_parks_total{scope="line",code="NOT_ACTIVE_LINE"}'), 1)
  t.equal(samples.get('relay_call_duration_seconds_count{outcome="refused",action="park-line"}'), 1)
  t.equal(samples.get('relay_lines_parked{code=""}'), undefined)
  const later = await scrapeUntil('relay_ledger_edits{state="pending"}', 1)
  t.ok((later.get('relay_oldest_pending_age_seconds') ?? 0) > 0)
  t.match(await ask('/api/status'), {
    status: 200,
    body: { portal: { condition: 'ready' }, lines: [{ connector: 'relay_demo', line: 1, code: 'NOT_ACTIVE_LINE', since: /^20.*Z$/ }], ledger: { pending: 1, dead: 0 } },
  })
  t.strictSame(await ask('/readyz'), { status: 200, body: { status: 'ready', portal: 'ready', lines: ['NOT_ACTIVE_LINE'] } })
})

t.test('a parked portal is shown with its code, and a code that nobody knows is no label', async t => {
  const { portal, send, scrapeUntil } = await startScraped(t)
  await portal.fault({ method: 'imconnector.update.messages', fault: { error: 'YOU_OWE_42_TO_ANNA', status: 403 }, times: 1 })
  t.equal(await send(edit('m1', 'edited')), 202)
  const samples = await scrapeUntil('relay_portal_parked{code="other"}', 1)
  t.equal(samples.get('relay_parks_total{scope="portal",code="other"}'), 1)
  t.equal(samples.get('relay_portal_parked{code=""}'), undefined)
})

t.test('a relay that is not installed shows it', async t => {
  const { scrape } = await startScraped(t, { BITRIX24_REFRESH_TOKEN: '' })
  t.equal((await scrape()).get('relay_portal_parked{code="not-installed"}'), 1)
})

t.test('two relays in one process count apart', async t => {
  const one = await startScraped(t)
  await t.test('the other', async t => {
    const other = await startScraped(t)
    t.equal(await other.send({}), 400)
    t.equal((await other.scrape()).get('relay_webhooks_rejected_total{channel="default",status="400"}'), 1)
  })
  t.equal((await one.scrape()).get('relay_webhooks_rejected_total{channel="default",status="400"}'), 0)
})

t.test('neither a scrape nor a refused one leaves a line in the log', async t => {
  const { relay, lines, scrape } = await startScraped(t)
  await scrape()
  await fetch(`${relay.url}/metrics`)
  t.strictSame(lines.filter(line => line.includes('metrics')), [])
})
