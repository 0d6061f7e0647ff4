import t from 'tap'
import { cut, failOver, kill, refresh, replicas, restart } from '../../chaos/scenarios/replicas.ts'
import { holds } from './report.ts'

// Three leases run out in it, and a busy machine is slow to start nine processes.
const timeout = 240_000
t.setTimeout(timeout)

t.test('three replicas on one PostgreSQL, ill-treated, lose nothing, stay within the limits of the portal and resume by themselves', { timeout }, async t => {
  const reports = await replicas([[kill, 1], [cut, 1], [restart, 1], [failOver, 1], [refresh, 1]], 4)
  t.equal(reports.length, 5)
  for (const report of reports) holds(t, report, 50)
})
