import { copyFileSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import t, { type Test } from 'tap'
import { openStore } from '../../../src/outbox/open.ts'
import { SCHEMA_VERSION as POSTGRES_VERSION } from '../../../src/outbox/postgres/schema.ts'
import { SCHEMA_VERSION as SQLITE_VERSION } from '../../../src/outbox/sqlite/schema.ts'
import type { Store } from '../../../src/outbox/store.ts'
import { startPostgres } from '../../postgres.ts'
import { toPortal } from './contents.ts'

/* The databases of every released schema, as `freeze.ts` has made them, opened by this program. */

const folder = import.meta.dirname
const postgres = await startPostgres()
t.teardown(() => postgres.stop())
const now = () => 5000

t.test('the databases of all schemas are kept', async t => {
  for (const [engine, version] of [['sqlite', SQLITE_VERSION], ['postgres', POSTGRES_VERSION]] as const) {
    t.strictSame(globSync(`${engine}-*`, { cwd: folder }).map(name => Number(/\d+/.exec(name)?.[0])).sort(), Array.from({ length: version }, (_, index) => index + 1), engine)
  }
})

for (const name of globSync('sqlite-*.db', { cwd: folder })) {
  t.test(`${name} is opened, and goes on`, async t => {
    const path = join(t.testdir(), 'relay.db')
    copyFileSync(join(folder, name), path)
    await goesOn(t, await openStore({ databaseUrl: `file:${path}`, encryptionKey: null, now }))
  })
}

for (const name of globSync('postgres-*.sql', { cwd: folder })) {
  t.test(`${name} is opened, and goes on`, async t => {
    const databaseUrl = await postgres.schema()
    const client = new pg.Client(databaseUrl)
    await client.connect()
    await client.query(readFileSync(join(folder, name), 'utf8'))
    await client.end()
    await goesOn(t, await openStore({ databaseUrl, encryptionKey: null, now }))
  })
}

/** What `contents.ts` has written is there and takes part in everything that follows. */
async function goesOn (t: Test, store: Store): Promise<void> {
  t.teardown(() => store.close())
  const { portal, outbox, portals, profiles, activity, leases } = store
  const row = async (message: string) => (await outbox.list({ message }, { after: null, limit: 1 })).edits[0]
  t.match(await portals.read(portal), { memberId: 'member', address: 'https://example.bitrix24.ru', formerAddresses: ['https://former.bitrix24.ru'], tokens: { refreshToken: 'refresh' }, bucket: { level: 3 }, eventKey: 'key', eventBinding: { boundAt: 1500 } })
  t.match(await profiles.find(portal, 'relay_demo', 'u1'), { name: 'Anna' })
  const count = { channel: 'default', outcome: 'unreadable' as const, hour: 0, count: 3, lastAt: 2000, detail: 'faulty: /data/chat' }
  await activity.add([count])
  t.strictSame(await activity.latest(0), [{ ...count, count: 6 }])
  t.match(await outbox.ledger(), { accepted: 8, superseded: 1, delivered: 2, dead: 2, pending: 3 })
  t.match(await outbox.backlog(portal), { pending: 3 })
  t.match(await row('delivered'), { state: 'delivered', revision: { at: 5, tie: 9007199254740993n }, flags: ['files-omitted'], portalUser: '585', settledAt: 2500, confirmedAt: null })
  t.match(await row('confirmed'), { state: 'delivered', confirmedAt: 2600 })
  t.match(await row('dead'), { state: 'dead', reason: 'rejected', words: 'no' })
  t.match(await row('refused'), { state: 'dead', reason: 'empty-text' })
  t.match(await outbox.attempts((await row('dead'))?.id ?? ''), [{ code: 'rejected', durationMs: 120 }])

  const lease = await leases.acquire(portal, 'frozen')
  if (lease === null) throw new Error('the lease is held')
  const { epoch } = lease
  t.ok(epoch > 1, 'epochs grow')
  t.equal(await outbox.recover({ portal, epoch, now: 5000, quarantineUntil: 75_000, latestDueAt: 900_000 }), 1, 'the open call ends with unknown outcome')
  const accept = async (message: string, at: number, text: string) => (await outbox.accept([toPortal(portal, { message, at, text, now: 5000 })]))[0]?.outcome
  t.equal(await accept('delivered', 4, 'older'), 'stale')
  t.equal(await accept('delivered', 6, 'newer'), 'accepted')
  t.equal(await accept('called', 6, 'newer'), 'accepted')
  t.strictSame(await outbox.redeliver([(await row('dead'))?.id ?? '', (await row('refused'))?.id ?? ''], 5000), ['redelivered', 'nothing-held'])
  const claimed = await outbox.claim({ portal, epoch, lane: { connector: 'relay_demo', line: 1, channel: 'default' }, callId: 'after', now: 5000, limit: 50, bucket: { level: 1, at: 5000 } })
  t.strictSame(claimed.map(({ edit }) => edit.message.text).sort(), ['Dead', 'Pending, and changed within one second', 'newer'], 'what is quarantined waits')
  await outbox.record({ portal, epoch, callId: 'after', outcomes: claimed.map(({ id, version }) => ({ id, version, result: 'delivered', flags: [] })), attempt: null, now: 5100 })
  t.match(await outbox.ledger(), { accepted: 10, delivered: 5, dead: 1 })
  t.equal(await outbox.prune(3000, 100), 2, 'retention removes the rows that were finished before')
}
