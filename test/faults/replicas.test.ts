import t from 'tap'
import { cut, failOver, kill, pause, refresh, replicas, restart } from '../../chaos/scenarios/replicas.ts'
import { holds } from './report.ts'

/** Runs out four times below, and is long enough for a busy machine to renew it in time. */
const LEASE_MS = 4000

// A busy machine is slow to start nine processes.
const timeout = 240_000
t.setTimeout(timeout)

t.test('three replicas on one PostgreSQL, ill-treated, lose nothing, stay within the limits of the portal and resume by themselves', { timeout }, async t => {
  const reports = await replicas([[kill, 1], [cut, 1], [restart, 1], [failOver, 1], [refresh, 1], [pause, 1]], { senderCount: 4, leaseMs: LEASE_MS })
  t.equal(reports.length, 6)
  for (const report of reports) holds(t, report, 50)
})
