import t, { type Test } from 'tap'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { linkSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createInterface } from 'node:readline'
import { SCHEMA_VERSION } from '../../../src/outbox/sqlite/schema.ts'
import { inspectSqlite, openSqliteStore } from '../../../src/outbox/sqlite/sqlite.ts'
import { incoming, PORTAL } from '../edits.ts'

async function open (t: Test, path = join(t.testdir(), 'relay.db'), lockWaitMs = 0) {
  const store = await openSqliteStore({ path, lockWaitMs, now: () => 1000 })
  t.teardown(() => store.close())
  return { store, path }
}

function startWriter (path: string, together = 20) {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'writer.ts'), path, String(together)], { stdio: ['ignore', 'pipe', 'inherit'] })
  return { child, lines: createInterface({ input: child.stdout }) }
}

t.test('what was acknowledged before kill -9 is there afterwards', async t => {
  const path = join(t.testdir(), 'relay.db')
  const { child, lines } = startWriter(path)
  const acknowledged: string[] = []
  for await (const line of lines) {
    if (line.startsWith('m')) acknowledged.push(line)
    if (acknowledged.length === 200) child.kill('SIGKILL')
  }
  const { store } = await open(t, path)
  for (const message of acknowledged) t.match(await store.outbox.find(incoming({ message }).id), { state: 'pending', message })
  const { accepted, pending } = await store.outbox.ledger()
  t.ok(accepted >= acknowledged.length)
  t.equal(accepted, pending)
  t.equal((await store.outbox.backlog(PORTAL)).pending, pending)
})

t.test('the database itself keeps one row per message', async t => {
  const { path, store } = await open(t)
  await store.outbox.accept([incoming()])
  const other = new DatabaseSync(path)
  t.teardown(() => other.close())
  t.throws(() => other.exec('INSERT INTO outbox SELECT seq + 1, id, lane, channel, chat, message, version, state, reason, refused_reason, due_at, ask_at, waiting_since, finished_at, call_id, call_version, quarantine_version, quarantine_until, called_at, confirmed_at, rest FROM outbox'), { message: 'UNIQUE constraint failed: outbox.id' })
})

t.test('a second process on the same file is refused, and gets it when the first has ended, however it ended', async t => {
  const path = join(t.testdir(), 'relay.db')
  const { child, lines } = startWriter(path)
  await once(lines, 'line')
  await t.rejects(openSqliteStore({ path, lockWaitMs: 0, now: () => 1 }), { message: /another process uses the database .*relay\.db: stop it, or give this one its own DATABASE_URL/ })
  const second = open(t, path, 20_000)
  child.kill('SIGKILL')
  const { store } = await second
  await store.probe()
})

t.test('another name of the file lets no second process in', async t => {
  const { path } = await open(t)
  const folder = t.testdirName
  symlinkSync(path, join(folder, 'link.db'))
  symlinkSync(folder, join(folder, 'folder'))
  for (const other of [join(folder, 'link.db'), join(folder, 'folder', 'relay.db'), join(folder, 'folder', '..', 'link.db')]) {
    await t.rejects(openSqliteStore({ path: other, lockWaitMs: 0, now: () => 1 }), { message: /another process uses the database .*relay\.db/ }, other)
  }
  linkSync(path, join(folder, 'hard.db'))
  await t.rejects(openSqliteStore({ path: join(folder, 'hard.db'), lockWaitMs: 0, now: () => 1 }), { message: /has a second name \(a hard link\)/ })
})

t.test('two stores of one process do not share a file either', async t => {
  const { path } = await open(t)
  await t.rejects(openSqliteStore({ path, lockWaitMs: 150, now: () => 1 }), { message: /another process uses the database/ })
})

t.test('the file is written by write-ahead log, and only its owner can read it', async t => {
  const { path, store } = await open(t)
  await store.outbox.accept([incoming()])
  t.equal(statSync(path).mode & 0o777, 0o600)
  const reader = new DatabaseSync(path, { readOnly: true })
  t.teardown(() => reader.close())
  t.match(reader.prepare('PRAGMA journal_mode').get(), { journal_mode: 'wal' })
  t.match(reader.prepare('PRAGMA user_version').get(), { user_version: SCHEMA_VERSION })
  t.match(reader.prepare('SELECT count(*) AS rows FROM outbox').get(), { rows: 1 }, 'a reader beside the relay sees what is committed')
})

t.test('a job that fails fails alone, and the others of its batch are kept', async t => {
  const { store } = await open(t)
  const good = store.outbox.accept([incoming({ message: 'good' })])
  const bad = store.outbox.accept([incoming({ message: 'bad', now: Number.MAX_VALUE })])
  const untold = store.outbox.redeliver([(() => {}) as unknown as string], 1)
  await t.rejects(bad, { message: /^the store failed: / })
  await t.rejects(untold, { message: /could not be cloned/ })
  t.match(await good, [{ outcome: 'accepted' }])
  t.match(await store.outbox.ledger(), { accepted: 1, pending: 1 })
  t.match(await store.profiles.find(PORTAL, 'relay_demo', 'u1'), { name: 'Anna' }, 'with its client')
  t.match(await store.outbox.lanes(PORTAL), [{ connector: 'relay_demo', line: 1 }], 'and its line')
})

t.test('edits that come while the disk is busy share the next commit', async t => {
  const path = join(t.testdir(), 'relay.db')
  const commits: number[] = []
  const store = await openSqliteStore({ path, lockWaitMs: 0, now: () => 1000, observeCommit: ({ jobs }) => { commits.push(jobs) } })
  t.teardown(() => store.close())
  const other = new DatabaseSync(path)
  other.exec('BEGIN IMMEDIATE')
  const accepted: Array<Promise<unknown>> = []
  for (let number = 0; number < 100; number++) {
    accepted.push(store.outbox.accept([incoming({ message: `m${number}` })]))
    // Each in a turn of its own, as requests come.
    await new Promise(resolve => setImmediate(resolve))
  }
  other.exec('ROLLBACK')
  other.close()
  await Promise.all(accepted)
  t.equal(commits.reduce((sum, jobs) => sum + jobs), 100)
  t.ok(commits.length <= 2, `the first that came, and then all others: ${commits}`)
})

t.test('counts of channels share no transaction with webhooks', async t => {
  const path = join(t.testdir(), 'relay.db')
  const commits: number[] = []
  const store = await openSqliteStore({ path, lockWaitMs: 0, now: () => 1000, observeCommit: ({ jobs }) => { commits.push(jobs) } })
  t.teardown(() => store.close())
  const count = { channel: 'default', outcome: 'webhooks' as const, hour: 0, count: 1, lastAt: 5, detail: null }
  await Promise.all([store.activity.add([count]), store.outbox.accept([incoming()]), store.activity.prune(0, 1)])
  t.strictSame(commits, [1])
  t.match(inspectSqlite(path, 0), { activity: [{ channel: 'default', lastWebhookAt: 5 }] })
})

t.test('edits beyond what may wait for the disk are turned away', async t => {
  const { store } = await open(t)
  const asked = Array.from({ length: 20_001 }, (_, index) => store.outbox.accept([incoming({ message: 'same', at: index + 1, text: `${index}` })]))
  const results = await Promise.allSettled(asked)
  t.equal(results.filter(result => result.status === 'fulfilled').length, 20_000)
  t.match(results.at(-1), { status: 'rejected', reason: { name: 'StoreUnavailable' } })
})

t.test('a file of another schema is refused and left as it is', async t => {
  const path = join(t.testdir(), 'relay.db')
  const newer = new DatabaseSync(path)
  newer.exec(`PRAGMA user_version = ${SCHEMA_VERSION + 1}`)
  newer.close()
  await t.rejects(openSqliteStore({ path, lockWaitMs: 0, now: () => 1 }), { message: /has schema 2 and this program knows 1: another release wrote it; start that release/ })
})

t.test('a file that is no database is refused and left as it is', async t => {
  const path = join(t.testdir(), 'relay.db')
  writeFileSync(path, 'not a database, but somebody\'s data'.repeat(100))
  const { size } = statSync(path)
  await t.rejects(openSqliteStore({ path, lockWaitMs: 0, now: () => 1 }), { message: /relay\.db is not a database that can be read/ })
  t.equal(statSync(path).size, size)
})

t.test('a folder that cannot be made names the remedy', async t => {
  const folder = t.testdir({ file: 'in the way' })
  await t.rejects(openSqliteStore({ path: join(folder, 'file', 'relay.db'), lockWaitMs: 0, now: () => 1 }), { message: /cannot be written by uid \d+: run `chown -R .* or set `fsGroup/ })
})
