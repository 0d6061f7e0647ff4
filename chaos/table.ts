import { holds, type Report } from './verdict.ts'

/** Prints one row for each scenario with the sums of its runs. */
export function printTable (reports: readonly Report[]): void {
  const byName = new Map<string, Report>()
  for (const report of reports) {
    const sum = byName.get(report.scenario)
    byName.set(report.scenario, sum === undefined ? report : add(sum, report))
  }
  const head = ['scenario', 'rounds', 'webhooks', 'acknowledged', 'lost', 'older text after newer', 'verdict', '']
  const rows = [...byName.values()].map(report => [
    report.scenario, ...[report.rounds, report.webhooks, report.acknowledged, report.lost, report.older].map(String), holds(report) ? 'held' : 'BROKEN', [...report.faults, ...report.notes].join('; '),
  ])
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map(row => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]): string => cells.map((cell, column) => isNumber(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()
  console.log(`\n${line(head)}\n${widths.slice(0, -1).map(width => '─'.repeat(width)).join('  ')}`)
  for (const row of rows) console.log(line(row))
}

function isNumber (column: number): boolean {
  return column >= 1 && column <= 5
}

function add (one: Report, other: Report): Report {
  return {
    scenario: one.scenario,
    rounds: one.rounds + other.rounds,
    webhooks: one.webhooks + other.webhooks,
    acknowledged: one.acknowledged + other.acknowledged,
    lost: one.lost + other.lost,
    older: one.older + other.older,
    faults: [...one.faults, ...other.faults],
    notes: [...one.notes, ...other.notes],
  }
}
