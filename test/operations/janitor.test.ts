import t from 'tap'
import { createJanitor } from '../../src/operations/janitor.ts'
import { createLog } from '../../src/base/log.ts'
import type { ActivityCount } from '../../src/outbox/activity.ts'
import { buildRelay, edit, webhook } from '../relay.ts'

const DAY_MS = 24 * 3600_000

t.test('what is finished goes when its retention is over, and what is pending stays', async t => {
  const { app, store } = await buildRelay(t)
  await app.inject(webhook([edit('waits', 1), ...Array.from({ length: 20 }, (_, index) => edit(' ', 10 + index))]))
  const { settledAt } = (await store.outbox.list({ state: 'dead' }, { after: null, limit: 1 })).edits[0] ?? {}
  let time = (settledAt ?? 0) + 14 * DAY_MS
  const clock = { isProven: () => true, presentFor: () => time }
  const janitor = createJanitor({ outbox: store.outbox, profiles: store.profiles, activity: store.activity, retentionDays: 14, now: () => time, clock, callPortal: () => {}, log: createLog('silent') })
  const count = async () => (await store.outbox.list({}, { after: null, limit: 100 })).edits.length

  await janitor.sweep()
  t.equal(await count(), 21)
  time += 1
  await janitor.sweep()
  t.equal(await count(), 1)
  t.match(await store.outbox.ledger(), { accepted: 21, dead: 20, pending: 1 }, 'the ledger remembers them')
})

t.test('counts of channels go when their retention is over', async t => {
  const { store } = await buildRelay(t)
  const counts = Array.from({ length: 600 }, (_, hour): ActivityCount => ({ channel: 'default', outcome: 'webhooks', hour: hour * 3600_000, count: 1, lastAt: hour * 3600_000, detail: null }))
  await store.activity.add(counts)
  const time = 600 * 3600_000
  const janitor = createJanitor({ outbox: store.outbox, profiles: store.profiles, activity: store.activity, retentionDays: 4, now: () => time, clock: { isProven: () => true, presentFor: () => time }, callPortal: () => {}, log: createLog('silent') })
  await janitor.sweep()
  t.strictSame(await store.activity.read(0, time), counts.slice(-97), '96 hours, and the one that is not over')
})

t.test('a janitor goes on after a failure, and stops when told', async t => {
  const lines: string[] = []
  const failing = async () => { throw new Error('the disk is gone') }
  const clock = { isProven: () => true, presentFor: () => 0 }
  const janitor = createJanitor({ outbox: { prune: failing }, profiles: { prune: failing }, activity: { prune: failing }, retentionDays: 4, now: () => 0, clock, callPortal: () => {}, log: createLog('info', { write: line => { lines.push(line) } }) })
  janitor.start()
  await janitor.stop()
  t.match(lines.join(''), /retention\.failed.*the disk is gone/)
})

t.test('while the clock is unproven nothing is removed, and the portal is called once an hour at most', async t => {
  const removed: string[] = []
  const prune = (what: string) => async () => { removed.push(what); return 0 }
  const HOUR_MS = 3600_000
  let time = 1_000_000_000_000
  let calls = 0
  let isProven = false
  let present: number | null = null
  const janitor = createJanitor({
    outbox: { prune: prune('rows') },
    profiles: { prune: prune('clients') },
    activity: { prune: prune('counts') },
    retentionDays: 14,
    now: () => time,
    clock: { isProven: () => isProven, presentFor: () => present },
    callPortal: () => { calls++ },
    log: createLog('silent'),
  })
  for (const [ms, expected] of [[0, 0], [HOUR_MS - 1, 0], [1, 1], [HOUR_MS - 1, 1], [1, 2]] as const) {
    time += ms
    await janitor.sweep()
    t.equal(calls, expected)
  }
  isProven = true
  await janitor.sweep()
  t.strictSame(removed, [], 'an earlier process had a wrong clock')
  present = time
  await janitor.sweep()
  t.strictSame(removed, ['rows', 'clients', 'counts'])
  t.equal(calls, 2)
})
