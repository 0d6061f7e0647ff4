import t, { type Test } from 'tap'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createClient, createDispatcher } from '../../src/bitrix24/client.ts'
import { examine, type Finding } from '../../src/cli/doctor.ts'
import { inspectStore } from '../../src/outbox/open.ts'
import { send } from '../../src/cli/send.ts'
import { loadConfig } from '../../src/config/config.ts'
import { createLog } from '../../src/base/log.ts'
import { startRelay } from '../../src/relay.ts'
import { sandboxEnv } from '../../demo/processes.ts'
import { KEY, SECRET } from '../channel.ts'
import { eventually, startPortal } from '../portal.ts'

async function build (t: Test) {
  const portal = await startPortal(t)
  const dispatcher = createDispatcher({ responseTimeoutMs: 2000 })
  t.teardown(() => dispatcher.close())
  const databasePath = join(t.testdir(), 'relay.db')
  const base: Record<string, string> = {
    ...sandboxEnv(portal.url), WEBHOOK_SECRET: SECRET, DATABASE_URL: `file:${databasePath}`, HOST: '127.0.0.1', PORT: '0', LOG_LEVEL: 'silent',
  }
  const load = (changes: Record<string, string> = {}) => loadConfig({ ...base, ...changes }, () => '')

  async function doctor (changes: Record<string, string> = {}): Promise<string[]> {
    const findings: Finding[] = []
    for await (const finding of examine({
      load: () => load(changes),
      readStore: config => inspectStore(config),
      client: createClient({ dispatcher, now: Date.now, userAgent: 'test', responseTimeoutMs: 2000 }),
    })) findings.push(finding)
    return findings.map(({ state, subject, words }) => `${state} ${subject}: ${words}`)
  }

  /** A relay that has made its first call, so that it holds a token; it goes on running until the test ends. */
  async function run (changes: Record<string, string> = {}) {
    const relay = await startRelay({ config: load(changes), version: '0.0.0', log: createLog('silent'), onLost: error => { throw error } })
    t.teardown(() => relay.stop())
    return relay
  }
  return { portal, doctor, run, load, databasePath }
}

/** A message to deliver is what makes the relay fetch its first access token. */
async function deliver (relay: { url: string }, portal: Awaited<ReturnType<typeof startPortal>>): Promise<void> {
  const text = JSON.stringify({ user: { id: 'u', name: 'A' }, message: { id: '1', text: 'x' }, chat: { id: 'c' } })
  await send({ url: relay.url, channel: 'default', key: KEY, text, now: Date.now() })
  await eventually(() => portal.calls(), calls => calls.length > 0)
}

t.test('beside a running relay everything is examined and nothing changed', async t => {
  const { portal, doctor, run } = await build(t)
  const relay = await run({ SETTLE_MS: '0' })
  await deliver(relay, portal)
  const renewals = (await portal.calls('oauth.token')).length
  t.match(await doctor(), [
    /^ok configuration: portal 127\.0\.0\.1:\d+, channels default$/,
    /^ok store: .*relay\.db, \d+ edits pending$/,
    /^ok portal: http:\/\/127\.0\.0\.1:\d+ answers in \d+ ms$/,
    'ok token: the portal accepts it',
    'ok scope: imopenlines, imconnector',
    'ok connector: relay_demo',
    'ok line: relay_demo is active on line 1',
  ])
  t.equal((await portal.calls('oauth.token')).length, renewals, 'no token was renewed')

  t.match((await doctor({ BITRIX24_CONNECTOR: 'unknown' })).slice(-2), [
    /^fault connector: the portal does not know unknown: set BITRIX24_CONNECTOR to one of .*relay_demo/, /^fault line: unknown is not active on line 1/,
  ])
  t.match((await doctor({ BITRIX24_LINE: '99' })).at(-1), /^fault line: relay_demo is not active on line 99: activate it/)
  t.match((await doctor({ BITRIX24_CLIENT_ID: 'local.other' })).at(-1), /^fault token: it belongs to the application local\.relay/)
  t.match((await doctor({ BITRIX24_CLIENT_ID: '', BITRIX24_CLIENT_SECRET: '', BITRIX24_REFRESH_TOKEN: '' }))[3], /^fault token: the portal accepts it, but it cannot be renewed/)
})

t.test('a token that has run out is left to the relay', async t => {
  const { portal, doctor, run } = await build(t)
  await deliver(await run({ SETTLE_MS: '0' }), portal)
  await portal.fault({ method: 'app.info', fault: 'expired-token', times: 1 })
  const renewals = (await portal.calls('oauth.token')).length
  t.match((await doctor()).at(-1), /^open token: the access token has expired; the relay renews it at its next call/)
  t.equal((await portal.calls('oauth.token')).length, renewals)
})

t.test('what the portal says in refusal is shown with a remedy', async t => {
  const { portal, doctor, run } = await build(t)
  await deliver(await run({ SETTLE_MS: '0' }), portal)
  await portal.fault({ method: 'app.info', fault: { error: 'ERROR_OAUTH', status: 401 }, times: 1 })
  t.match((await doctor()).at(-1), /^fault token: the portal refuses it \(ERROR_OAUTH: .*\): install it again, or open http.*\/oauth\/authorize\/\?client_id=local\.relay as an administrator/)
  await portal.fault({ method: 'scope', fault: { error: 'INTERNAL_SERVER_ERROR', status: 500 }, times: 1 })
  t.match((await doctor())[4], /^fault scope: the portal refuses to answer \(INTERNAL_SERVER_ERROR/)
  await portal.fault({ method: 'app.info', fault: 'html-502', times: 1 })
  t.match((await doctor()).at(-1), /^fault portal: .* does not answer \(HTTP_502\): check/)
  await portal.fault({ method: 'app.info', fault: 'redirect', times: 1 })
  t.match((await doctor()).at(-1), /^fault portal: it redirects to http/)
})

t.test('before the relay\'s first start there is nothing to ask the portal with', async t => {
  const { portal, doctor, run } = await build(t)
  t.match(await doctor({ BITRIX24_REFRESH_TOKEN: '' }), [
    /^ok configuration/, /^ok store: there is none yet/, /^fault token: the portal has not installed the application: install it again, or open/,
  ])
  t.match((await doctor({ BITRIX24_REFRESH_TOKEN: '', BITRIX24_CLIENT_ID: '', BITRIX24_CLIENT_SECRET: '' })).at(-1), /create a local application whose handler is/)
  t.match((await doctor()).at(-1), /^open token: the relay imports BITRIX24_REFRESH_TOKEN when it starts/)
  await portal.fault({ method: 'oauth.token', fault: 'reset', times: 2 })
  await run()
  t.match((await doctor()).at(-1), /^open token: there is only a refresh token/)
})

t.test('every fault of the configuration is a line', async t => {
  const { doctor } = await build(t)
  t.match(await doctor({ PORT: 'x', BITRIX24_LINE: '' }), [/^fault configuration: PORT must/, /^fault configuration: the channel default has no line/])
})

t.test('a database that cannot be read is a fault', async t => {
  const { doctor, databasePath, run } = await build(t)
  writeFileSync(databasePath, 'this is not a database, and long enough to be taken for one by its size'.repeat(100))
  t.match((await doctor()).at(-1), /^fault store: .*not a database/)
  t.match(readFileSync(databasePath, 'utf8'), /^this is not/)

  const other = `file:${join(t.testdirName, 'other.db')}`
  await run({ DATABASE_URL: other, ENCRYPTION_KEY: '01'.repeat(32) })
  t.match((await doctor({ DATABASE_URL: other })).at(-1), /^fault store: .*ENCRYPTION_KEY/)
  t.match((await doctor({ DATABASE_URL: other, ENCRYPTION_KEY: '01'.repeat(32) })).at(-1), /^ok line/)
})

t.test('a portal that is not there is a fault', async t => {
  const { portal, doctor, run } = await build(t)
  await deliver(await run({ SETTLE_MS: '0' }), portal)
  await portal.fault({ method: 'app.info', fault: 'reset', times: 1 })
  t.match((await doctor()).at(-1), /^fault portal: .* does not answer \(/)
})
