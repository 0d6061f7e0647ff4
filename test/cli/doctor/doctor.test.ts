import t from 'tap'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startPortal } from '../../portal.ts'
import { deliver, startExamined } from './examined.ts'

t.test('beside a running relay everything is examined and nothing changed', async t => {
  const { portal, doctor, run } = await startExamined(t)
  const relay = await run({ SETTLE_MS: '0' })
  await deliver(relay, portal)
  const renewals = (await portal.calls('oauth.token')).length
  t.match(await doctor(), [
    /^ok configuration: portal 127\.0\.0\.1:\d+, channels default$/,
    /^ok store: .*relay\.db, \d+ edits pending$/,
    /^(ok|open) channel: default: .*, no edit is delivered/,
    /^open events: PUBLIC_URL is not set, so the portal reports no edits.*: set PUBLIC_URL/,
    /^ok portal: http:\/\/127\.0\.0\.1:\d+ answers in \d+ ms$/,
    'ok token: the portal accepts it',
    'ok application: it is installed',
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
  t.match((await doctor({ BITRIX24_CLIENT_ID: '', BITRIX24_CLIENT_SECRET: '', BITRIX24_REFRESH_TOKEN: '' }))[5], /^fault token: the portal accepts it, but it cannot be renewed/)
})

t.test('a token that has run out is left to the relay', async t => {
  const { portal, doctor, run } = await startExamined(t)
  await deliver(await run({ SETTLE_MS: '0' }), portal)
  await portal.fault({ method: 'app.info', fault: 'expired-token', times: 1 })
  const renewals = (await portal.calls('oauth.token')).length
  t.match((await doctor()).at(-1), /^open token: the access token has expired: run the doctor again after the relay's next call, which renews it/)
  t.equal((await portal.calls('oauth.token')).length, renewals)
})

t.test('what the portal says in refusal is shown with a remedy', async t => {
  const { portal, doctor, run } = await startExamined(t)
  await deliver(await run({ SETTLE_MS: '0' }), portal)
  await portal.fault({ method: 'app.info', fault: { error: 'ERROR_OAUTH', status: 401 }, times: 1 })
  t.match((await doctor()).at(-1), /^fault token: the portal refuses it \(ERROR_OAUTH: .*\): install it again, or open http.*\/oauth\/authorize\/\?client_id=local\.relay as an administrator/)
  await portal.fault({ method: 'scope', fault: { error: 'INTERNAL_SERVER_ERROR', status: 500 }, times: 1 })
  t.match((await doctor())[7], /^fault scope: the portal refuses to answer \(INTERNAL_SERVER_ERROR.*\): see the code/)
  await portal.fault({ method: 'app.info', fault: 'html-502', times: 1 })
  t.match((await doctor()).at(-1), /^fault portal: .* does not answer \(HTTP_502\): check/)
  await portal.fault({ method: 'app.info', fault: 'redirect', times: 1 })
  t.match((await doctor()).at(-1), /^fault portal: it redirects to http/)
})

t.test('before the relay\'s first start there is nothing to ask the portal with', async t => {
  const { portal, doctor, run } = await startExamined(t)
  t.match(await doctor({ BITRIX24_REFRESH_TOKEN: '' }), [
    /^ok configuration/, /^ok store: there is none yet/, /^open events/, /^fault token: the portal has not installed the application: install it again, or open/,
  ])
  t.match((await doctor({ BITRIX24_REFRESH_TOKEN: '', BITRIX24_CLIENT_ID: '', BITRIX24_CLIENT_SECRET: '' })).at(-1), /create a local application whose handler is/)
  t.match((await doctor()).at(-1), /^open token: BITRIX24_REFRESH_TOKEN is not imported yet: start the relay/)
  await portal.fault({ method: 'oauth.token', fault: 'reset', times: 2 })
  await run()
  t.match((await doctor()).at(-1), /^open token: there is only a refresh token/)
})

t.test('every fault of the configuration is a line', async t => {
  const { doctor } = await startExamined(t)
  t.match(await doctor({ PORT: 'x', BITRIX24_LINE: '' }), [/^fault configuration: PORT must/, /^fault configuration: the channel default has no line/])
})

t.test('a database that cannot be read is a fault', async t => {
  const { doctor, databasePath, run } = await startExamined(t)
  writeFileSync(databasePath, 'this is not a database, and long enough to be taken for one by its size'.repeat(100))
  t.match((await doctor()).at(-1), /^fault store: .*not a database/)
  t.match(readFileSync(databasePath, 'utf8'), /^this is not/)

  const other = `file:${join(t.testdirName, 'other.db')}`
  await run({ DATABASE_URL: other, ENCRYPTION_KEY: '01'.repeat(32) })
  t.match((await doctor({ DATABASE_URL: other })).at(-1), /^fault store: .*ENCRYPTION_KEY/)
  t.match((await doctor({ DATABASE_URL: other, ENCRYPTION_KEY: '01'.repeat(32) })).at(-1), /^ok line/)
})

t.test('a portal that is not there is a fault', async t => {
  const { portal, doctor, run } = await startExamined(t)
  await deliver(await run({ SETTLE_MS: '0' }), portal)
  await portal.fault({ method: 'app.info', fault: 'reset', times: 1 })
  t.match((await doctor()).at(-1), /^fault portal: .* does not answer \(/)
})

t.test('no token goes to an address that is not proven', async t => {
  const { portal, doctor, run } = await startExamined(t)
  await deliver(await run({ SETTLE_MS: '0' }), portal)
  const elsewhere = await startPortal(t)
  const calls = (await portal.calls('app.info')).length
  t.match((await doctor({ BITRIX24_PORTAL_URL: elsewhere.url, PUBLIC_URL: 'http://127.0.0.1:9' })).at(-1), /^fault portal: the database's portal is at .*, and nothing proves yet that it has moved to .*: start the relay/)
  t.strictSame([(await elsewhere.calls('app.info')).length, (await portal.calls('app.info')).length], [0, calls])
})
