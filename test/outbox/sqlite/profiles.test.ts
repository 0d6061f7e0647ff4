import t from 'tap'
import { DatabaseSync } from 'node:sqlite'
import { createSqliteProfiles } from '../../../src/outbox/sqlite/profiles.ts'
import { createTables } from '../../../src/outbox/sqlite/schema.ts'
import { PORTAL } from '../edits.ts'

t.test('what is known of a client who was seen within a day is not written again', async t => {
  const db = new DatabaseSync(':memory:')
  t.teardown(() => db.close())
  createTables(db)
  const profiles = createSqliteProfiles(db)
  const writes = (at: number, name: string) => {
    const count = () => db.prepare('SELECT total_changes() AS changes').get()?.changes as number
    const before = count()
    profiles.remember([{ portal: PORTAL, connector: 'relay_demo', profile: { id: 'u1', name }, revision: { at, tie: 0n }, now: 1000 }])
    return count() - before
  }
  t.equal(writes(5, 'Anna'), 1)
  t.equal(writes(5, 'Anna'), 0, 'a repeated webhook')
  t.equal(writes(4, 'Late'), 0)
  t.equal(writes(6, 'Anna'), 1)
})
