import t from 'tap'
import { inspectStore } from '../../../src/outbox/open.ts'
import { EMPTY_RECORD, type PortalRecord } from '../../../src/outbox/portals.ts'
import { send } from '../../../src/cli/send.ts'
import { eventually } from '../../portal.ts'
import { KEY } from '../../channel.ts'
import { deliver, startExamined } from './examined.ts'

const SINCE = Date.UTC(2026, 10, 22, 10)
const TOKENS = { accessToken: 'access', refreshToken: 'refresh', accessExpiresAt: null }

async function sendEdit (url: string): Promise<void> {
  const edit = { user: { id: 'u1', last_name: 'Petrova', name: 'Anna' }, message: { id: '2', text: 'edited' }, chat: { id: 'c1', name: 'Support' } }
  await send({ url, channel: 'default', key: KEY, text: JSON.stringify(edit), now: Date.now() })
}

t.test('a portal that is parked because its tokens are not renewed is a fault that an administrator ends, and the doctor waits for no call', async t => {
  const { portal, doctor, run, load } = await startExamined(t)
  const relay = await run({ SETTLE_MS: '0' })
  await deliver(relay, portal)
  await portal.fault([
    { method: 'imconnector.update.messages', fault: 'expired-token', times: 1 },
    { method: 'oauth.token', fault: { error: 'invalid_grant', status: 400 }, times: 1 },
    { method: 'app.info', fault: 'expired-token', times: 1 },
  ])
  await sendEdit(relay.url)
  await eventually(async () => (await inspectStore({ ...load(), now: Date.now }))?.record.parked ?? null, parked => parked !== null)
  const findings = await doctor()
  t.match(findings.filter(finding => finding.startsWith('fault ')), [/^fault portal: parked since 20\S+Z \(invalid_grant\), so the relay keeps all edits and sends none: open http\S+\/oauth\/authorize\/\?client_id=local\.relay as an administrator, or install the application again$/])
  t.equal(findings.at(-1), 'open token: the access token has expired, and the parked portal gets no call that would renew it: end the park first')
})

t.test('each parked line is a fault', async t => {
  const { portal, doctor, run, load } = await startExamined(t)
  const relay = await run({ SETTLE_MS: '0' })
  await deliver(relay, portal)
  await portal.fault({ method: 'imconnector.update.messages', fault: { error: 'NOT_ACTIVE_LINE', status: 400 }, times: 1 })
  await sendEdit(relay.url)
  await eventually(async () => (await inspectStore({ ...load(), now: Date.now }))?.record.parkedLines ?? [], lines => lines.length > 0)
  t.match((await doctor()).filter(finding => finding.startsWith('fault ')), [
    /^fault line: relay_demo on line 1 is parked since 20\S+Z \(NOT_ACTIVE_LINE\), so the relay keeps its edits and sends none: activate the open line, and the connector in it; the relay tries again by itself, within 15 minutes$/,
  ])
})

t.test('the remedy of a park depends on its code, and on whether it ends by itself', async t => {
  const { portal, doctor, run, load } = await startExamined(t)
  await deliver(await run({ SETTLE_MS: '0' }), portal)
  const { record = EMPTY_RECORD } = await inspectStore({ ...load(), now: Date.now }) ?? {}
  const parked = async (code: string, changes: Partial<PortalRecord> = {}, env: Record<string, string> = {}) =>
    (await doctor(env, { snapshot: { record: { ...record, parked: { code, since: SINCE }, ...changes } } })).filter(finding => finding.includes('parked since'))

  for (const code of ['invalid_grant', 'not-installed']) {
    t.match(await parked(code), [new RegExp(`^fault portal: parked since 2026-11-22T10:00:00.000Z \\(${code}\\), .*: open http.* as an administrator, or install the application again$`)], code)
  }
  t.match(await parked('refresh-lost'), [/: open http.* as an administrator, or install the application again; the relay tries again by itself, within 15 minutes$/])
  t.match(await parked('PAYMENT_REQUIRED'), [/: ask the portal's owner; the relay tries again/])
  t.match(await parked('insufficient_scope'), [/: add imopenlines and imconnector to the application's permissions/])
  t.match(await parked('PORTAL_MOVED'), [/: set BITRIX24_PORTAL_URL to the new address and restart/])
  t.match(await parked('other-portal'), [/: correct BITRIX24_PORTAL_URL, or use another database for the other portal$/])
  t.match(await parked('OVERLOAD_LIMIT'), [/: ask the support of Bitrix24/])
  t.match(await parked('wrong_client'), [/: compare BITRIX24_CLIENT_ID and BITRIX24_CLIENT_SECRET/])
  t.match(await parked('SOMETHING_NEW'), [/: ask the portal's administrator: .*; the relay tries again/])

  const unconfigured = { BITRIX24_CLIENT_ID: '', BITRIX24_CLIENT_SECRET: '', BITRIX24_REFRESH_TOKEN: '' }
  t.match(await parked('not-installed', {}, unconfigured), [/: set BITRIX24_CLIENT_ID and BITRIX24_CLIENT_SECRET to those that Bitrix24 shows for the application, and restart$/])
  t.match(await parked('not-installed', { tokens: null }, unconfigured), [/: create a local application whose handler is/])
})

t.test('a token that has run out is a fault where nothing can renew it', async t => {
  const { portal, doctor, run, load } = await startExamined(t)
  await deliver(await run({ SETTLE_MS: '0' }), portal)
  const { record = EMPTY_RECORD } = await inspectStore({ ...load(), now: Date.now }) ?? {}
  const find = async (changes: Partial<PortalRecord>, env: Record<string, string> = {}) => (await doctor(env, { snapshot: { record: { ...record, ...changes } } })).at(-1)
  await portal.fault({ method: 'app.info', fault: 'expired-token', times: 2 })
  t.match(await find({}, { BITRIX24_CLIENT_ID: '', BITRIX24_CLIENT_SECRET: '', BITRIX24_REFRESH_TOKEN: '' }), /^fault token: the access token has expired, and it cannot be renewed: set BITRIX24_CLIENT_ID/)
  t.match(await find({ parked: { code: 'PAYMENT_REQUIRED', since: SINCE } }), /^open token: the access token has expired: run the doctor again after the relay's next call/, 'a probe renews it')
  t.equal(await find({ tokens: { ...TOKENS, accessToken: '' }, parked: { code: 'invalid_grant', since: SINCE } }), 'open token: there is only a refresh token, and the parked portal gets no call that would renew it: end the park first')
})
