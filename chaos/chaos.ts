import { parseArgs } from 'node:util'
import { endAll } from './kept-processes.ts'
import { printTable } from './table.ts'
import { scenarios } from './scenarios.ts'
import { holds, type Report } from './verdict.ts'

/*
 * `npm run chaos -- --minutes N` runs every scenario once with many rounds, and then repeats them until the time is over. `--only kill,disk` selects
 * scenarios, `--rounds N` sets the number of rounds. The exit code is 1 if a promise was broken.
 */

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '1' }, only: { type: 'string' }, rounds: { type: 'string' } } })
const minutes = Number(values.minutes)
const wanted = values.only?.split(',')
const chosen = scenarios.filter(({ id }) => wanted === undefined || wanted.includes(id))
if (!(minutes > 0) || chosen.length === 0) {
  console.error(`npm run chaos -- [--minutes N] [--only ${[...new Set(scenarios.map(({ id }) => id))].join(',')}] [--rounds N]`)
  process.exit(1)
}

const deadline = performance.now() + minutes * 60_000
const reports: Report[] = []
const interruption = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    interruption.abort()
    endAll().catch(() => {})
  })
}

do {
  for (const { id, rounds, run } of chosen) {
    const report = await run(values.rounds === undefined ? rounds : Number(values.rounds)).catch((error: unknown): Report =>
      ({ scenario: id, rounds: 0, webhooks: 0, acknowledged: 0, lost: 0, older: 0, faults: [error instanceof Error ? error.message : String(error)], notes: [] }))
    if (interruption.signal.aborted) break
    reports.push(report)
    console.error(`${holds(report) ? 'held  ' : 'BROKEN'}  ${report.scenario}`)
    if (performance.now() > deadline && reports.length >= chosen.length) break
  }
} while (!interruption.signal.aborted && performance.now() < deadline)
printTable(reports)
process.exitCode = !interruption.signal.aborted && reports.every(holds) ? 0 : 1
