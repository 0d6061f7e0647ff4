import t, { type Test } from 'tap'
import { setTimeout as sleep } from 'node:timers/promises'
import { ORPHANED_MS, type Signal, type Lease } from '../../../src/outbox/leases.ts'
import { type Store } from '../../../src/outbox/store.ts'
import { readAddress, type Address } from '../../../src/outbox/postgres/address.ts'
import { connect as connectAsRelay, type Server } from '../../../src/outbox/postgres/connection.ts'
import { createLink } from '../../../src/outbox/postgres/link.ts'
import { openPostgresStore } from '../../../src/outbox/postgres/postgres.ts'
import { SCHEMA_VERSION } from '../../../src/outbox/postgres/schema.ts'
import { inspectStore, openStore } from '../../../src/outbox/open.ts'
import { startPostgres } from '../../postgres.ts'
import { startHarness } from '../../courier/harness.ts'
import { eventually, original } from '../../portal.ts'
import { incoming, PORTAL } from '../edits.ts'
import { connect, LANE, open, startWire, type Wire } from './helper.ts'

const serverOf = (databaseUrl: string): Server => ({ ...readAddress(databaseUrl) as Address, mayBeUnsafe: false })

const postgres = await startPostgres()
t.teardown(() => postgres.stop())

t.test('replicas that start together make the schema once', async t => {
  const databaseUrl = await postgres.schema()
  const stores = await Promise.all([1, 2, 3, 4].map(() => open(t, databaseUrl)))
  await Promise.all(stores.map((store, index) => store.outbox.accept([incoming({ message: `m${index}` })])))
  t.match(await stores[0]?.outbox.ledger(), { accepted: 4, pending: 4 })
})

t.test('a database of the next schema is used, as in a rolling upgrade, and one of a later schema is refused', async t => {
  const databaseUrl = await postgres.schema()
  await open(t, databaseUrl)
  const client = await connect(t, databaseUrl)
  await client.query(`ALTER TABLE outbox ADD COLUMN later integer NOT NULL DEFAULT 1; UPDATE schema_version SET version = ${SCHEMA_VERSION + 1}`)
  const store = await open(t, databaseUrl)
  t.match(await store.outbox.accept([incoming()]), [{ outcome: 'accepted' }])
  await client.query(`UPDATE schema_version SET version = ${SCHEMA_VERSION + 2}`)
  await t.rejects(open(t, databaseUrl), { name: 'NewerSchema', message: /^PostgreSQL at \S+ has schema \d+ and .* a newer release wrote it/ }, 'at once, and not as a server that cannot be used yet')
})

t.test('a relay whose connections are open goes on when the next release adds to each table', async t => {
  const databaseUrl = await postgres.schema()
  const store = await open(t, databaseUrl)
  const use = async (message: string): Promise<void> => {
    t.match(await store.outbox.accept([incoming({ message })]), [{ outcome: 'accepted' }])
    t.ok(await store.portals.write(PORTAL, { parked: { code: message, since: 1 } }))
    t.match(await store.portals.read(PORTAL), { parked: { code: message } })
    t.match(await store.profiles.find(PORTAL, 'relay_demo', 'u1'), { name: 'Anna' })
    t.match(await store.outbox.lanes(PORTAL), [{ channel: 'default' }])
    const [claimed] = await store.outbox.claim({ portal: PORTAL, epoch: 0, lane: LANE, callId: `call of ${message}`, now: 2000, limit: 1, bucket: { level: 1, at: 0 } })
    t.equal(claimed?.edit.message.id, message)
    await store.outbox.record({ portal: PORTAL, epoch: 0, callId: `call of ${message}`, outcomes: [{ id: incoming({ message }).id, version: 1, result: 'delivered', flags: [] }], attempt: { at: 1, durationMs: 1, code: 'ok', words: null }, now: 2000 })
    t.match(await store.outbox.attempts(incoming({ message }).id), [{ code: 'ok' }])
    await store.activity.add([{ channel: 'default', outcome: 'webhooks', hour: 0, count: 1, lastAt: 1, detail: null }])
    t.match(await store.activity.latest(0), [{ channel: 'default' }])
  }
  for (let round = 0; round < 3; round++) await use(`before ${round}`)
  const client = await connect(t, databaseUrl)
  for (const table of ['lanes', 'outbox', 'ledger', 'portals', 'profiles', 'activity', 'heartbeat']) await client.query(`ALTER TABLE ${table} ADD COLUMN later integer NOT NULL DEFAULT 1`)
  await use('after')
  await store.probe()
})

t.test('a column that becomes another type costs a relay whose connections are open one failure, and no restart', async t => {
  const databaseUrl = await postgres.schema()
  const store = await open(t, databaseUrl)
  for (const message of ['m1', 'm2']) await store.outbox.accept([incoming({ message })])
  const client = await connect(t, databaseUrl)
  await client.query('ALTER TABLE outbox ALTER COLUMN lane TYPE bigint')
  await t.rejects(store.outbox.accept([incoming({ message: 'm3' })]), { name: 'StoreUnavailable' })
  t.match(await store.outbox.accept([incoming({ message: 'm3' })]), [{ outcome: 'accepted' }])
})

t.test('no edit goes to a line that a fail-over or a restore took back, or to the one that has its number now', async t => {
  const databaseUrl = await postgres.schema()
  const store = await open(t, databaseUrl)
  await store.outbox.accept([incoming({ message: 'lost' })])
  const client = await connect(t, databaseUrl)
  await client.query('TRUNCATE outbox, lanes RESTART IDENTITY; INSERT INTO lanes (portal, connector, line, channel) VALUES (\'other.bitrix24.ru\', \'other\', 9, \'other\')')
  t.match(await store.outbox.accept([incoming({ message: 'kept' })]), [{ outcome: 'accepted' }])
  t.strictSame(await store.outbox.lanes('other.bitrix24.ru'), [])
  t.match(await store.outbox.lanes(PORTAL), [LANE])
  t.match(await store.outbox.find(incoming({ message: 'kept' }).id), { connector: LANE.connector, line: LANE.line })
  t.match(await store.outbox.claim({ portal: PORTAL, epoch: 0, lane: LANE, callId: 'call', now: 2000, limit: 1, bucket: { level: 1, at: 0 } }), [{ edit: { message: { id: 'kept' } } }])
})

t.test('replicas that meet the same new lines in opposite orders make each of them once', async t => {
  const databaseUrl = await postgres.schema()
  const stores = await Promise.all([1, 2].map(() => open(t, databaseUrl)))
  const edits = Array.from({ length: 40 }, (_, line) => incoming({ message: `m${line}`, line }))
  await Promise.all([stores[0]?.outbox.accept(edits), stores[1]?.outbox.accept(edits.toReversed())])
  t.strictSame((await stores[0]?.outbox.lanes(PORTAL))?.map(lane => lane.line).sort((a, b) => a - b), edits.map((_, line) => line))
})

t.test('an epoch that a fail-over or a restore took back is not given again', async t => {
  const databaseUrl = await postgres.schema()
  const [a, b] = [await open(t, databaseUrl), await open(t, databaseUrl)]
  const { epoch } = await a.leases.acquire(PORTAL, 'a') as Lease
  const client = await connect(t, databaseUrl)
  await client.query('UPDATE portals SET epoch = 0, leader = NULL')
  const next = await b.leases.acquire(PORTAL, 'b') as Lease
  t.ok(next.epoch > epoch)
  await a.outbox.accept([incoming()])
  const claim = { portal: PORTAL, lane: LANE, now: 2000, limit: 1, bucket: { level: 1, at: 0 } }
  t.strictSame(await a.outbox.claim({ ...claim, epoch, callId: 'former' }), [])
  t.equal((await b.outbox.claim({ ...claim, epoch: next.epoch, callId: 'present' })).length, 1)
  t.equal(await a.leases.renew(PORTAL, epoch), false)
})

t.test('what others send on our channel is for nobody', async t => {
  const databaseUrl = await postgres.schema()
  const store = await open(t, databaseUrl)
  const heard: Signal[] = []
  store.signals.listen(PORTAL, signal => { heard.push(signal) })
  await store.leases.acquire(PORTAL, 'a')
  const client = await connect(t, databaseUrl)
  for (const payload of ['', 'x', '7', 'null', '{}']) await client.query('SELECT pg_notify($1, $2)', ['imconnector_relay', payload])
  await client.query('SELECT pg_notify($1, $2)', ['imconnector_relay', JSON.stringify([PORTAL, 'edits'])])
  t.strictSame(await eventually(async () => [...heard], signals => signals.length > 0), ['edits'])
})

t.test('edits of one message through three replicas at once leave the newest, and the ledger adds up', async t => {
  const databaseUrl = await postgres.schema()
  const stores = await Promise.all([1, 2, 3].map(() => open(t, databaseUrl)))
  const edits = Array.from({ length: 600 }, (_, index) => incoming({ message: `m${index % 4}`, at: Math.floor(index / 4), tie: BigInt(index), text: `text ${index}` }))
  const results = await Promise.all(edits.map((edit, index) => stores[index % 3]?.outbox.accept([edit])))
  const outcomes = results.map(result => result?.[0]?.outcome)
  const accepted = outcomes.filter(outcome => outcome === 'accepted').length
  t.equal(accepted + outcomes.filter(outcome => outcome === 'stale').length, 600)
  const [store] = stores
  t.match(await store?.outbox.ledger(), { accepted, superseded: accepted - 4, pending: 4 })
  for (let index = 0; index < 4; index++) t.match(await store?.outbox.find(incoming({ message: `m${index}` }).id), { revision: { at: 149, tie: BigInt(596 + index) } })
  t.equal((await store?.outbox.backlog(PORTAL))?.pending, 4)
})

t.test('neither webhooks nor the courier read the whole outbox, also before the server knows how large it has grown', async t => {
  const databaseUrl = await postgres.schema()
  const store = await openPostgresStore({ databaseUrl, waitMs: 0, now: () => 1000 })
  const client = await connect(t, databaseUrl)
  // Making the indexes of the empty table has counted.
  const counted = async () => (await client.query<{ scans: string, inserted: string }>('SELECT seq_scan AS scans, n_tup_ins AS inserted FROM pg_stat_user_tables WHERE relid = \'outbox\'::regclass')).rows[0]
  const before = await eventually(counted, counts => Number(counts?.scans) > 0)
  const { epoch } = await store.leases.acquire(PORTAL, 'one') as Lease
  const call = { portal: PORTAL, epoch, now: 1_000_000 }
  for (let round = 0; round < 10; round++) {
    await store.outbox.accept(Array.from({ length: 100 }, (_, index) => incoming({ message: `m${round}-${index}` })))
    await store.outbox.lanes(PORTAL)
    await store.outbox.claim({ ...call, callId: `call-${round}`, lane: { connector: 'relay_demo', line: 1, channel: 'default' }, limit: 50, bucket: { level: 0, at: 0 } })
    await store.outbox.giveBack({ ...call, callId: `call-${round}` })
  }
  // A connection tells what it has counted at its end at the latest.
  await store.close()
  const after = await eventually(counted, counts => Number(counts?.inserted) >= 1000)
  t.equal(after?.scans, before?.scans)
})

t.test('a job that fails fails alone, and the others of its batch are kept', async t => {
  const store = await open(t, await postgres.schema())
  const good = store.outbox.accept([incoming({ message: 'good' })])
  const bad = store.outbox.accept([incoming({ message: 'bad', now: Number.MAX_VALUE })])
  const edit = incoming({ message: 'broken' })
  const broken = store.outbox.accept([{ ...edit, edit: { ...edit.edit, user: null as never } }])
  await t.rejects(bad, { message: /^the store failed: SQLSTATE 22/ })
  await t.rejects(broken, { name: 'TypeError' }, 'a fault of ours is no fault of the database')
  t.match(await good, [{ outcome: 'accepted' }])
  t.match(await store.outbox.ledger(), { accepted: 1, pending: 1 })
})

t.test('text that PostgreSQL cannot hold is kept all the same', async t => {
  const store = await open(t, await postgres.schema())
  const text = 'zero \0, half of a pair \ud800, quote " \' \\ {},'
  await store.outbox.accept([incoming({ message: 'odd \0 id', text })])
  const [claimed] = await store.outbox.claim({ portal: PORTAL, epoch: 0, lane: { connector: 'relay_demo', line: 1, channel: 'default' }, callId: 'call', now: 2000, limit: 1, bucket: { level: 1, at: 0 } })
  t.match(claimed?.edit.message, { id: 'odd \0 id', text })
})

t.test('edits beyond what may wait for the database are turned away', async t => {
  const store = await open(t, await postgres.schema())
  const asked = Array.from({ length: 20_001 }, (_, index) => store.outbox.accept([incoming({ message: 'same', at: index + 1, text: `${index}` })]))
  const results = await Promise.allSettled(asked)
  t.equal(results.filter(result => result.status === 'fulfilled').length, 20_000)
  t.match(results.at(-1), { status: 'rejected', reason: { name: 'StoreUnavailable' } })
})

t.test('a lease that ran out is taken over, and its former holder is found out', async t => {
  const databaseUrl = await postgres.schema()
  const [a, b] = [await open(t, databaseUrl, 0), await open(t, databaseUrl)]
  const first = await a.leases.acquire(PORTAL, 'a') as Lease
  t.equal(await a.leases.renew(PORTAL, first.epoch), true, 'nobody has taken it yet')
  const second = await b.leases.acquire(PORTAL, 'b')
  t.match(second, { isOrphaned: true })
  t.ok((second as Lease).epoch > first.epoch)
  t.equal(await a.leases.renew(PORTAL, first.epoch), false)
  t.equal(await a.leases.acquire(PORTAL, 'a'), null)
})

t.test('that a former holder may still be at work is known beyond a hand-over, until it must have ended', async t => {
  const databaseUrl = await postgres.schema()
  let now = 0
  const [paused, ...others] = [await open(t, databaseUrl, 0), ...await Promise.all([1, 2].map(() => open(t, databaseUrl, 60_000, () => now)))]
  const [b, c] = others as [Store, Store]
  await paused.leases.acquire(PORTAL, 'paused')
  const first = await b.leases.acquire(PORTAL, 'b') as Lease
  now = ORPHANED_MS - 1
  await b.leases.release(PORTAL, first.epoch)
  const second = await c.leases.acquire(PORTAL, 'c') as Lease
  t.match([first, second], [{ isOrphaned: true }, { isOrphaned: true }])
  t.equal(await b.leases.acquire(PORTAL, 'b'), null)
  now += ORPHANED_MS
  await c.leases.release(PORTAL, second.epoch)
  t.equal(await c.leases.renew(PORTAL, second.epoch), false, 'what was released is over')
  t.match(await b.leases.acquire(PORTAL, 'b'), { isOrphaned: false })
})

t.test('a claim and a taking over do not pass each other', async t => {
  const databaseUrl = await postgres.schema()
  const [a, b] = [await open(t, databaseUrl), await open(t, databaseUrl)]
  await a.outbox.accept(Array.from({ length: 20 }, (_, index) => incoming({ message: `m${index}` })))
  let { epoch } = await a.leases.acquire(PORTAL, 'a') as Lease
  const claimed = new Map<string, string>()
  for (let round = 0; round < 10; round++) {
    const mine = { portal: PORTAL, epoch, lane: { connector: 'relay_demo', line: 1, channel: 'default' }, now: 2000, limit: 2, bucket: { level: 1, at: 0 } }
    const claims = ['x', 'y'].map(name => a.outbox.claim({ ...mine, callId: `${name}${round}` }))
    await a.leases.release(PORTAL, epoch)
    const next = await b.leases.acquire(PORTAL, 'b') as Lease
    await b.outbox.recover({ portal: PORTAL, epoch: next.epoch, now: 2000, quarantineUntil: 72_000, latestDueAt: 900_000 })
    for (const edits of await Promise.all(claims)) for (const { id } of edits) claimed.set(id, `${round}`)
    t.equal((await connectAndCount(t, databaseUrl)), 0, 'no call of the former holder is open')
    epoch = next.epoch
    await b.leases.release(PORTAL, epoch)
    epoch = (await a.leases.acquire(PORTAL, 'a') as Lease).epoch
  }
})

async function connectAndCount (t: Test, databaseUrl: string): Promise<number> {
  const client = await connect(t, databaseUrl)
  return Number((await client.query('SELECT count(*) FROM outbox WHERE call_id IS NOT NULL')).rows[0].count)
}

t.test('a signal reaches the other replicas, also after their connections were ended', async t => {
  const databaseUrl = await postgres.schema()
  const [a, b] = [await open(t, databaseUrl), await open(t, databaseUrl)]
  const heard: Signal[] = []
  b.signals.listen(PORTAL, signal => heard.push(signal))
  await b.leases.acquire(PORTAL, 'b')
  await eventually(async () => {
    a.signals.send(PORTAL, 'edits')
    a.signals.send('other.bitrix24.ru', 'lease')
    return heard
  }, signals => signals.includes('edits'))
  t.notOk(heard.includes('lease'))
  await endBackends()
  heard.length = 0
  await b.leases.renew(PORTAL, 1).catch(() => {})
  await eventually(async () => {
    await b.leases.renew(PORTAL, 1).catch(() => {})
    a.signals.send(PORTAL, 'portal')
    return heard
  }, signals => signals.includes('portal'))
})

t.test('a connection that cannot be prepared is let go', async t => {
  const databaseUrl = await postgres.schema()
  const pids: number[] = []
  const address = serverOf(databaseUrl)
  const link = createLink({
    name: address.name,
    connect: async () => await connectAsRelay(address),
    onConnected: async client => {
      pids.push((await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows[0]?.pid as number)
      await client.query('LISTEN nowhere; SELECT 1 / 0')
    },
  })
  for (let tries = 0; tries < 3; tries++) await t.rejects(link.run(async () => {}), { message: /22012/ })
  t.equal(pids.length, 3)
  const client = await connect(t, databaseUrl)
  const alive = async () => (await client.query('SELECT 1 FROM pg_stat_activity WHERE pid = ANY($1)', [pids])).rowCount
  t.equal(await eventually(alive, count => count === 0), 0)
  await link.close()
})

t.test('connections that the server ends are made again, and nothing that was acknowledged is gone', async t => {
  const databaseUrl = await postgres.schema()
  const store = await open(t, databaseUrl)
  const acknowledged: number[] = []
  const over = new AbortController()
  const writing = (async () => {
    for (let at = 1; !over.signal.aborted; at++) {
      const done = await store.outbox.accept([incoming({ at, text: `text ${at}` })]).then(() => true, (error: Error) => { t.equal(error.name, 'StoreUnavailable'); return false })
      if (done) acknowledged.push(at)
    }
  })()
  for (let round = 0; round < 3; round++) {
    const before = acknowledged.length
    await eventually(async () => acknowledged.length, length => length > before + 5)
    await endBackends()
  }
  const before = acknowledged.length
  await eventually(async () => acknowledged.length, length => length > before + 5)
  over.abort()
  await writing
  const row = await store.outbox.find(incoming().id)
  t.ok((row?.revision.at ?? 0) >= (acknowledged.at(-1) ?? Infinity))
  const { accepted, superseded, pending } = await store.outbox.ledger()
  t.equal(accepted, superseded + pending)
  t.equal((await store.outbox.backlog(PORTAL)).pending, pending)
})

/** Ends every connection of a relay, as a restart of the server does. */
async function endBackends (): Promise<void> {
  await postgres.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = \'imconnector-relay\'')
}

t.test('while the server cannot be reached verbs fail by name and without the password, and go on when it is back', async t => {
  const wire = await startWire(t, await postgres.schema())
  const store = await open(t, wire.url.replace('postgres@', 'postgres:hidden@'))
  await store.outbox.accept([incoming({ at: 1, text: 'one' })])
  wire.cut()
  const failures = [store.outbox.accept([incoming({ at: 2, text: 'two' })]), store.probe(), store.outbox.ledger(), store.leases.renew(PORTAL, 1)]
  for (const error of await Promise.all(failures.map(failure => failure.then(() => null, (error: Error) => error)))) {
    t.match(error, { name: 'StoreUnavailable', message: /^PostgreSQL at 127\.0\.0\.1:\d+\/postgres cannot be used: / })
    t.notMatch(`${error?.message} ${error?.stack}`, 'hidden')
  }
  wire.mend()
  await eventually(async () => await store.outbox.accept([incoming({ at: 3, text: 'three' })]).then(results => results[0]?.outcome, () => null), outcome => outcome !== null)
  t.match(await store.outbox.find(incoming().id), { revision: { at: 3 } })
})

/** Lets the server commit what `work` begins, and cuts the wire before anybody is told. */
async function commitUntold (t: Test, wire: Wire, work: () => unknown): Promise<void> {
  const sent = wire.loseAnswerTo('COMMIT')
  const working = work()
  await sent
  const open = async () => (await postgres.query('SELECT FROM pg_stat_activity WHERE application_name = \'imconnector-relay\' AND xact_start IS NOT NULL')).rowCount
  t.equal(await eventually(open, count => count === 0), 0)
  wire.cut()
  await working
  wire.mend()
}

t.test('a verb whose commit was told to nobody may be repeated, and counts once', async t => {
  const wire = await startWire(t, await postgres.schema())
  const store = await open(t, wire.url)
  const ended = {
    portal: PORTAL, epoch: 0, callId: 'call', now: 3000, attempt: { at: 2000, durationMs: 1, code: 'ok', words: null }, outcomes: [{ id: incoming().id, version: 1, result: 'delivered' as const, flags: [] }],
  }
  await commitUntold(t, wire, () => t.rejects(store.outbox.accept([incoming()]), { name: 'StoreUnavailable' }))
  t.match(await store.outbox.accept([incoming()]), [{ outcome: 'duplicate' }])
  await store.outbox.claim({ portal: PORTAL, epoch: 0, lane: LANE, callId: 'call', now: 2000, limit: 1, bucket: { level: 1, at: 0 } })
  await commitUntold(t, wire, () => t.rejects(store.outbox.record(ended), { name: 'StoreUnavailable' }))
  await store.outbox.record(ended)
  t.match(await store.outbox.ledger(), { accepted: 1, superseded: 0, delivered: 1, dead: 0, pending: 0 })
  t.equal((await store.outbox.attempts(incoming().id)).length, 1)
})

t.test('what a claim took whose commit was told to nobody is given to nobody else until it is given back', async t => {
  const wire = await startWire(t, await postgres.schema())
  const store = await open(t, wire.url)
  await store.outbox.accept([incoming()])
  const claim = { portal: PORTAL, epoch: 0, lane: LANE, now: 2000, limit: 1, bucket: { level: 1, at: 0 } }
  await commitUntold(t, wire, () => t.rejects(store.outbox.claim({ ...claim, callId: 'lost' }), { name: 'StoreUnavailable' }))
  t.strictSame(await store.outbox.claim({ ...claim, callId: 'second' }), [])
  t.equal(await store.outbox.giveBack({ portal: PORTAL, epoch: 0, callId: 'lost', now: 2000 }), 1)
  t.equal((await store.outbox.claim({ ...claim, callId: 'third' })).length, 1)
})

t.test('where the holder ended with its claim, the next one repeats what may be in the portal, and sends nothing newer before the quarantine is over', async t => {
  const databaseUrl = await postgres.schema()
  const wire = await startWire(t, databaseUrl)
  const [holder, next] = [await open(t, wire.url, 0), await open(t, databaseUrl)]
  for (const message of ['m1', 'm2']) await holder.outbox.accept([incoming({ message, text: 'one' })])
  const { epoch: former } = await holder.leases.acquire(PORTAL, 'holder') as Lease
  const claim = { portal: PORTAL, lane: LANE, limit: 2, bucket: { level: 1, at: 0 } }
  await commitUntold(t, wire, () => t.rejects(holder.outbox.claim({ ...claim, epoch: former, callId: 'lost', now: 2000 }), { name: 'StoreUnavailable' }))
  await next.outbox.accept([incoming({ message: 'm2', at: 2, text: 'two' })])
  const { epoch } = await next.leases.acquire(PORTAL, 'next') as Lease
  t.equal(await next.outbox.recover({ portal: PORTAL, epoch, now: 3000, quarantineUntil: 73_000, latestDueAt: 900_000 }), 2)
  t.match(await next.outbox.claim({ ...claim, epoch, callId: 'at once', now: 72_999 }), { 0: { edit: { message: { id: 'm1', text: 'one' } } }, length: 1 })
  t.match(await next.outbox.claim({ ...claim, epoch, callId: 'later', now: 73_000 }), { 0: { edit: { message: { id: 'm2', text: 'two' } } }, length: 1 })
  t.equal(await holder.outbox.giveBack({ portal: PORTAL, epoch: former, callId: 'lost', now: 73_000 }), 0, 'the former holder changes nothing any more')
  t.match(await next.outbox.ledger(), { accepted: 3, superseded: 1, pending: 2 })
})

t.test('a courier that is not told of its claim sends it all the same, once', async t => {
  const wire = await startWire(t, await postgres.schema())
  const { portal, store, courier, take, state } = await startHarness(t, { databaseUrl: wire.url })
  await (await portal.connector()).send([original('m1')])
  await take({ message: 'm1', text: 'edited', at: 1 })
  await commitUntold(t, wire, () => courier.start())
  t.equal(await eventually(async () => await portal.text('m1'), text => text === 'edited'), 'edited')
  t.match(await eventually(async () => await state('m1'), row => row?.state === 'delivered'), { state: 'delivered', attempts: 1 })
  t.equal((await portal.calls()).length, 1)
  t.match(await store.outbox.ledger(), { accepted: 1, delivered: 1, pending: 0 })
})

t.test('of several hosts the one that answers is used', async t => {
  const databaseUrl = await postgres.schema()
  const { host } = new URL(databaseUrl)
  const store = await open(t, databaseUrl.replace(host, `127.0.0.1:1,${host}`).replace('?', '?target_session_attrs=read-write&'))
  await store.probe()
  t.match(await Promise.all([1, 2, 3].map(() => store.outbox.ledger())), Array.from({ length: 3 }, () => ({ accepted: 0 })), 'for reads as well')
})

t.test('a server that takes no writes is not used, and one that comes up is waited for', async t => {
  const databaseUrl = await postgres.schema()
  const readOnly = databaseUrl.replace('search_path', 'default_transaction_read_only%3Don%20-c%20search_path')
  await t.rejects(open(t, readOnly), { name: 'StoreUnavailable', message: /no host takes writes/ })
  const wire = await startWire(t, databaseUrl)
  wire.cut()
  const waiting = openStore({ databaseUrl: wire.url, encryptionKey: null, now: () => 1000 })
  await sleep(0)
  wire.mend()
  const store = await waiting
  t.teardown(() => store.close())
  await store.probe()
})

function schemaOf (url: URL): string {
  return /test_\w+/.exec(decodeURIComponent(url.search))?.[0] ?? ''
}

t.test('a user who may not make tables is told so', async t => {
  await postgres.query('DROP ROLE IF EXISTS relay_bare; CREATE ROLE relay_bare LOGIN')
  const url = new URL(await postgres.schema())
  await postgres.query(`GRANT USAGE ON SCHEMA ${schemaOf(url)} TO relay_bare`)
  url.username = 'relay_bare'
  await t.rejects(open(t, url.href), { message: /refuses: permission denied for schema test_\w+ \(42501\)/ })
})

/** Notes for each statement that changes a table under which setting of `synchronous_commit` its connection commits, and whose setting that is. */
const WITNESS = `CREATE TABLE witness (pid integer, setting text, source text);
  CREATE FUNCTION witness() RETURNS trigger SECURITY DEFINER SET search_path FROM CURRENT LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO witness SELECT pg_backend_pid(), setting, source FROM pg_settings WHERE name = 'synchronous_commit'; RETURN NULL;
  END $$;`

t.test('each connection commits to disk, whatever the user, the database and the server have been set to, now or later', async t => {
  await postgres.query('DROP ROLE IF EXISTS relay_hasty; CREATE ROLE relay_hasty LOGIN; ALTER ROLE relay_hasty SET synchronous_commit = off')
  for (const user of ['relay_hasty', null]) {
    const databaseUrl = await postgres.schema()
    const url = new URL(databaseUrl)
    if (user !== null) {
      await postgres.query(`GRANT ALL ON SCHEMA ${schemaOf(url)} TO ${user}`)
      url.username = user
      t.equal((await (await connect(t, url.href)).query('SHOW synchronous_commit')).rows[0].synchronous_commit, 'off')
    }
    const store = await open(t, url.href)
    const client = await connect(t, databaseUrl)
    await client.query(WITNESS)
    for (const table of ['outbox', 'portals', 'profiles', 'heartbeat']) {
      await client.query(`CREATE TRIGGER witness AFTER INSERT OR UPDATE OR DELETE ON ${table} FOR EACH STATEMENT EXECUTE FUNCTION witness()`)
    }
    await store.outbox.accept([incoming()])
    await store.portals.write(PORTAL, { memberId: 'member' })
    await store.profiles.prune(0, 1)
    await store.leases.acquire(PORTAL, 'a')
    await store.probe()
    t.strictSame((await client.query('SELECT DISTINCT setting, source FROM witness')).rows, [{ setting: 'on', source: 'session' }])
    t.equal((await client.query('SELECT DISTINCT pid FROM witness')).rowCount, 3, 'of webhooks, the courier and the lease')
  }
})

t.test('a server that can lose commits in a crash is refused at once, unless that is allowed', { skip: process.env.TEST_POSTGRES_URL ? 'the server is given' : false }, async t => {
  const fast = await startPostgres(['fsync=off', 'full_page_writes=off'])
  t.teardown(() => fast.stop())
  const options = { databaseUrl: await fast.schema(), encryptionKey: null, now: () => 1000, lockWaitMs: 60_000 }
  await t.rejects(openStore(options), { message: /^PostgreSQL at \S+ has fsync and full_page_writes off, .* run "ALTER SYSTEM SET fsync = on", "ALTER SYSTEM SET full_page_writes = on" and "SELECT pg_reload_conf\(\)", or set POSTGRES_UNSAFE=true/ })
  await t.rejects(inspectStore(options), { message: /POSTGRES_UNSAFE=true/ })

  const store = await openStore({ ...options, mayBeUnsafe: true })
  t.match(await store.outbox.accept([incoming()]), [{ outcome: 'accepted' }])
  t.match(await inspectStore({ ...options, mayBeUnsafe: true }), { portal: store.portal })
  t.match(await store.outbox.ledger(), { accepted: 1 }, 'the connections of operators are allowed too')
  await store.close()
})

t.test('a stricter synchronous_commit than the relay asks for is left as it is', async t => {
  const url = (await postgres.schema()).replace('search_path', 'synchronous_commit%3Dremote_apply%20-c%20search_path')
  const client = await connectAsRelay(serverOf(url))
  t.teardown(() => client.end())
  t.equal((await client.query('SHOW synchronous_commit')).rows[0].synchronous_commit, 'remote_apply')
})

t.test('a server that does not commit to disk when it is told to is refused', async t => {
  const url = (await postgres.schema()).replace('search_path', 'synchronous_commit%3Dlocal%20-c%20search_path')
  const wire = await startWire(t, url, sent => Buffer.from(sent.toString('latin1').replace('SET synchronous_commit = on', 'SET synchronous_commit =off'), 'latin1'))
  await t.rejects(open(t, wire.url), { name: 'StoreUnavailable', message: 'PostgreSQL has synchronous_commit = off after it was set to on' })
})

t.test('the parts of the ledger of processes that ended are put together, and their sum stays', async t => {
  const databaseUrl = await postgres.schema()
  const first = await open(t, databaseUrl)
  await first.outbox.accept([incoming({ message: 'm1' })])
  const second = await open(t, databaseUrl)
  await second.outbox.accept([incoming({ message: 'm2' })])
  const client = await connect(t, databaseUrl)
  await client.query('UPDATE ledger SET written_at = now() - interval \'2 hours\'')
  await second.outbox.prune(0, 10)
  t.match((await client.query('SELECT replica, accepted FROM ledger')).rows, [{ replica: '', accepted: '2' }])
  await first.outbox.accept([incoming({ message: 'm3' })])
  t.match(await second.outbox.ledger(), { accepted: 3, pending: 3 })
})

t.test('relays that start together on an empty database agree on the portal', async t => {
  const databaseUrl = await postgres.schema()
  const stores = await Promise.all([1, 2, 3, 4].map(() => open(t, databaseUrl)))
  t.match(stores[0]?.portal, /^[\da-f-]{36}$/)
  t.equal(new Set(stores.map(({ portal }) => portal)).size, 1)
  t.equal((await open(t, databaseUrl)).portal, stores[0]?.portal)
})

t.test('the doctor reads the database beside a relay, and changes nothing in an empty one', async t => {
  const databaseUrl = await postgres.schema()
  t.equal(await inspectStore({ databaseUrl, encryptionKey: null, now: Date.now }), null)
  const store = await open(t, databaseUrl)
  await store.outbox.accept([incoming()])
  await store.portals.write(store.portal, { memberId: 'member' })
  await store.activity.add([3, 7].map(hour => ({ channel: 'default', outcome: 'webhooks', hour: hour * 3600_000, count: 1, lastAt: hour * 3600_000 + 5, detail: null })))
  t.match(await inspectStore({ databaseUrl, encryptionKey: null, now: Date.now }), {
    name: /^127\.0\.0\.1:\d+\/postgres$/, portal: store.portal, record: { memberId: 'member' }, pending: [], confirmations: [], activity: [{ channel: 'default', lastWebhookAt: 7 * 3600_000 + 5 }],
  })

  const { portal } = store
  const lane = { connector: 'relay_demo', line: 1, channel: 'default' }
  const { key } = incoming()
  const [{ id } = { id: '' }] = await store.outbox.accept([{ ...incoming({ text: 'edited' }), key: { ...key, portal } }])
  await store.outbox.claim({ portal, epoch: 0, lane, callId: 'call', now: 2000, limit: 1, bucket: { level: 0, at: 0 } })
  await store.outbox.record({ portal, epoch: 0, callId: 'call', outcomes: [{ id, version: 1, result: 'delivered', flags: [] }], attempt: null, now: 3000 })
  await store.portals.write(portal, { eventBinding: { publicUrl: 'https://relay.example.com', boundAt: 1000 }, lastEventAt: 3001 })
  t.match(await inspectStore({ databaseUrl, encryptionKey: null, now: () => 600_000 }), { confirmations: [{ ...lane, confirmed: 0, unconfirmed: 0, unknown: 1 }] })
  t.match(await inspectStore({ databaseUrl, encryptionKey: null, now: () => 700_000 }), { confirmations: [{ ...lane, confirmed: 0, unconfirmed: 1, unknown: 0 }] })
})
