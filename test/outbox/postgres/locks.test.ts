import t, { type Test } from 'tap'
import { randomUUID } from 'node:crypto'
import type { CallOutcome } from '../../../src/outbox/outbox.ts'
import type { Store } from '../../../src/outbox/store.ts'
import { profileId } from '../../../src/edit/edit.ts'
import { startPostgres } from '../../postgres.ts'
import { eventually } from '../../portal.ts'
import { incoming, PORTAL } from '../edits.ts'
import { connect, LANE, open } from './helper.ts'

const postgres = await startPostgres()
t.teardown(() => postgres.stop())

const idOf = (message: string): string => incoming({ message }).id

/** In the order of their ids, in which rows are locked. */
const MESSAGES = Array.from({ length: 9 }, (_, index) => `m${index}`).sort((a, b) => idOf(a) < idOf(b) ? -1 : 1)
const BACKWARDS = MESSAGES.toReversed()
const [first, middle, last] = [0, 4, 8].map(index => idOf(MESSAGES[index] as string)) as [string, string, string]

const edits = (messages: readonly string[], at: number) => messages.map(message => incoming({ message, at, text: `text ${at}` }))
const call = { portal: PORTAL, epoch: 0, callId: 'call', now: 50_000 }
const answer = { ...call, attempt: { at: 1, durationMs: 1, code: 'ok', words: null } }
const history = { attempts: 1, chunkLimit: 50, suspicions: 0, suspectedAt: null, unknownUserRepeats: 0, flags: [] }

/** A database of its own schema whose connections can be told from others. */
async function address (): Promise<{ readonly databaseUrl: string, readonly name: string }> {
  const name = randomUUID()
  return { databaseUrl: `${await postgres.schema()}&application_name=${name}`, name }
}

async function untilWaiting (name: string, count: number): Promise<void> {
  const waiting = async () => (await postgres.query(`SELECT FROM pg_stat_activity WHERE application_name = '${name}' AND wait_event_type = 'Lock'`)).rowCount
  await eventually(waiting, found => found === count)
}

/** Deadlocks in the database since it was made. */
async function deadlocks (): Promise<number> {
  return Number((await postgres.query('SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()')).rows[0].deadlocks)
}

/** Ends stores and waits for their connections to be gone, each of which tells of its deadlocks at its end at the latest. */
async function end (name: string, ...stores: readonly Store[]): Promise<void> {
  await Promise.all(stores.map(store => store.close()))
  await eventually(async () => (await postgres.query(`SELECT FROM pg_stat_activity WHERE application_name = '${name}'`)).rowCount, count => count === 0)
}

interface Contest {
  readonly prepare?: (store: Store) => Promise<unknown>
  /** SQL that keeps the middle one of what both need. */
  readonly hold: string
  readonly one: (store: Store) => Promise<unknown>
  readonly other: (store: Store) => Promise<unknown>
}

/**
 * Lets two replicas come to what a third one holds, each with all that it takes before it. When that is let go, they meet: unless they took it
 * in the same order, they wait for each other.
 */
async function meet (t: Test, { prepare = async () => {}, hold, one, other }: Contest): Promise<number> {
  const before = await deadlocks()
  const { databaseUrl, name } = await address()
  const stores = [await open(t, databaseUrl), await open(t, databaseUrl)] as const
  await prepare(stores[0])
  const holder = await connect(t, databaseUrl.replace(name, 'holder'))
  await holder.query(`BEGIN; ${hold}`)
  const both = [one(stores[0])]
  await untilWaiting(name, 1)
  both.push(other(stores[1]))
  await untilWaiting(name, 2)
  await holder.query('ROLLBACK')
  await Promise.all(both)
  await end(name, ...stores)
  return await deadlocks() - before
}

/** Rows that lie, and are due, in the opposite order of their ids. */
async function fill (store: Store): Promise<void> {
  for (const [index, message] of BACKWARDS.entries()) await store.outbox.accept([{ ...incoming({ message, at: 1 }), now: 1000 + index }])
}

async function take (store: Store): Promise<void> {
  for (let taken = 0; taken < MESSAGES.length; taken++) await store.outbox.claim({ ...call, lane: LANE, limit: 1, bucket: { level: 1, at: 0 } })
}

async function conclude (store: Store, outcome: (message: string) => CallOutcome): Promise<void> {
  await take(store)
  for (const message of BACKWARDS) await store.outbox.record({ ...answer, outcomes: [outcome(message)] })
}

const delivered = (message: string): CallOutcome => ({ id: idOf(message), version: 1, result: 'delivered', flags: [] })
const unknown = (message: string): CallOutcome => ({ id: idOf(message), version: 1, result: 'retry', dueAt: 65_000, history, quarantineUntil: 130_000 })
const recover = (store: Store, now: number) => store.outbox.recover({ portal: PORTAL, epoch: 0, now, quarantineUntil: now + 70_000, latestDueAt: now + 900 })

const verbs: ReadonlyArray<{ readonly name: string, readonly prepare?: (store: Store) => Promise<void>, readonly run: (store: Store) => Promise<unknown> }> = [
  { name: 'accept', run: store => store.outbox.accept(edits(BACKWARDS, 3)) },
  { name: 'claim', run: store => store.outbox.claim({ ...call, lane: LANE, limit: 50, bucket: { level: 1, at: 0 } }) },
  { name: 'giveBack', prepare: take, run: store => store.outbox.giveBack(call) },
  { name: 'settle', prepare: take, run: store => store.outbox.record({ ...answer, outcomes: BACKWARDS.map(delivered) }) },
  { name: 'redeliver', prepare: store => conclude(store, delivered), run: store => store.outbox.redeliver(BACKWARDS.map(idOf), 70_000) },
  { name: 'recover, open calls', prepare: take, run: store => recover(store, 70_000) },
  { name: 'recover, quarantines', prepare: store => conclude(store, unknown), run: store => recover(store, 70_000) },
  { name: 'recover, times far ahead', run: store => recover(store, 0) },
]

for (const { name, prepare = async () => {}, run } of verbs) {
  t.test(`rows are locked in the order of their ids, so that nobody and a batch of webhooks wait for each other: ${name}`, async t => {
    const found = await meet(t, {
      prepare: store => fill(store).then(() => prepare(store)),
      hold: `SELECT FROM outbox WHERE id = '${middle}' FOR UPDATE`,
      one: store => store.outbox.accept(edits(MESSAGES, 2)),
      other: run,
    })
    t.equal(found, 0)
  })
}

t.test('new lines and clients are locked in one order as well', async t => {
  const lines = Array.from({ length: 9 }, (_, line) => incoming({ message: `m${line}`, line }))
  t.equal(await meet(t, {
    hold: `INSERT INTO lanes (portal, connector, line, channel) VALUES ('${PORTAL}', 'relay_demo', 4, 'default')`,
    one: store => store.outbox.accept(lines),
    other: store => store.outbox.accept(lines.toReversed()),
  }), 0, 'lines')

  const idOfClient = (user: string): string => profileId(PORTAL, 'relay_demo', user)
  const users = Array.from({ length: 9 }, (_, index) => `u${index}`).sort((a, b) => idOfClient(a) < idOfClient(b) ? -1 : 1)
  const clients = (at: number) => users.map(id => ({ portal: PORTAL, connector: 'relay_demo', profile: { id, name: `Anna ${at}` }, revision: { at, tie: 0n }, now: 1000 }))
  t.equal(await meet(t, {
    prepare: store => store.profiles.remember(clients(1)),
    hold: `SELECT FROM profiles WHERE id = '${idOfClient(users[4] as string)}' FOR UPDATE`,
    one: store => store.profiles.remember(clients(2)),
    other: store => store.profiles.remember(clients(3).toReversed()),
  }), 0, 'clients')
})

t.test('counts of channels are locked in one order, and those of two replicas add up', async t => {
  const counts = Array.from({ length: 9 }, (_, index) => ({ channel: `c${index}`, outcome: 'webhooks' as const, hour: 0, count: index, lastAt: 1, detail: null }))
  let sum: readonly object[] = []
  t.equal(await meet(t, {
    prepare: store => store.activity.add(counts),
    hold: "SELECT FROM activity WHERE channel = 'c4' FOR UPDATE",
    one: store => store.activity.add(counts),
    other: async store => {
      await store.activity.add(counts.toReversed())
      sum = await store.activity.read(0, 0)
    },
  }), 0)
  t.match(sum.slice(0, 4), counts.slice(0, 4).map(({ channel, count }) => ({ channel, count: 3 * count })), 'the other one waits behind it from the first to the fifth')
})

t.test('a batch that the server ends for a deadlock all the same is committed again, once', async t => {
  const before = await deadlocks()
  const { databaseUrl, name } = await address()
  const store = await open(t, databaseUrl)
  await fill(store)
  const [holder, rival] = [await connect(t, databaseUrl.replace(name, 'holder')), await connect(t, databaseUrl.replace(name, `rival-${name}`))]
  await holder.query(`BEGIN; SELECT FROM outbox WHERE id = '${middle}' FOR UPDATE`)
  const accepted = store.outbox.accept(edits(MESSAGES, 2))
  await untilWaiting(name, 1)
  // The rival has more patience than the store, which therefore is the one that finds the circle and is ended.
  await rival.query(`SET deadlock_timeout = '1min'; BEGIN; SELECT FROM outbox WHERE id = '${last}' FOR UPDATE`)
  const through = rival.query(`SELECT FROM outbox WHERE id = '${first}' FOR UPDATE`)
  await untilWaiting(`rival-${name}`, 1)
  await holder.query('ROLLBACK')
  await through
  await rival.query('ROLLBACK')
  t.strictSame((await accepted).map(({ outcome }) => outcome), MESSAGES.map(() => 'accepted'))
  t.match(await store.outbox.ledger(), { accepted: 18, superseded: 9, pending: 9 })
  await end(name, store)
  // The repeat may overtake the rival, which was not awake yet, and meet it in one more circle.
  t.ok(await deadlocks() > before, 'they met')
})
