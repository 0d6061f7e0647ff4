import { openSqliteStore } from '../../../src/store/sqlite/sqlite.ts'
import { incoming } from '../edits.ts'

/** A process that stores edits until it is killed, and says which of them were acknowledged. */
const [path] = process.argv.slice(2) as [string]
const store = await openSqliteStore({ path, lockWaitMs: 0, now: () => Date.now() })
process.stdout.write('open\n')
for (let first = 0; ; first += 20) {
  await Promise.all(Array.from({ length: 20 }, async (_, index) => {
    await store.outbox.accept([incoming({ message: `m${first + index}`, at: 1 })])
    process.stdout.write(`m${first + index}\n`)
  }))
}
