import t from 'tap'
import { readFileSync, writeFileSync } from 'node:fs'
import { openArena } from '../../chaos/arena.ts'
import { createSenders } from '../../chaos/load.ts'
import { drain } from '../../chaos/verdict.ts'
import { openStore } from '../../src/outbox/open.ts'

const PAGE = 4096

/** The numbers of the pages that a write-ahead log holds (https://www.sqlite.org/fileformat2.html#the_write_ahead_log). */
function pagesOf (log: Buffer): Set<number> {
  const frames = (log.length - 32) / (24 + PAGE)
  return new Set(Array.from({ length: frames }, (_, index) => log.readUInt32BE(32 + index * (24 + PAGE))))
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
  const remedy = /relay\.db is not a database that can be read \(.+\): nothing was changed; restore a backup, or move the file away/
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
