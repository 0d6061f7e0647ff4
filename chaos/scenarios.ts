import { clockJumps } from './scenarios/clock.ts'
import { disk } from './scenarios/disk.ts'
import { killNine } from './scenarios/kill.ts'
import { harms, replicas } from './scenarios/replicas.ts'
import { silentPortal } from './scenarios/silence.ts'
import { slowConnections } from './scenarios/slow.ts'
import { sigterm } from './scenarios/stop.ts'
import { storm } from './scenarios/storm.ts'
import { tokens } from './scenarios/tokens.ts'
import type { Report } from './verdict.ts'

export interface Scenario {
  /** Scenarios may share an id; `--only` selects all of them. */
  readonly id: string
  /** The number of rounds when run by hand; tests run fewer. */
  readonly rounds: number
  readonly run: (rounds: number) => Promise<Report>
}

export const scenarios: readonly Scenario[] = [
  { id: 'kill', rounds: 50, run: killNine },
  { id: 'storm', rounds: 3, run: storm },
  { id: 'tokens', rounds: 14, run: tokens },
  { id: 'disk', rounds: 4, run: disk },
  { id: 'clock', rounds: 2, run: clockJumps },
  { id: 'sigterm', rounds: 10, run: sigterm },
  { id: 'silence', rounds: 2, run: silentPortal },
  { id: 'slow', rounds: 1, run: slowConnections },
  ...harms.map(harm => ({ id: 'replicas', rounds: harm.rounds, run: async (rounds: number) => (await replicas([[harm, rounds]]))[0] as Report })),
]
