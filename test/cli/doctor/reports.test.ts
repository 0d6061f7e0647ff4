import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { freePort } from '../../../demo/processes.ts'
import { inspectStore } from '../../../src/outbox/open.ts'
import { eventually, original } from '../../portal.ts'
import { deliver, startExamined } from './examined.ts'

/** A relay to which the sandbox reports, with the original of m1. */
async function listen (t: Test) {
  const examined = await startExamined(t)
  const { portal, run, load } = examined
  await (await portal.connector()).send([original('m1')])
  const port = await freePort()
  const settings = { PUBLIC_URL: `http://127.0.0.1:${port}`, PORT: String(port), SETTLE_MS: '0' }
  const relay = await run(settings)
  await eventually(() => portal.bindings(), bindings => bindings.length > 0)
  const record = async () => (await inspectStore({ ...load(settings), now: Date.now }))?.record
  await eventually(record, found => found?.eventBinding !== null)
  const reported = async () => await eventually(record, found => found?.lastEventAt !== null)
  const doctor = async (...changes: Parameters<typeof examined.doctor>) => await examined.doctor({ ...settings, ...changes[0] }, changes[1])
  const find = async (subject: string, ...changes: Parameters<typeof examined.doctor>) => (await doctor(...changes)).filter(finding => finding.split(' ')[1] === `${subject}:`)
  return { portal, relay, settings, record, reported, doctor, find }
}

/** A server that is not the relay. */
async function serve (t: Test, answer: (path: string) => { status: number, type: string, body: string }): Promise<string> {
  const server = createServer((request, response) => {
    const { status, type, body } = answer(request.url ?? '')
    response.writeHead(status, { 'content-type': type }).end(body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

t.test('from the binding to the first event, everything is as it should be, and the key is not shown', async t => {
  const { portal, relay, settings, record, reported, doctor, find } = await listen(t)
  const { PUBLIC_URL } = settings
  t.strictSame(await find('address'), [`ok address: ${PUBLIC_URL} answers, asked from this machine: whether it does so to the portal, only events can show`])
  t.match(await find('events'), [`open events: the portal is asked to report edits to ${PUBLIC_URL}, but no event has come yet: edit a message`])
  await deliver(relay, portal, 'm1')
  await reported()
  t.match((await doctor()).at(-1), new RegExp(`^ok events: the portal reports edits to ${PUBLIC_URL}; the last event came at 20`))
  t.match(await eventually(() => find('channel'), ([finding]) => finding?.includes('the last webhook came') ?? false), [/^ok channel: default: the last webhook came at 20\S+Z, 1 of 1 delivered edits are confirmed$/])
  t.strictSame((await doctor()).filter(finding => !finding.startsWith('ok ')), [])
  const { eventKey } = await record() as { eventKey: string }
  const bound = JSON.stringify(await portal.bindings())
  t.match(bound, eventKey)
  t.notMatch(JSON.stringify([await doctor(), await doctor({ PUBLIC_URL: 'http://127.0.0.1:9' })]), eventKey)
  t.equal(JSON.stringify(await portal.bindings()), bound, 'the doctor binds nothing')
})

t.test('a binding that is gone, or leads elsewhere, is a fault', async t => {
  const { portal, settings, record, find } = await listen(t)
  const elsewhere = await find('events', { PUBLIC_URL: 'http://127.0.0.1:9' })
  t.strictSame(elsewhere, [`fault events: the portal reports edits to ${settings.PUBLIC_URL}, and not to PUBLIC_URL: restart the relay, which then binds the new address`])
  const [{ handler } = { handler: '' }] = await portal.bindings()
  const { tokens } = await record() as { tokens: { accessToken: string } }
  const call = async (method: string, body: object) => await fetch(`${portal.url}/rest/${method}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ ...body, auth: tokens.accessToken }) })
  await call('event.bind', { event: 'OnOpenLineMessageUpdate', handler: 'http://127.0.0.1:9/bitrix24/events?key=of-another-relay' })
  await call('event.unbind', { event: 'OnOpenLineMessageUpdate', handler })
  t.match(await find('events'), [/^fault events: the portal does not report edits to this relay: restart the relay/])
  await portal.fault({ method: 'event.get', fault: { error: 'ACCESS_DENIED', status: 401 }, times: 1 })
  t.match(await find('events'), [/^fault events: the portal refuses to answer \(ACCESS_DENIED/])
})

t.test('an installation that is not finished is a fault, because events do not come', async t => {
  const { portal, relay, find } = await listen(t)
  await fetch(`${portal.url}/sandbox/install`, { method: 'POST', body: JSON.stringify({ handler: `${relay.url}/bitrix24/install`, form: 'page', finish: false }) })
  const found = await eventually(() => find('application'), findings => findings[0] !== 'ok application: it is installed')
  t.match(found, [/^fault application: its installation is not finished.*: open the application once as an administrator/])
})

t.test('a relay that was never started with PUBLIC_URL has asked for nothing', async t => {
  const { portal, doctor, run } = await startExamined(t)
  await deliver(await run({ SETTLE_MS: '0' }), portal)
  t.match((await doctor({ PUBLIC_URL: 'http://127.0.0.1:9' })).at(-1), /^fault events: the relay has not asked the portal yet to report edits: start the relay/)
})

t.test('an address that does not lead to the relay is a fault, unless events arrive', async t => {
  const { portal, relay, reported, find } = await listen(t)
  const other = await serve(t, () => ({ status: 404, type: 'text/html', body: 'not here' }))
  const strict = await serve(t, path => path.startsWith('/bitrix24/') ? { status: 404, type: 'application/problem+json', body: '{}' } : { status: 404, type: 'text/html', body: 'not here' })
  t.match(await find('address', { PUBLIC_URL: 'http://127.0.0.1:9' }), [/^fault address: http:\/\/127\.0\.0\.1:9\/livez, asked from this machine, does not answer \(ECONNREFUSED\): check the DNS/])
  t.match(await find('address', { PUBLIC_URL: other }), [/^fault address: .*answers 404, and not as a relay: check/])
  t.match(await find('address', { PUBLIC_URL: strict }), [/^ok address: /], 'a proxy may pass only what others need')
  await deliver(relay, portal, 'm1')
  await reported()
  t.match(await find('address', { PUBLIC_URL: other }), [/^open address: .*answers 404.*: nothing to do if events arrive/])
})

t.test('a channel none of whose edits are found is a fault after the fifth', async t => {
  const { portal, relay, reported, find } = await listen(t)
  for (let n = 1; n <= 4; n++) await deliver(relay, portal, `nobody-${n}`)
  // An operator's edit proves that the portal reports.
  await portal.operatorEdit({ message: 'm1', text: 'by the operator' })
  await reported()
  const activity = [{ channel: 'default', lastWebhookAt: Date.UTC(2026, 10, 22, 10) }]
  const words = 'channel: default: the last webhook came at 2026-11-22T10:00:00.000Z,'
  t.strictSame(await find('channel', {}, { snapshot: { activity } }), [`ok ${words} 0 of 4 delivered edits are confirmed`], 'the portal has ten minutes')
  t.match(await find('channel', {}, { laterMs: 11 * 60_000, snapshot: { activity } }), [`open ${words} 0 of 4 delivered edits are confirmed, and 4 ought to be: compare its connector, line and "ids"`])
  const counts = { channel: 'default', connector: 'relay_demo', line: 1, confirmed: 0, unconfirmed: 5, unknown: 2 }
  t.match(await find('channel', {}, { snapshot: { activity, confirmations: [counts] } }), [`fault ${words} 0 of 7 `])
  const others = [counts, { ...counts, line: 2, confirmed: 1 }, { ...counts, channel: 'other' }]
  t.strictSame(await find('channel', {}, { snapshot: { activity, confirmations: others } }), [`ok ${words} 1 of 15 delivered edits are confirmed`])
})

t.test('a channel that got no webhook is open', async t => {
  const { find } = await listen(t)
  t.strictSame(await find('channel'), ['open channel: default: no webhook has come within RETENTION_DAYS, no edit is delivered: set the sender\'s webhook to https://<this relay>/webhooks/default'])
})
