import t from 'tap'
import { openPostgresStore } from '../../../src/outbox/postgres/postgres.ts'
import { startPostgres } from '../../postgres.ts'
import { outboxContract } from '../contract.ts'

const postgres = await startPostgres()
t.teardown(() => postgres.stop())

outboxContract(t, async t => {
  const store = await openPostgresStore({ databaseUrl: await postgres.schema(), waitMs: 0, now: () => 1000 })
  t.teardown(() => store.close())
  return store
})
