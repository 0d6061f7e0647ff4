import t, { type Test } from 'tap'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { askApi } from '../../src/cli/api.ts'
import { createLog } from '../../src/base/log.ts'
import { buildRelay, edit, NOW, webhook } from '../relay.ts'

const ADMIN_TOKEN = 'an-admin-token-of-the-test'

async function start (t: Test) {
  const { app, store } = await buildRelay(t, { env: { ADMIN_TOKEN }, dependencies: { log: createLog('silent') } })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const relay = async (...args: string[]) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, '../../src/cli.ts'), ...args], { env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE, RELAY_URL: url, ADMIN_TOKEN } })
    let output = ''
    child.stdout.on('data', data => { output += String(data) })
    child.stderr.on('data', data => { output += String(data) })
    const code = await new Promise<number | null>(resolve => child.once('close', resolve))
    return { code, output }
  }
  const kill = async () => {
    for (const claimed of await store.outbox.claim({ portal: store.portal, epoch: 0, lane: { connector: 'relay_demo', line: 1, channel: 'default' }, callId: 'call', now: Number.MAX_SAFE_INTEGER, limit: 1, bucket: { level: 0, at: 0 } })) {
      const dead = { id: claimed.id, version: claimed.version, result: 'dead' as const, reason: 'rejected' as const, words: 'no', quarantineUntil: null }
      await store.outbox.record({ portal: store.portal, epoch: 0, callId: 'call', outcomes: [dead], attempt: null, now: 1 })
    }
  }
  return { app, store, url, relay, kill }
}

t.test('status shows the ledger and the portal', async t => {
  const { app, relay } = await start(t)
  await app.inject(webhook([edit('Hello', 1), edit(' ', 2)]))
  t.match(await relay('status'), { code: 0, output: /ledger {3}accepted 2 = superseded 0 \+ delivered 0 \+ dead 1 \+ pending 1\nbacklog .*\nportal {3}example\.bitrix24\.ru ready/ })
})

t.test('status has a line for each channel', async t => {
  const { store, relay } = await start(t)
  t.match(await relay('status'), { code: 0, output: /\nchannel {2}default last webhook long ago or never; in 24 h: nothing\n$/ })
  const hour = NOW - NOW % 3600_000
  await store.activity.add([
    { channel: 'default', outcome: 'webhooks', hour, count: 3, lastAt: NOW, detail: null },
    { channel: 'default', outcome: 'accepted', hour, count: 2, lastAt: NOW, detail: null },
    { channel: 'default', outcome: 'unreadable', hour: hour - 48 * 3600_000, count: 1, lastAt: NOW - 48 * 3600_000, detail: 'faulty: /data/chat' },
  ])
  t.match(await relay('status'), { code: 0, output: /\nchannel {2}default last webhook 2026-11-22T10:00:00.000Z; in 24 h: webhooks 3, accepted 2; unreadable at 2026-11-20T10:00:00.000Z: faulty: \/data\/chat\n$/ })
})

t.test('edits lists what matches, and where to go on', async t => {
  const { app, relay } = await start(t)
  await app.inject(webhook([edit('Hello', 1), edit('Hello', 2), edit(' ', 3)]))
  const page = await relay('edits', '--limit', '1')
  t.match(page, { code: 0, output: /^id .*\n[\w-]{24} +dead +empty-text +0 .* default +relay_demo\/1 +channel-123 +3\nmore: --cursor \d+\n$/ })
  const cursor = /more: --cursor (\d+)/.exec(page.output)?.[1] as string
  t.match(await relay('edits', '--state', 'pending', '--cursor', cursor), { code: 0, output: / channel-123 +2\n.* channel-123 +1\n$/ })
})

t.test('redeliver takes an id or a filter, and says what cannot be', async t => {
  const { app, relay, kill } = await start(t)
  const answer = await app.inject(webhook([edit('Hello', 1)]))
  const id = answer.json().edits[0].id as string
  t.match(await relay('redeliver', id), { code: 1, output: /answered 409: the edit already waits for its call/ })
  await kill()
  t.match(await relay('redeliver', id), { code: 0, output: new RegExp(`${id} +pending`) })
  await kill()
  t.match(await relay('redeliver', '--reason', 'rejected'), { code: 0, output: '1 will be delivered again\n' })
  await app.inject(webhook([edit(' ', 2)]))
  t.match(await relay('redeliver', '--channel', 'default'), { code: 0, output: '0 will be delivered again, 1 cannot be: it already waits for a call, or a guard refused it\n' })
  await app.inject(webhook([edit(' ', 3)]))
  t.match(await relay('redeliver', '--channel', 'default'), { code: 0, output: '0 will be delivered again, 2 cannot be: they already wait for a call, or a guard refused them\n' })
  t.match(await relay('redeliver', '--confirmation', 'unconfirmed'), { code: 1, output: /--confirmation is of delivered edits: add --state delivered/ })
  t.match(await relay('redeliver'), { code: 1, output: /give an id, or a filter/ })
})

t.test('redeliver offers no state that cannot be delivered again', async t => {
  const { relay } = await start(t)
  t.match(await relay('redeliver', '--state', 'pending'), { code: 1, output: /^error: option '--state <state>' argument 'pending' is invalid\. Allowed choices are dead, delivered\.\n$/ })
  t.match(await relay('redeliver', '--help'), { code: 0, output: /--state <state> +which edits \(choices: "dead",\s+"delivered"/ })
  t.match(await relay('edits', '--help'), { code: 0, output: /\(choices: "pending",\s+"delivered",\s+"dead"/ })
})

t.test('a faulty filter is named once', async t => {
  const { relay, url } = await start(t)
  const { code, output } = await relay('edits', '--state', 'ded')
  t.equal(code, 1)
  t.equal(output.match(/ded' is invalid|Invalid option/g)?.length, 1, output)
  t.match(await relay('edits', '--confirmation', 'yes'), { code: 1, output: `${url} answered 400: /confirmation Invalid option: expected one of "confirmed"|"unconfirmed"|"unknown"\n` })
  t.match(await relay('edits', '--limit', '0', '--reason', 'x'), { code: 1, output: /^\S+ answered 400: \/reason [^;]+; \/limit [^;]+\n$/ })
})

t.test('a relay that refuses or cannot be reached is named', async t => {
  const { relay, url } = await start(t)
  await t.rejects(askApi({ url, token: ADMIN_TOKEN }, '/api/edits?state=lost'), { message: /answered 400: .*\/state/ })
  t.match(await relay('status', '--url', 'http://127.0.0.1:9'), { code: 1, output: /ECONNREFUSED|bad port/ })
})
