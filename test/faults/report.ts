import type { Test } from 'tap'
import type { Report } from '../../chaos/verdict.ts'

/** Asserts that a scenario kept every promise, and that it had something to keep. */
export function holds (t: Test, report: Report, acknowledged: number): void {
  const { scenario, lost, older, faults, notes } = report
  t.strictSame(faults, [], `${scenario}: ${notes.join('; ')}`)
  t.equal(lost, 0, 'every message ends with the newest acknowledged text')
  t.equal(older, 0, 'no message showed an older text after a newer one')
  t.ok(report.acknowledged >= acknowledged, `${report.acknowledged} of ${report.webhooks} webhooks were acknowledged`)
}
