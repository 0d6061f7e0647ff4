import t from 'tap'
import { cannotConnect, slowConnections } from '../../chaos/scenarios/slow.ts'
import { holds } from './report.ts'

t.test('ten thousand connections that drip their requests stop neither health probes nor webhooks, and are ended', { skip: cannotConnect() }, async t => {
  holds(t, await slowConnections(1), 5)
})
