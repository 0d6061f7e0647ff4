import t from 'tap'
import { clockJumps } from '../../chaos/scenarios/clock.ts'
import { holds } from './report.ts'

t.test('a wall clock that is set an hour forwards or back, also while the relay is down, ends no quarantine early and delays nothing for long', async t => {
  holds(t, await clockJumps(1), 40)
})
