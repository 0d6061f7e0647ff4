import t from 'tap'
import { join } from 'node:path'
import { openSqliteStore } from '../../../src/outbox/sqlite/sqlite.ts'
import { outboxContract } from '../contract.ts'

outboxContract(t, async t => {
  const store = await openSqliteStore({ path: join(t.testdir(), 'relay.db'), lockWaitMs: 0, now: () => 1000 })
  t.teardown(() => store.close())
  return store
})
