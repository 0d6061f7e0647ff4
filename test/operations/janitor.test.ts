import t from 'tap'
import { createJanitor } from '../../src/operations/janitor.ts'
import { createLog } from '../../src/base/log.ts'
import { buildRelay, edit, webhook } from '../relay.ts'

const DAY_MS = 24 * 3600_000

t.test('what is finished goes when its retention is over, and what is pending stays', async t => {
  const { app, store } = await buildRelay(t)
  await app.inject(webhook([edit('waits', 1), ...Array.from({ length: 20 }, (_, index) => edit(' ', 10 + index))]))
  const { settledAt } = (await store.outbox.list({ state: 'dead' }, { after: null, limit: 1 })).edits[0] ?? {}
  let time = (settledAt ?? 0) + 14 * DAY_MS
  const janitor = createJanitor({ outbox: store.outbox, profiles: store.profiles, retentionDays: 14, now: () => time, log: createLog('silent') })
  const count = async () => (await store.outbox.list({}, { after: null, limit: 100 })).edits.length

  await janitor.sweep()
  t.equal(await count(), 21)
  time += 1
  await janitor.sweep()
  t.equal(await count(), 1)
  t.match(await store.outbox.ledger(), { accepted: 21, dead: 20, pending: 1 }, 'the ledger remembers them')
})

t.test('a janitor goes on after a failure, and stops when told', async t => {
  const lines: string[] = []
  const failing = async () => { throw new Error('the disk is gone') }
  const janitor = createJanitor({ outbox: { prune: failing }, profiles: { prune: failing }, retentionDays: 4, now: () => 0, log: createLog('info', { write: line => { lines.push(line) } }) })
  janitor.start()
  await janitor.stop()
  t.match(lines.join(''), /retention\.failed.*the disk is gone/)
})
