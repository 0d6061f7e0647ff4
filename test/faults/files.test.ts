import t from 'tap'
import { hash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { openArena } from '../../chaos/arena.ts'
import { createSenders } from '../../chaos/load.ts'
import { drain } from '../../chaos/verdict.ts'
import { sandboxEnv, startRelayProcess } from '../../demo/processes.ts'
import { messageRowId } from '../../src/edit.ts'
import { generateSecret } from '../../src/signatures/standard-webhooks.ts'
import { migrations, SCHEMA_VERSION } from '../../src/store/sqlite/schema.ts'
import { openStore } from '../../src/store/open.ts'

const PORTAL = 'example.bitrix24.ru'
const PAGE = 4096

/** A database as a program of an earlier schema left it, with one edit that waits and one of another channel that was delivered. */
function writeSchema (path: string, version: number): void {
  const db = new DatabaseSync(path)
  db.exec(`PRAGMA journal_mode = WAL; ${migrations.slice(0, version).join(';')}; PRAGMA user_version = ${version}`)
  const hasChannels = version >= 3
  db.exec(hasChannels
    ? `INSERT INTO lanes (id, portal, connector, line, channel) VALUES (5, '${PORTAL}', 'relay_demo', 1, 'default'), (6, '${PORTAL}', 'relay_demo', 1, 'tg')`
    : `INSERT INTO lanes (id, portal, connector, line) VALUES (5, '${PORTAL}', 'relay_demo', 1)`)
  db.exec('UPDATE ledger SET accepted = 3, superseded = 1, delivered = 1')
  db.exec(`INSERT INTO portals (portal, access_token, refresh_token, bucket_level, bucket_at) VALUES ('${PORTAL}', 'access', 'refresh', 3, 1000)`)
  const insert = db.prepare(`INSERT INTO outbox (id, lane, channel, chat, message, at, tie, seen, content, version, state, accepted_at, settled_at, due_at, attempts, chunk_limit, suspicions, unknown_user_repeats, flags)
    VALUES (?, ?, ?, 'c1', ?, 7, 0, ?, ?, 2, ?, 1000, ?, ?, 0, 50, 0, 0, '')`)
  for (const [message, state] of [['waits', 'pending'], ['done', 'delivered']] as const) {
    const content = JSON.stringify({ user: { id: 'u1', name: 'Anna' }, message: { id: message, text: `${message} #7`, files: [] }, chat: { id: 'c1' } })
    insert.run(rowId(message), hasChannels && message === 'done' ? 6 : 5, message === 'waits' ? 'default' : 'tg', message, 'd'.repeat(22), content, state, state === 'delivered' ? 2000 : null, state === 'pending' ? 3000 : null)
  }
  db.close()
}

/** The numbers of the pages that a write-ahead log holds (https://www.sqlite.org/fileformat2.html#the_write_ahead_log). */
function pagesOf (log: Buffer): Set<number> {
  const frames = (log.length - 32) / (24 + PAGE)
  return new Set(Array.from({ length: frames }, (_, index) => log.readUInt32BE(32 + index * (24 + PAGE))))
}

function rowId (message: string): string {
  return messageRowId({ portal: PORTAL, connector: 'relay_demo', line: 1, chat: 'c1', message })
}

t.test('a migration that has landed stays as it is: existing files would never see another', async t => {
  const digests = migrations.map(sql => hash('sha256', sql, 'hex').slice(0, 16))
  t.strictSame(digests, ['9d0ce8a70ce79b2b', '96173c5bd3cf7eeb', 'eb894110c4c08a20', '759b19659e1009bd', '49481c809cc64c5b'], 'add a digest for each new one')
})

t.test('a relay starts on a database of the previous schema, and goes on with it', async t => {
  const path = join(t.testdir(), 'relay.db')
  writeSchema(path, SCHEMA_VERSION - 1)
  const relay = await startRelayProcess({ ...sandboxEnv('http://127.0.0.1:9'), WEBHOOK_SECRET: generateSecret(), DATABASE_URL: `file:${path}` })
  t.teardown(() => relay.stop())
  t.equal((await fetch(`${relay.url}/readyz`)).status, 200)
  t.equal(await relay.stop(), 0)
  const db = new DatabaseSync(path, { readOnly: true })
  t.teardown(() => db.close())
  t.match(db.prepare('PRAGMA user_version').get(), { user_version: SCHEMA_VERSION })
  t.match(db.prepare('SELECT message, state FROM outbox').all(), [{ message: 'waits', state: 'pending' }], 'what was delivered in 1970 is beyond retention')
})

for (let version = 1; version < SCHEMA_VERSION; version++) {
  t.test(`a database of schema ${version} is brought to this one with all that it holds`, async t => {
    const path = join(t.testdir(), 'relay.db')
    writeSchema(path, version)
    const store = await openStore({ databaseUrl: `file:${path}`, encryptionKey: null, now: () => 5000 })
    t.teardown(() => store.close())
    t.strictSame(await store.outbox.ledger(), { accepted: 3, superseded: 1, delivered: 1, dead: 0, pending: 1 })
    t.equal((await store.outbox.backlog(PORTAL)).pending, 1)
    t.match(await store.outbox.find(rowId('done')), { state: 'delivered', channel: 'tg', connector: 'relay_demo', line: 1, settledAt: 2000, revision: { at: 7, tie: 0n } })
    t.match(await store.portals.read(PORTAL), { tokens: { accessToken: 'access', refreshToken: 'refresh' }, bucket: { level: 3, at: 1000 } })

    const [claimed, ...others] = await store.outbox.claim({ portal: PORTAL, epoch: 0, lane: { connector: 'relay_demo', line: 1, channel: 'default' }, callId: 'call', now: 5000, limit: 50, bucket: { level: 1, at: 5000 } })
    t.strictSame(others, [])
    t.match(claimed, { id: rowId('waits'), version: 2, edit: { message: { id: 'waits', text: 'waits #7' }, user: { name: 'Anna' } } })
    await store.outbox.settle({ portal: PORTAL, epoch: 0, callId: 'call', settlements: [{ id: rowId('waits'), version: 2, result: 'delivered', flags: [] }], attempt: { at: 5000, durationMs: 1, code: 'ok', words: null }, now: 5000 })
    t.match(await store.outbox.find(rowId('waits')), { state: 'delivered' })
    t.match(await store.outbox.attempts(rowId('waits')), [{ code: 'ok' }], 'the tables that came later are there')
    const reader = new DatabaseSync(path, { readOnly: true })
    t.teardown(() => reader.close())
    t.match(reader.prepare('PRAGMA user_version').get(), { user_version: SCHEMA_VERSION })
  })
}

t.test('a file that is damaged in the middle, or cut short, is refused with the remedy and left as it is, and its backup takes over', async t => {
  const arena = await openArena({ messages: 100 })
  t.teardown(() => arena.close())
  const senders = createSenders(arena)
  await Promise.all(arena.names.map(name => senders.edit(name)))
  await drain(arena, senders)
  await arena.stop('SIGTERM')
  const sound = readFileSync(arena.databasePath)
  const pages = sound.length / PAGE
  const middle = Math.floor(pages / 2)

  const damaged = {
    'a page in the middle': Buffer.from(sound).fill(0xa5, middle * PAGE, (middle + 1) * PAGE),
    'the last page': Buffer.from(sound).fill(0xa5, (pages - 1) * PAGE),
    'half of the file is missing': sound.subarray(0, middle * PAGE),
  }
  const remedy = /relay\.db is not a database that can be read \(.+\): nothing was changed; restore a backup in its place, or move it away/
  for (const [how, bytes] of Object.entries(damaged)) {
    writeFileSync(arena.databasePath, bytes)
    await t.rejects(openStore({ databaseUrl: `file:${arena.databasePath}`, encryptionKey: null, now: () => 1 }), { message: remedy }, how)
    t.ok(readFileSync(arena.databasePath).equals(bytes), 'nothing was written to it')
  }
  await t.rejects(arena.start(), { message: new RegExp(`ended with 1 [^]*cannot start: .*${remedy.source}`) }, 'and so ends the process')
  t.ok(readFileSync(arena.databasePath).equals(damaged['half of the file is missing']), 'nothing was written to it')
  writeFileSync(arena.databasePath, sound)
  await arena.start()
  const { ledger } = await arena.status()
  t.equal(ledger.pending, 0)

  // What is left of a write-ahead log holds what was acknowledged last: it is not copied into a file that is to be left as it is.
  t.match(await senders.edit('m1'), { status: 202 })
  await arena.stop('SIGKILL')
  const log = readFileSync(`${arena.databasePath}-wal`)
  const spared = Array.from({ length: pages - 1 }, (_, index) => index + 2).find(page => !pagesOf(log).has(page)) as number
  const intact = readFileSync(arena.databasePath)
  const broken = Buffer.from(intact).fill(0xa5, (spared - 1) * PAGE, spared * PAGE)
  writeFileSync(arena.databasePath, broken)
  await t.rejects(arena.start(), { message: remedy }, 'a file that is damaged beside its log')
  t.ok(readFileSync(arena.databasePath).equals(broken), 'nothing was written to it')
  t.ok(readFileSync(`${arena.databasePath}-wal`).equals(log), 'and its log is still there')
  writeFileSync(arena.databasePath, intact)
  await arena.start()
  t.ok(ledger.delivered >= 100)
  t.match(await senders.edit('m0'), { status: 202, outcome: 'accepted' })
})
