import { DatabaseSync } from 'node:sqlite'
import type { Backlog, Ledger, Outbox } from '../../../src/store/store.ts'
import { createSqliteIds } from '../../../src/store/sqlite/ids.ts'
import { createSqliteLeases } from '../../../src/store/sqlite/leases.ts'
import { createSqliteOutbox } from '../../../src/store/sqlite/outbox.ts'
import { createSqliteProfiles } from '../../../src/store/sqlite/profiles.ts'
import { createSqliteReading } from '../../../src/store/sqlite/reading.ts'
import { migrate } from '../../../src/store/sqlite/schema.ts'

const empty = new DatabaseSync(':memory:')
migrate(empty)
const image = empty.serialize()

/** The store's own verbs on a database in memory, one transaction each: thousands of commits a second, and still its SQL. Ids are merged often. */
export function openInMemory () {
  const db = new DatabaseSync(':memory:')
  db.deserialize(image)
  const verbs = createSqliteOutbox(db, createSqliteIds(db, 4, 1), createSqliteProfiles(db), createSqliteLeases(db))
  const reading = createSqliteReading(db)

  const commit = async <Result>(work: () => Result): Promise<Result> => {
    db.exec('BEGIN IMMEDIATE')
    verbs.begin()
    const result = work()
    verbs.end()
    db.exec('COMMIT')
    return result
  }

  const outbox: Outbox = {
    accept: edits => commit(() => verbs.accept(edits)),
    lanes: portal => commit(() => verbs.lanes(portal)),
    claim: request => commit(() => verbs.claim(request)),
    giveBack: call => commit(() => verbs.giveBack(call)),
    settle: settling => commit(() => verbs.settle(settling)),
    recover: recovery => commit(() => verbs.recover(recovery)),
    redeliver: (ids, now) => commit(() => verbs.redeliver(ids, now)),
    prune: (before, limit) => commit(() => verbs.prune(before, limit)),
    ledger: async () => reading.ledger(),
    backlog: async portal => reading.backlog(portal),
    find: async id => reading.find(id),
    attempts: async id => reading.attempts(id),
    oldestPending: async (...parameters) => reading.oldestPending(...parameters),
    list: async (filter, page) => reading.list(filter, page),
  }
  return { outbox, close: () => db.close() }
}

/** Says how the ledger and the rows disagree, or null. */
export function imbalance ({ accepted, superseded, delivered, dead, pending }: Ledger, backlog: Backlog): string | null {
  if (accepted !== superseded + delivered + dead + pending) return 'the ledger does not add up'
  if (pending !== backlog.pending) return `the ledger says ${pending} pending, and the rows ${backlog.pending}`
  return null
}
