import t from 'tap'
import { killNine } from '../../chaos/scenarios/kill.ts'
import { sigterm } from '../../chaos/scenarios/stop.ts'
import { holds } from './report.ts'

t.test('after kill -9 at random moments everything acknowledged is delivered in order, and the ledger agrees with the rows', async t => {
  holds(t, await killNine(3), 30)
})

t.test('after SIGTERM under load no call is left in doubt, and everything acknowledged is delivered', async t => {
  holds(t, await sigterm(1), 10)
})
