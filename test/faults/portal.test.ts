import t from 'tap'
import { silentPortal } from '../../chaos/scenarios/silence.ts'
import { storm } from '../../chaos/scenarios/storm.ts'
import { tokens } from '../../chaos/scenarios/tokens.ts'
import { holds } from './report.ts'

t.test('a storm of every fault that the sandbox knows loses nothing and blames nobody', async t => {
  holds(t, await storm(1), 40)
})

t.test('tokens that run out in a drain are renewed once, and a pair that is lost costs one install', async t => {
  const report = await tokens(10)
  holds(t, report, 20)
  t.match(report.notes, [/^[123] installs$/])
})

t.test('a portal that never answers stops neither webhooks nor health probes nor SIGTERM', async t => {
  holds(t, await silentPortal(1), 20)
})
