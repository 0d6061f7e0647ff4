import t from 'tap'
import { spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PreviewAnswer } from '../../routes/preview.ts'
import { previewOffline } from '../../src/cli/preview.ts'
import { shift } from '../cases/shift.ts'
import { fixture } from '../messengers/fixture.ts'
import { startMessengers } from '../messengers/running.ts'

const ROOT = join(import.meta.dirname, '../..')
const NOW = Date.UTC(2026, 10, 22, 10)
const ADMIN_TOKEN = 'an-admin-token-of-the-test'
const SECRET = 'a-secret-of-the-shop'

const MAP = '{ "user": { "id": user, "name": name }, "message": { "id": id, "text": text, "edited_at": $receivedAt }, "chat": { "id": chat } }'
const CUSTOM = { id: 'shop', messenger: 'custom', secrets: ['$' + '{SHOP_SECRET}'], verify: { kind: 'bearer' }, map: MAP, ids: { message: '{chat}_{message}' } }
const EDIT = { user: 7, name: '[b]Anna', id: 'm1', text: 'Two', chat: 'c1' }

async function offline (channels: unknown, payload: unknown, options: { channel?: string, env?: Record<string, string>, headers?: string[] } = {}) {
  return await previewOffline({
    path: 'channels.json',
    channel: options.channel ?? 'shop',
    payload: Buffer.isBuffer(payload) ? payload : Buffer.from(JSON.stringify(payload)),
    headers: options.headers ?? [],
    env: options.env ?? {},
    readFile: () => typeof channels === 'string' ? channels : JSON.stringify({ channels }),
    now: NOW,
  })
}

async function relay (args: string[], options: { env?: Record<string, string>, input?: string | Buffer } = {}) {
  const child = spawn(process.execPath, ['src/cli.ts', 'preview', ...args], { cwd: ROOT, env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE, ...options.env } })
  let output = ''
  let errors = ''
  child.stdout.on('data', data => { output += String(data) })
  child.stderr.on('data', data => { errors += String(data) })
  child.stdin.end(options.input ?? '')
  const code = await new Promise<number | null>(resolve => child.once('close', resolve))
  return { code, output, errors, answer: () => JSON.parse(output) as PreviewAnswer }
}

t.test('asks a running relay, which stores and sends nothing', async t => {
  const waha = { id: 'waha', messenger: 'waha', secrets: ['ab'.repeat(16)] }
  const running = await startMessengers(t, [waha, { ...CUSTOM, secrets: [SECRET] }])
  const env = { RELAY_URL: running.relay.url, ADMIN_TOKEN }

  const body = JSON.stringify(shift(JSON.parse(fixture('waha/edited').toString()), NOW / 1000, Math.floor(Date.now() / 1000)))
  const signature = `X-Webhook-Hmac: ${createHmac('sha512', 'ab'.repeat(16)).update(body).digest('hex')}`
  const file = join(t.testdirName, 'payload.json')
  writeFileSync(file, body)
  const signed = await relay(['--header', signature, '--header', 'x-webhook-request-id: 1', 'waha', file], { env })
  t.strictSame([signed.code, signed.errors], [0, ''])
  t.match(signed.answer(), { verified: true, edits: [{ outcome: 'accepted', wire: { CONNECTOR: 'relay_demo', LINE: 1, MESSAGES: [{}] } }] })
  t.match((await relay(['waha', file], { env })).answer(), { verified: false, reason: 'the header x-webhook-hmac is missing', edits: [{ outcome: 'accepted' }] })

  const bearer = await relay(['shop', '-', '--header', `Authorization: Bearer ${SECRET}`], { env, input: JSON.stringify(EDIT) })
  t.match(bearer.answer(), { verified: true, edits: [{ edit: { message: { id: 'c1_m1' } } }] })
  t.match(await relay(['shop', '-'], { env, input: '{}' }), { code: 1, output: /"reason": "unreadable"/ })
  t.match(await relay(['gone', '-'], { env }), { code: 1, errors: /answered 404: no such channel/ })
  t.match(await relay(['shop', '-'], { env: { ...env, ADMIN_TOKEN: 'wrong' } }), { code: 1, errors: /answered 401/ })
  t.match(await relay(['shop', '-'], { env: { RELAY_URL: running.relay.url } }), { code: 1, errors: /no token: set ADMIN_TOKEN/ })
  t.match(await relay(['shop', '-', '--header', 'nonsense'], { env }), { code: 1, errors: /a header is written as name: value/ })

  t.match(await (await fetch(`${running.relay.url}/api/status`, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } })).json(), { ledger: { accepted: 0 } })
  t.strictSame(await running.portal.calls(), [])
})

t.test('offline it shows the edits with the ids and names that go to the portal', async t => {
  t.match(await offline([{ id: 'other', messenger: 'unknown' }, CUSTOM], EDIT), {
    verified: false,
    reason: 'the header authorization is missing',
    edits: [{
      outcome: 'accepted',
      edit: { user: { id: '7', name: '[\u200bb]Anna' }, message: { id: 'c1_m1', text: 'Two' }, chat: { id: 'c1' }, revision: { at: NOW, tie: '0' } },
      wire: { CONNECTOR: 'offline', LINE: 1, MESSAGES: [{ user: { id: '7' }, message: { id: 'c1_m1', text: 'Two' }, chat: { id: 'c1' } }] },
    }],
    ignored: [],
    clients: [],
  })
  t.match(await offline([CUSTOM], EDIT, { env: { BITRIX24_CONNECTOR: 'shop_chat', BITRIX24_LINE: '3' } }), { edits: [{ wire: { CONNECTOR: 'shop_chat', LINE: 3 } }] })
  t.match(await offline([{ ...CUSTOM, connector: 'own', line: 7 }], EDIT), { edits: [{ wire: { CONNECTOR: 'own', LINE: 7 } }] })
})

t.test('offline no secret of the example channels need be set', async t => {
  const file = readFileSync(join(ROOT, 'channels.example.json'), 'utf8')
  for (const { id } of (JSON.parse(file) as { channels: Array<{ id: string }> }).channels) await t.resolves(offline(file, {}, { channel: id }), id)
})

t.test('offline it verifies with the secrets that are set', async t => {
  const headers = [`authorization: Bearer ${SECRET}`]
  t.match(await offline([CUSTOM], EDIT, { headers, env: { SHOP_SECRET: SECRET } }), { verified: true, reason: null })
  t.match(await offline([CUSTOM], EDIT, { headers }), { verified: false, edits: [{ outcome: 'accepted' }] })
})

t.test('names the faulty fields of an edit, and what they must be', async t => {
  t.match(await offline([CUSTOM], { ...EDIT, id: null }), {
    edits: [],
    ignored: [{
      reason: 'unreadable',
      detail: 'map gives a faulty edit: /message/id',
      errors: [{ pointer: '/message/id', detail: 'must be a string of 1 to 1000 characters or an integer up to 2^53 - 1; send a larger number as a string' }],
    }],
  })
  t.strictSame((await offline([{ ...CUSTOM, map: '{ "user": $number(name) }' }], EDIT)).ignored, [{ reason: 'unreadable', detail: 'map: line 1, column 11, $number: this cannot be read as a number' }])
})

t.test('of a batch it shows each item', async t => {
  t.match(await offline([{ ...CUSTOM, forEach: 'items' }], { items: [EDIT, {}] }), { edits: [{}], ignored: [{ reason: 'unreadable', detail: 'map gives a faulty edit: /user/id, /message/id, /chat/id' }] })
})

t.test('shows the clients that an event tells of, and the answer to a handshake', async t => {
  t.match(await offline([{ ...CUSTOM, filter: 'false', client: '{ "user": { "id": user, "name": name } }' }], EDIT), { edits: [], ignored: [{}], clients: [{ id: '7', name: '[\u200bb]Anna' }] })
  for (const unsigned of [true, false]) {
    const answer = await offline([{ ...CUSTOM, handshakes: [{ kind: 'static', when: { '/type': 'confirm' }, text: 'abc', unsigned }] }], { type: 'confirm' })
    t.match(answer, { verified: unsigned, edits: [], ignored: [], reply: { status: 200, body: 'abc' } })
  }
})

t.test('reads a payload of any other messenger too', async t => {
  const generic = { id: 'site', messenger: 'generic', secrets: ['$' + '{SITE_SECRET}'] }
  const edit = { user: { id: 1, name: 'Anna' }, message: { id: 2, text: 'Two' }, chat: { id: 3 } }
  t.match(await offline([generic], { type: 'message.edited', timestamp: NOW, data: edit }, { channel: 'site' }), { edits: [{ edit: { message: { id: '2' } } }] })
})

t.test('says what is wrong with the channel or the file', async t => {
  await t.rejects(offline([{ ...CUSTOM, map: 'a.' }], EDIT), { name: 'ConfigError', message: /\/channels\/0\/map is not usable: line 1, column 3: Unexpected end of expression \(channel shop\)/ })
  await t.rejects(offline([CUSTOM], EDIT, { env: { SHOP_SECRET: 'short' } }), { name: 'ConfigError', message: /\/secrets\/0 must have/ })
  await t.rejects(offline([CUSTOM], EDIT, { channel: 'gone' }), { message: 'channels.json has no channel gone' })
  await t.rejects(offline({}, EDIT), { message: 'channels.json has no channel shop' })
  await t.rejects(offline('{', EDIT), { message: 'channels.json is not JSON' })
})

t.test('offline it runs as a command, without any environment', async t => {
  const slack = ['--offline', 'docs/messengers/custom/slack.json', 'slack']
  const shown = await relay([...slack, 'test/messengers/fixtures/custom/slack/edited.json'])
  t.strictSame([shown.code, shown.errors], [0, ''])
  t.match(shown.answer(), { verified: false, edits: [{ edit: { message: { id: '1795341300.000250' } } }] })
  const other = await relay(['--offline', 'docs/messengers/custom/evolution.json', 'evolution', 'test/messengers/fixtures/custom/slack/edited.json'])
  t.match(other.answer(), { edits: [], ignored: [{}] })
  t.match(await relay(['--offline', 'gone.json', 'slack', 'package.json']), { code: 1, errors: /ENOENT/ })
})

t.test('the documentation shows what comes out', async t => {
  const readFile = (path: string) => readFileSync(join(ROOT, path), 'utf8')
  const payload = fixture('custom/slack/edited')
  const answer = await previewOffline({ path: 'docs/messengers/custom/slack.json', channel: 'slack', payload, headers: [], env: { BITRIX24_CONNECTOR: 'my_connector' }, readFile, now: NOW })
  t.ok(readFile('docs/messengers/custom.md').includes(JSON.stringify(answer, null, 2)), JSON.stringify(answer, null, 2))
})
