import t, { type Test } from 'tap'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createInterface } from 'node:readline'
import { SCHEMA_VERSION } from '../../../src/store/sqlite/schema.ts'
import { openSqliteStore } from '../../../src/store/sqlite/sqlite.ts'
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

t.test('a message is known again after kill -9 while thousands of ids were being merged', async t => {
  const path = join(t.testdir(), 'relay.db')
  const { child, lines } = startWriter(path, 200)
  let acknowledged = 0
  // The merging begins with the 16,384th new message, and the commits of as many again go by until it ends.
  for await (const line of lines) {
    if (line.startsWith('m') && ++acknowledged === 18_000) child.kill('SIGKILL')
  }
  const db = new DatabaseSync(path, { readOnly: true })
  t.teardown(() => db.close())
  const { merged, mergedTo } = { ...db.prepare('SELECT (SELECT count(*) FROM ids) AS merged, merged_to AS mergedTo FROM ids_merge').get() } as { merged: number, mergedTo: number }
  t.equal(mergedTo, 0, 'it was under way')
  t.ok(merged > 0, `with ${merged} merged`)

  const { store } = await open(t, path)
  const again = await store.outbox.accept(Array.from({ length: acknowledged }, (_, number) => incoming({ message: `m${number}`, at: 1 })))
  t.strictSame(again.filter(({ outcome }) => outcome !== 'duplicate'), [])
  t.match(await store.outbox.find(incoming({ message: 'm0' }).id), { message: 'm0' })
  t.match(await store.outbox.find(incoming({ message: 'm17999' }).id), { message: 'm17999' })
})

t.test('a message whose row somebody has deleted by hand is a new one', async t => {
  const path = join(t.testdir(), 'relay.db')
  const db = new DatabaseSync(path)
  const first = await openSqliteStore({ path, lockWaitMs: 0, now: () => 1000 })
  await first.outbox.accept([incoming({ message: 'kept' }), incoming({ message: 'gone' })])
  await first.close()
  db.exec('INSERT INTO ids SELECT id, seq FROM outbox; UPDATE ids_merge SET merged_to = 2; DELETE FROM outbox WHERE message = \'gone\'')
  db.close()
  const { store } = await open(t, path)
  t.match(await store.outbox.accept([incoming({ message: 'kept' }), incoming({ message: 'gone' })]), [{ outcome: 'duplicate' }, { outcome: 'accepted' }])
  t.match(await store.outbox.accept([incoming({ message: 'gone' })]), [{ outcome: 'duplicate' }])
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
  const broken = incoming({ message: 'bad', at: Number.MAX_VALUE })
  const bad = store.outbox.accept([broken])
  await t.rejects(bad, { name: 'StoreUnavailable' })
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

t.test('what cannot be told to the writer ends the store, and whoever waits is told', async t => {
  const lost: Error[] = []
  const store = await openSqliteStore({ path: join(t.testdir(), 'relay.db'), lockWaitMs: 0, now: () => 1000, onLost: error => { lost.push(error) } })
  const good = store.outbox.accept([incoming({ message: 'good' })])
  const untold = store.outbox.redeliver([(() => {}) as unknown as string], 1)
  await t.rejects(good, { name: 'StoreUnavailable' })
  await t.rejects(untold, { name: 'StoreUnavailable' })
  t.match(lost, [{ message: 'the writer of the database has stopped' }])
  await t.rejects(store.outbox.accept([incoming()]), { name: 'StoreUnavailable' })
  await store.close()
})

t.test('edits beyond what may wait for the disk are turned away', async t => {
  const { store } = await open(t)
  const asked = Array.from({ length: 20_001 }, (_, index) => store.outbox.accept([incoming({ message: 'same', at: index + 1, text: `${index}` })]))
  const results = await Promise.allSettled(asked)
  t.equal(results.filter(result => result.status === 'fulfilled').length, 20_000)
  t.match(results.at(-1), { status: 'rejected', reason: { name: 'StoreUnavailable' } })
})

t.test('a file of a newer schema is refused and left as it is', async t => {
  const path = join(t.testdir(), 'relay.db')
  const newer = new DatabaseSync(path)
  newer.exec(`PRAGMA user_version = ${SCHEMA_VERSION + 1}`)
  newer.close()
  await t.rejects(openSqliteStore({ path, lockWaitMs: 0, now: () => 1 }), { message: /written by a newer release/ })
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
