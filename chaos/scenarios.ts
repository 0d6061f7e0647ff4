import { killNine } from './scenarios/kill.ts'
import type { Report } from './verdict.ts'

export interface Scenario {
  readonly id: string
  /** How often it does its harm when it is run by hand; tests do it less often. */
  readonly rounds: number
  readonly run: (rounds: number) => Promise<Report>
}

export const scenarios: readonly Scenario[] = [
  { id: 'kill', rounds: 50, run: killNine },
]
