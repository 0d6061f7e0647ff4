import t from 'tap'
import { killNine } from '../../chaos/scenarios/kill.ts'

t.test('after kill -9 at random moments everything acknowledged is delivered, once more in order, and the ledger agrees with the rows', async t => {
  const { webhooks, acknowledged, ...report } = await killNine(5)
  t.match(report, { lost: 0, older: 0, faults: [] }, report.notes.join('; '))
  t.strictSame(report.faults, [])
  t.ok(acknowledged > 100 && webhooks >= acknowledged, `${acknowledged} of ${webhooks} webhooks were acknowledged`)
})
