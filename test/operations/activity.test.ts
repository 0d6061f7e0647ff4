import t from 'tap'
import { join } from 'node:path'
import { sandboxEnv, startRelayProcess } from '../../demo/processes.ts'
import { createActivity, type ChannelActivity } from '../../src/operations/activity.ts'
import { createMetrics } from '../../src/operations/metrics/metrics.ts'
import { createLog } from '../../src/base/log.ts'
import { HOUR_MS, type ActivityCount } from '../../src/outbox/activity.ts'
import { signStandardWebhook } from '../../src/signatures/standard-webhooks.ts'
import { KEY, SECRET } from '../channel.ts'
import { startConnector } from '../forward/connector.ts'
import { eventually, original, startPortal } from '../portal.ts'
import { ADMIN_TOKEN, edit, startScraped } from './metrics/running.ts'

/** As `/api/status` shows it. */
type Shown = Omit<ChannelActivity, 'lastWebhookAt'> & { readonly lastWebhookAt: string | null }

/** A count without its zeros. */
function happened (counts: ChannelActivity['day'] | undefined): Record<string, number> {
  return Object.fromEntries(Object.entries(counts ?? {}).filter(([, count]) => count > 0))
}

t.test('what comes in and what becomes of it is shown by channel', async t => {
  const token = 'a-telegram-secret-of-the-tests'
  const { portal, relay, ask, send } = await startScraped(t, {}, [{ id: 'tg', messenger: 'telegram', secrets: [token] }])
  await (await portal.connector()).send([original('m1', 'one', { user: '79161234567', chat: 'chat-4711' })])
  const telegram = async (update: object, secret = token) => (await fetch(`${relay.url}/webhooks/tg`, {
    method: 'POST', headers: { 'content-type': 'application/json', 'x-telegram-bot-api-secret-token': secret }, body: JSON.stringify(update),
  })).status
  const channel = async (id: string) => ((await ask('/api/status')).body.channels as Shown[]).find(each => each.id === id)
  const now = Date.now()
  t.equal(await send(edit('m1', 'edited', now)), 202)
  t.equal(await send([edit('m1', 'edited', now), edit('m1', 'older', now - 1000), edit('m1', ' ', now + 1000)]), 202)
  t.equal(await send({}, { type: 'message.created' }), 202)
  t.equal(await send({ ...edit('m1', 'secret words', now + 2000), chat: undefined }), 400)
  t.equal(await send(edit('m1', 'forged'), { key: Buffer.alloc(24, 1) }), 401)
  t.equal(await telegram({ update_id: 1, edited_message: { text: 'secret words' } }, 'a-wrong-secret-of-the-tests'), 401)
  const shown = await eventually(() => channel('default'), found => found?.day.delivered === 1 && found.day.unauthentic === 1)
  t.strictSame(happened(shown?.day), { webhooks: 4, accepted: 1, duplicate: 1, stale: 1, ignored: 1, unreadable: 1, refused: 1, unauthentic: 1, delivered: 1 })
  t.strictSame(shown?.hour, shown?.day)
  t.match(shown, { messenger: 'generic', lastWebhookAt: /^20.*Z$/, lastUnreadable: { at: /^20.*Z$/, detail: 'faulty: /data/chat' }, lastForwardFailure: null })

  t.match(await channel('tg'), { messenger: 'telegram', lastWebhookAt: null, lastUnreadable: null, day: { unauthentic: 1 } }, 'a stranger leaves no words')
  t.equal(await telegram({ update_id: 1, edited_message: { message_id: 1, edit_date: 1, chat: { id: 7, type: 'private' }, text: 'secret words' } }), 200)
  const unread = await eventually(() => channel('tg'), found => found?.day.unreadable === 1)
  t.match(unread, { lastWebhookAt: /^20/, lastUnreadable: { detail: /^faulty: \/edited_message\// } })
  t.strictSame(happened(unread?.day), { webhooks: 1, unreadable: 1, unauthentic: 1 })
  t.notMatch(JSON.stringify([shown, unread]), /secret words|79161234567/)
})

t.test('what the connector behind a channel answers is shown', async t => {
  const connector = await startConnector(t)
  const { ask, post } = await startScraped(t, {}, [{ id: 'front', messenger: 'generic', secrets: [SECRET], upstream: connector.url, upstreamPrivate: ['127.0.0.1'] }])
  const channel = async () => ((await ask('/api/status')).body.channels as Shown[]).find(each => each.id === 'front')
  const pass = async () => await post({}, { type: 'message.created', channel: 'front' }).catch(() => null)
  await pass()
  connector.respondWith(response => response.writeHead(503).end())
  await pass()
  t.match(await eventually(channel, found => found?.day.forwardFailed === 1), { day: { webhooks: 2, ignored: 2, forwarded: 1 }, lastForwardFailure: { at: /^20/, detail: 'the connector answered 503' } })
  await connector.close()
  await pass()
  t.match(await eventually(channel, found => found?.day.forwardFailed === 2), { lastForwardFailure: { detail: 'unreachable: ECONNREFUSED' } })
})

/** The counts of one process on a store that a test makes fail. */
function build (channels: ReadonlyArray<{ id: string, messenger: 'generic' }> = [{ id: 'default', messenger: 'generic' }]) {
  const stored: Array<readonly ActivityCount[]> = []
  const lines: string[] = []
  const clock = { now: 100 * HOUR_MS }
  let fault: Error | null = null
  const activity = createActivity({
    channels,
    store: {
      async add (counts) {
        if (fault !== null) throw fault
        stored.push(counts)
      },
      read: async () => [],
      latest: async () => [],
    },
    now: () => clock.now,
    log: createLog('info', { write: line => { lines.push(line) } }),
  })
  const { webhooks, courier } = activity.observe(createMetrics({ version: '0.0.0', channels: [], now: () => clock.now }).observers)
  return { activity, webhooks, courier, stored, lines, clock, fail: (error: Error | null) => { fault = error } }
}

t.test('counts that cannot be stored are kept and stored later, and the fault is logged once', async t => {
  const { activity, webhooks, stored, lines, clock, fail } = build()
  fail(new Error('the disk is full'))
  for (const detail of ['faulty: /a', 'faulty: /b']) {
    webhooks.onReceived('default', [{ result: { outcome: 'ignored', reason: 'unreadable' }, detail }])
    await activity.flush()
    clock.now += 1000
  }
  clock.now += HOUR_MS
  webhooks.onVerified('default')
  t.equal(lines.length, 1)
  t.match(lines[0], /activity\.failed.*the disk is full/)
  fail(null)
  await activity.flush()
  await activity.flush()
  t.strictSame(stored, [[
    { channel: 'default', outcome: 'unreadable', hour: 100 * HOUR_MS, count: 2, lastAt: 100 * HOUR_MS + 1000, detail: 'faulty: /b' },
    { channel: 'default', outcome: 'webhooks', hour: 101 * HOUR_MS, count: 1, lastAt: 101 * HOUR_MS + 2000, detail: null },
  ]])
  fail(new Error('it is full again'))
  webhooks.onVerified('default')
  await activity.flush()
  t.equal(lines.length, 2)
})

t.test('however many webhooks come, there is one count for each outcome, and none of a channel that is not configured', async t => {
  const { activity, webhooks, courier, stored } = build()
  for (let number = 0; number < 1000; number++) {
    webhooks.onVerified('default')
    webhooks.onRejected('default', 401, null)
    webhooks.onRejected(null, 404, null)
    webhooks.onRejected('default', number % 2 === 0 ? 429 : 503, null)
  }
  courier.onRecorded([], [{ id: 'of a former channel', version: 1, result: 'delivered', flags: [] }], 0)
  webhooks.onReceived('default', [{ result: { outcome: 'ignored', reason: 'unreadable' }, detail: `faulty: /\0${'x'.repeat(5000)}` }])
  await activity.flush()
  t.strictSame(stored[0]?.map(({ outcome, count }) => [outcome, count]), [['webhooks', 1000], ['unauthentic', 1000], ['rejected', 1000], ['unreadable', 1]])
  t.ok((stored[0]?.[3]?.detail?.length ?? 0) <= 500)
  t.notMatch(stored[0]?.[3]?.detail, /\0/, 'PostgreSQL does not take it')
})

t.test('a stop loses no count, and kill -9 only those of the last seconds', async t => {
  const portal = await startPortal(t)
  const env = { ...sandboxEnv(portal.url), WEBHOOK_SECRET: SECRET, ADMIN_TOKEN, DATABASE_URL: `file:${join(t.testdir(), 'relay.db')}` }
  const start = async () => {
    const relay = await startRelayProcess(env)
    t.teardown(() => relay.stop('SIGKILL'))
    await eventually(async () => relay.output(), output => output.includes('process.started'))
    const status = async () => await (await fetch(`${relay.url}/api/status`, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } })).json() as { ledger: { accepted: number }, channels: Shown[] }
    return {
      relay,
      async send (message: string) {
        const body = JSON.stringify({ type: 'message.edited', timestamp: Date.now(), data: edit(message, 'edited') })
        t.equal((await fetch(`${relay.url}/webhooks/default`, { method: 'POST', headers: { 'content-type': 'application/json', ...signStandardWebhook(KEY, body, Date.now()) }, body })).status, 202)
      },
      accepted: async () => (await status()).channels[0]?.day.accepted,
      ledger: async () => (await status()).ledger.accepted,
    }
  }
  const first = await start()
  await first.send('m1')
  t.equal(await first.relay.stop('SIGTERM'), 0)
  const second = await start()
  t.equal(await second.accepted(), 1)
  await second.send('m2')
  t.equal(await eventually(second.accepted, accepted => accepted === 2), 2)
  await second.send('m3')
  await second.relay.stop('SIGKILL')
  const third = await start()
  t.ok([2, 3].includes(await third.accepted() ?? 0), 'what was stored before is there')
  t.equal(await third.ledger(), 3, 'the edit itself is not lost')
})
