import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createLog } from '../../src/base/log.ts'
import { createConfirmations } from '../../src/operations/confirmations.ts'
import { openStore } from '../../src/outbox/open.ts'
import type { EditFlag, EditRow } from '../../src/outbox/outbox.ts'
import { incoming } from '../outbox/edits.ts'

const MINUTE_MS = 60_000

async function openedStore (t: Test) {
  const store = await openStore({ databaseUrl: `file:${join(t.testdir(), 'relay.db')}`, encryptionKey: null, now: () => 1_000_000 })
  t.teardown(() => store.close())
  return store
}

/** Delivered edits on a real store, with a clock that the test sets. */
async function build (t: Test, { isEnabled = true } = {}) {
  let time = 1_000_000
  const now = () => time
  const store = await openStore({ databaseUrl: `file:${join(t.testdir(), 'relay.db')}`, encryptionKey: null, now })
  t.teardown(() => store.close())
  const { portal, outbox, portals } = store
  const lines: Array<Record<string, unknown>> = []
  const confirmations = createConfirmations({ portalId: portal, portals, outbox, isEnabled, now, log: createLog('info', { write: line => { lines.push(JSON.parse(line)) } }) })

  async function deliver (message: string, { channel = 'default', flags = [] }: { channel?: string, flags?: EditFlag[] } = {}): Promise<void> {
    const edit = incoming({ message, text: message, now: time })
    await outbox.accept([{ ...edit, key: { ...edit.key, portal }, channel }])
    const [claimed] = await outbox.claim({ portal, epoch: 0, lane: { connector: 'relay_demo', line: 1, channel }, callId: message, now: time, limit: 1, bucket: { level: 0, at: 0 } })
    if (claimed === undefined) throw new Error('nothing is due')
    await outbox.record({ portal, epoch: 0, callId: message, outcomes: [{ id: claimed.id, version: claimed.version, result: 'delivered', flags }], attempt: null, now: time })
  }
  const row = async (message: string): Promise<EditRow> => (await outbox.list({ message }, { after: null, limit: 1 })).edits[0] as EditRow
  return {
    confirmations,
    deliver,
    lines,
    bind: async () => { await portals.write(portal, { eventBinding: { publicUrl: 'https://relay.example.com', boundAt: time } }) },
    /** Any authentic event. */
    hear: async () => { await portals.write(portal, { lastEventAt: time }) },
    report: async (message: string) => { await outbox.confirm([{ key: { ...incoming({ message }).key, portal }, text: message, receivedAt: time }]) },
    find: async (message: string) => await confirmations.find(await row(message)),
    pass: (ms: number) => { time += ms },
  }
}

t.test('silence is explained by its likely cause', async t => {
  const { deliver, bind, hear, report, find, pass, confirmations } = await build(t)
  await deliver('before')
  t.match(await find('before'), { confirmation: 'unknown', cause: /events\.not-bound/ })
  pass(1000)
  await bind()
  pass(1000)
  await deliver('lost')
  await deliver('stranger', { flags: ['unknown-user'] })
  t.match(await find('lost'), { confirmation: 'unknown', cause: /ten minutes/ })
  pass(11 * MINUTE_MS)
  t.match(await find('lost'), { confirmation: 'unknown', cause: /binding is gone, or the portal cannot reach PUBLIC_URL/ }, 'no event at all')
  t.match(await find('before'), { confirmation: 'unknown', cause: /before the portal was asked/ })

  await hear()
  pass(6000)
  t.match(await find('lost'), { confirmation: 'unconfirmed', cause: /the portal has confirmed no edit of this channel.*"ids"/ })
  t.match(await find('stranger'), { confirmation: 'unconfirmed', cause: /ids\.user/ })
  await deliver('found')
  await report('found')
  pass(6000)
  t.match(await find('lost'), { confirmation: 'unconfirmed', cause: /never sent to it, or was deleted/ }, 'one among good ones')
  t.match(await find('found'), { confirmation: 'confirmed', cause: null })
  t.match(await confirmations.summary(), { enabled: true, confirmed: 1, unconfirmed: 2, unknown: 1 })
})

t.test('a channel of which no edit is ever found is reported once, after five', async t => {
  const { deliver, bind, hear, report, pass, confirmations, lines } = await build(t)
  await bind()
  for (let n = 0; n < 5; n++) await deliver(`good-${n}`, { channel: 'good' })
  for (let n = 0; n < 4; n++) await deliver(`bad-${n}`, { channel: 'bad' })
  await report('good-0')
  const look = async () => {
    pass(11 * MINUTE_MS)
    await hear()
    pass(6000)
    await confirmations.watch()
    return lines.filter(({ event }) => event === 'confirmations.none').map(({ channel }) => channel)
  }
  t.strictSame(await look(), [], 'four may be chance')
  await deliver('bad-4', { channel: 'bad' })
  t.strictSame(await look(), ['bad'])
  t.strictSame(await look(), ['bad'])
})

t.test('without PUBLIC_URL nothing is known, and the cause says what to set', async t => {
  const { deliver, find, confirmations } = await build(t, { isEnabled: false })
  await deliver('m1')
  t.match(await find('m1'), { confirmation: 'unknown', cause: /set PUBLIC_URL/ })
  t.match(await confirmations.summary(), { enabled: false, boundAt: null, confirmed: 0, unconfirmed: 0, unknown: 1 })
})

t.test('the watch of a former leader ends when another one has begun', async t => {
  const answers: Array<() => void> = []
  let isSilent = true
  const { portals, outbox, portal } = await openedStore(t)
  const read: typeof portals.read = async id => {
    if (isSilent) await new Promise<void>(resolve => { answers.push(resolve) })
    return await portals.read(id)
  }
  const confirmations = createConfirmations({ portalId: portal, portals: { read }, outbox, isEnabled: true, now: () => 1_000_000, log: createLog('silent') })
  const former = confirmations.createWatch()
  former.start()
  const stopped = former.stop()
  const present = confirmations.createWatch()
  present.start()
  isSilent = false
  for (const answer of answers) answer()
  await t.resolves(stopped)
  await t.resolves(present.stop())
})
