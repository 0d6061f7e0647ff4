import t, { type Test } from 'tap'
import { DatabaseSync } from 'node:sqlite'
import { createSqliteIds, SEQ_OF_ID } from '../../../src/store/sqlite/ids.ts'
import { migrate } from '../../../src/store/sqlite/schema.ts'

const TOGETHER = 40
const IN_A_COMMIT = 4
const IDS = 150

/** The index on a database with rows that hold nothing but an id, and what is known of them otherwise: each id's `seq`. */
function open (t: Test) {
  const db = new DatabaseSync(':memory:')
  t.teardown(() => db.close())
  migrate(db)
  const insert = db.prepare(`INSERT INTO outbox (seq, id, lane, channel, chat, message, seen, content, version, state, accepted_at, attempts, chunk_limit, suspicions, unknown_user_repeats, flags)
    VALUES (?, ?, 1, '', '', '', '', '', 1, 'pending', 0, 0, 0, 0, 0, '')`)
  const remove = db.prepare('DELETE FROM outbox WHERE seq = ?')
  const read = db.prepare(`SELECT ${SEQ_OF_ID} AS seq`)
  const count = db.prepare('SELECT count(*) AS rows FROM ids')

  let rows = new Map<string, number>()
  let ids = createSqliteIds(db, TOGETHER, IN_A_COMMIT)
  return {
    db,
    rows: () => rows,

    add (id: string): void {
      const seq = ids.add(id)
      insert.run(seq, id)
      rows.set(id, seq)
    },

    remove (id: string): void {
      remove.run(rows.get(id) as number)
      ids.remove(id)
      rows.delete(id)
    },

    transaction (work: () => void, ending: 'COMMIT' | 'ROLLBACK' = 'COMMIT'): void {
      const before = new Map(rows)
      db.exec('BEGIN')
      ids.begin()
      work()
      ids.end()
      db.exec(ending)
      if (ending === 'COMMIT') return
      ids.forget()
      rows = before
    },

    /** As after a crash: what was in memory is gone. */
    reopen (): void {
      ids = createSqliteIds(db, TOGETHER, IN_A_COMMIT)
    },

    find: (id: string): number | null => ids.find(id),
    forget: () => { ids.forget() },
    begin: () => { ids.begin() },
    readBeside: (id: string): unknown => read.get(id)?.seq,
    merged: (): unknown => count.get()?.rows,
  }
}

/** A small generator, so that a failure comes again: https://en.wikipedia.org/wiki/Linear_congruential_generator (Numerical Recipes). */
function createRandom (seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor(state / 2 ** 32 * below)
  }
}

for (let seed = 1; seed <= 8; seed++) {
  t.test(`every message has its own row whatever is added, pruned, rolled back and restarted (seed ${seed})`, async t => {
    const index = open(t)
    const random = createRandom(seed)
    let highest = 0
    for (let step = 0; step < 300; step++) {
      if (random(20) === 0) index.reopen()
      index.transaction(() => {
        for (let count = random(8); count > 0; count--) {
          const id = `id-${random(IDS)}`
          if (!index.rows().has(id)) index.add(id)
          else if (random(3) === 0) index.remove(id)
        }
      }, random(6) === 0 ? 'ROLLBACK' : 'COMMIT')
      index.transaction(() => {
        const wrong = Array.from({ length: IDS }, (_, number) => `id-${number}`).filter(id => index.find(id) !== (index.rows().get(id) ?? null) || index.readBeside(id) !== (index.rows().get(id) ?? null))
        if (wrong.length > 0) t.fail(`at step ${step}: ${wrong.map(id => `${id} is ${index.rows().get(id)}, found ${index.find(id)} and read ${String(index.readBeside(id))}`).join('; ')}`)
      })
      highest = Math.max(highest, ...index.rows().values())
    }
    t.ok(index.merged() as number > TOGETHER, 'merged more than once')
    t.equal(new Set(index.rows().values()).size, index.rows().size, `none shares a row; ${highest} were made`)
  })
}

t.test('new messages write nothing beside the outbox until there are many, and then some with each commit', async t => {
  const index = open(t)
  const merged: unknown[] = []
  for (let number = 1; number <= TOGETHER + 2 * TOGETHER / IN_A_COMMIT; number++) {
    index.transaction(() => { index.add(`id-${number}`) })
    merged.push(index.merged())
  }
  t.strictSame(merged.slice(0, TOGETHER - 1), Array.from({ length: TOGETHER - 1 }, () => 0))
  t.strictSame(merged.slice(TOGETHER - 1, TOGETHER + 3), [1, 2, 3, 4].map(commits => commits * IN_A_COMMIT))
  t.equal(merged.at(-1), TOGETHER, 'those that came meanwhile wait for the next time')
})

t.test('more is merged than is added, so that what is in memory stays bounded', async t => {
  const index = open(t)
  const waiting: number[] = []
  for (let next = 0; next < 3000;) {
    index.transaction(() => { for (let count = 0; count < 30; count++) index.add(`id-${next++}`) })
    waiting.push(next - (index.merged() as number))
  }
  t.ok(Math.max(...waiting) <= 3 * TOGETHER, `${Math.max(...waiting)} at most`)
})

t.test('what is pruned while it waits to be merged holds up nothing', async t => {
  const index = open(t)
  index.transaction(() => { for (let number = 0; number < TOGETHER; number++) index.add(`id-${number}`) })
  index.transaction(() => { for (let number = 10; number < TOGETHER; number++) index.remove(`id-${number}`) })
  for (let commit = 0; commit < TOGETHER / IN_A_COMMIT; commit++) index.transaction(() => {})
  t.equal(index.merged(), index.rows().size)
})

t.test('a row that is gone never gives its place to another message', async t => {
  const index = open(t)
  for (let number = 0; number < 2 * TOGETHER; number++) index.transaction(() => { index.add(`id-${number}`) })
  const last = Math.max(...index.rows().values())
  index.transaction(() => { for (const id of [...index.rows().keys()]) index.remove(id) })
  index.transaction(() => { index.add('while it runs') })
  t.equal(index.rows().get('while it runs'), last + 1)
  index.transaction(() => { index.remove('while it runs') })
  index.reopen()
  index.transaction(() => { index.add('after a restart') })
  index.reopen()
  index.transaction(() => t.equal(index.find('after a restart'), index.rows().get('after a restart'), 'it does not lie among the rows that were merged'))
})

t.test('a transaction that cannot read what is not merged fails, and so does the next one until it can', async t => {
  const index = open(t)
  index.transaction(() => { index.add('one') })
  index.forget()
  index.db.exec('ALTER TABLE ids_merge RENAME TO elsewhere')
  t.throws(() => index.begin(), { message: /ids_merge/ })
  t.throws(() => index.begin(), { message: /ids_merge/ })
  index.db.exec('ALTER TABLE elsewhere RENAME TO ids_merge')
  index.transaction(() => t.equal(index.find('one'), 1))
})
