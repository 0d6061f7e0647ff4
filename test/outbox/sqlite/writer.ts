import { openSqliteStore } from '../../../src/outbox/sqlite/sqlite.ts'
import { incoming } from '../edits.ts'

/** A process that stores edits, so many at a time, until it is killed, and says which of them were acknowledged. */
const [path, together] = process.argv.slice(2) as [string, string]
const store = await openSqliteStore({ path, lockWaitMs: 0, now: () => Date.now() })
process.stdout.write('open\n')
for (let first = 0; ; first += Number(together)) {
  await Promise.all(Array.from({ length: Number(together) }, async (_, index) => {
    await store.outbox.accept([incoming({ message: `m${first + index}`, at: 1 })])
    process.stdout.write(`m${first + index}\n`)
  }))
}
