import t from 'tap'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { mapPayload } from '../../src/cli/map.ts'

const ROOT = join(import.meta.dirname, '../..')
const NOW = Date.UTC(2026, 10, 22, 10)

const MAP = '{ "user": { "id": user, "name": name }, "message": { "id": id, "text": text, "edited_at": $receivedAt }, "chat": { "id": chat } }'
const CUSTOM = { id: 'shop', messenger: 'custom', secrets: ['$' + '{SHOP_SECRET}'], verify: { kind: 'bearer' }, map: MAP, ids: { message: '{chat}_{message}' } }
const EDIT = { user: 7, name: '[b]Anna', id: 'm1', text: 'Two', chat: 'c1' }

async function map (channels: unknown, payload: unknown, options: { channel?: string, env?: Record<string, string> } = {}) {
  return await mapPayload({
    path: 'channels.json',
    channel: options.channel ?? 'shop',
    payload: Buffer.from(JSON.stringify(payload)),
    env: options.env ?? {},
    readFile: () => typeof channels === 'string' ? channels : JSON.stringify({ channels }),
    now: NOW,
  })
}

t.test('shows the edits with the ids and names that go to the portal', async t => {
  const { text, isFaulty } = await map([{ id: 'other', messenger: 'unknown' }, CUSTOM], EDIT)
  t.equal(isFaulty, false)
  t.match(JSON.parse(text), {
    edits: [{ user: { id: '7', name: '[\u200bb]Anna' }, message: { id: 'c1_m1', text: 'Two' }, chat: { id: 'c1' }, revision: { at: '2026-11-22T10:00:00.000Z', tie: '0' } }],
    ignored: [],
    clients: [],
  })
})

t.test('names the faulty fields of an edit, and what they must be', async t => {
  t.strictSame(await map([CUSTOM], { ...EDIT, id: null }), {
    text: 'map gives a faulty edit: /message/id\n  /message/id must be a string of 1 to 1000 characters or an integer up to 2^53 - 1; send a larger number as a string',
    isFaulty: true,
  })
  t.strictSame(await map([{ ...CUSTOM, map: '{ "user": $number(name) }' }], EDIT), { text: 'map: line 1, column 11, $number: this cannot be read as a number', isFaulty: true })
})

t.test('of a batch it shows each item, and fails if one cannot be read', async t => {
  const { text, isFaulty } = await map([{ ...CUSTOM, forEach: 'items' }], { items: [EDIT, {}] })
  t.equal(isFaulty, true)
  t.match(JSON.parse(text), { edits: [{}], ignored: [{ reason: 'unreadable', detail: 'map gives a faulty edit: /user/id, /message/id, /chat/id' }] })
})

t.test('shows the clients that an event tells of, and the answer to a handshake', async t => {
  const client = await map([{ ...CUSTOM, filter: 'false', client: '{ "user": { "id": user, "name": name } }' }], EDIT)
  t.match(JSON.parse(client.text), { edits: [], ignored: [{}], clients: [{ id: '7', name: '[\u200bb]Anna' }] })
  for (const unsigned of [true, false]) {
    const { text, isFaulty } = await map([{ ...CUSTOM, handshakes: [{ kind: 'static', when: { '/type': 'confirm' }, text: 'abc', unsigned }] }], { type: 'confirm' })
    t.match(JSON.parse(text), { reply: { status: 200, body: 'abc' } })
    t.equal(isFaulty, false)
  }
})

t.test('reads a payload of any other messenger too', async t => {
  const generic = { id: 'site', messenger: 'generic', secrets: ['$' + '{SITE_SECRET}'] }
  const edit = { user: { id: 1, name: 'Anna' }, message: { id: 2, text: 'Two' }, chat: { id: 3 } }
  const { text } = await map([generic], { type: 'message.edited', timestamp: NOW, data: edit }, { channel: 'site' })
  t.match(JSON.parse(text), { edits: [{ message: { id: '2' } }] })
})

t.test('says what is wrong with the channel or the file', async t => {
  await t.rejects(map([{ ...CUSTOM, map: 'a.' }], EDIT), { name: 'ConfigError', message: /\/channels\/0\/map is not usable: line 1, column 3: Unexpected end of expression \(channel shop\)/ })
  await t.rejects(map([CUSTOM], EDIT, { env: { SHOP_SECRET: 'short' } }), { name: 'ConfigError', message: /\/secrets\/0 must have/ })
  await t.rejects(map([CUSTOM], EDIT, { channel: 'gone' }), { message: 'channels.json has no channel gone' })
  await t.rejects(map({}, EDIT), { message: 'channels.json has no channel shop' })
  await t.rejects(map('{', EDIT), { message: 'channels.json is not JSON' })
})

t.test('runs as a command, without any environment', async t => {
  const relay = (...args: string[]) => spawnSync(process.execPath, ['src/cli.ts', 'map', ...args], { cwd: ROOT, env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE }, encoding: 'utf8' })
  const shown = relay('docs/messengers/custom/slack.json', 'slack', 'test/messengers/fixtures/custom/slack/edited.json')
  t.strictSame([shown.status, shown.stderr], [0, ''])
  t.match(JSON.parse(shown.stdout), { edits: [{ message: { id: '1795341300.000250' } }] })
  // What the documentation shows is what comes out.
  t.ok(readFileSync(join(ROOT, 'docs/messengers/custom.md'), 'utf8').includes(shown.stdout), 'as in docs/messengers/custom.md')
  const faulty = relay('docs/messengers/custom/evolution.json', 'evolution', 'test/messengers/fixtures/custom/slack/edited.json')
  t.match(JSON.parse(faulty.stdout), { edits: [], ignored: [{}] })
  t.match(relay('gone.json', 'slack', 'x'), { status: 1, stderr: /ENOENT/ })
})
