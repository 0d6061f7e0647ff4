import { DatabaseSync } from 'node:sqlite'
import type { Backlog, Ledger, Outbox } from '../../../src/outbox/outbox.ts'
import { createSqliteLeases } from '../../../src/outbox/sqlite/leases.ts'
import { createSqliteOutbox } from '../../../src/outbox/sqlite/outbox.ts'
import { createSqlitePortals } from '../../../src/outbox/sqlite/portals.ts'
import { createSqliteProfiles } from '../../../src/outbox/sqlite/profiles.ts'
import { createSqliteQueries } from '../../../src/outbox/sqlite/queries.ts'
import { createTables } from '../../../src/outbox/sqlite/schema.ts'

const empty = new DatabaseSync(':memory:')
createTables(empty)
const image = empty.serialize()

/** The store's own verbs on a database in memory, one transaction each: thousands of commits a second, and still its SQL. */
export function openInMemory () {
  const db = new DatabaseSync(':memory:')
  db.deserialize(image)
  const verbs = createSqliteOutbox(db, { portals: createSqlitePortals(db), profiles: createSqliteProfiles(db), leases: createSqliteLeases(db) })
  const reading = createSqliteQueries(db)

  const commit = async <Result>(work: () => Result): Promise<Result> => {
    db.exec('BEGIN IMMEDIATE')
    const result = work()
    db.exec('COMMIT')
    return result
  }

  const outbox: Outbox = {
    accept: edits => commit(() => verbs.accept(edits)),
    confirm: reports => commit(() => verbs.confirm(reports)),
    tallyConfirmations: async (portal, window) => reading.tallyConfirmations(portal, window),
    lanes: portal => commit(() => verbs.lanes(portal)),
    claim: request => commit(() => verbs.claim(request)),
    giveBack: call => commit(() => verbs.giveBack(call)),
    record: call => commit(() => verbs.record(call)),
    recover: recovery => commit(() => verbs.recover(recovery)),
    nameless: (portal, now, limit) => commit(() => verbs.nameless(portal, now, limit)),
    recordNames: question => commit(() => verbs.recordNames(question)),
    redeliver: (ids, now) => commit(() => verbs.redeliver(ids, now)),
    prune: (before, limit) => commit(() => verbs.prune(before, limit)),
    ledger: async () => reading.ledger(),
    backlog: async portal => reading.backlog(portal),
    find: async id => reading.find(id),
    content: async id => reading.content(id),
    attempts: async id => reading.attempts(id),
    oldestPending: async (...parameters) => reading.oldestPending(...parameters),
    list: async (filter, page) => reading.list(filter, page),
    count: async (filter, range) => reading.count(filter, range),
  }
  return { outbox, close: () => db.close() }
}

/** Says how the ledger and the rows disagree, or null. */
export function imbalance ({ accepted, superseded, delivered, dead, pending }: Ledger, backlog: Backlog): string | null {
  if (accepted !== superseded + delivered + dead + pending) return 'the ledger does not add up'
  if (pending !== backlog.pending) return `the ledger says ${pending} pending, and the rows ${backlog.pending}`
  return null
}
