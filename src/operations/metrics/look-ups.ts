import { Counter, type Registry } from 'prom-client'
import type { LookUpReport } from '../../names/names.ts'

const OUTCOMES = ['found', 'unknown', 'refused', 'unavailable']

/** Every series of a channel is there from the start: Prometheus cannot see an increase from nothing. */
export function createLookUpMetrics (registry: Registry, channels: Iterable<string>): (report: LookUpReport) => void {
  const lookUps = new Counter({
    name: 'relay_profile_lookups_total',
    help: 'Clients without a name whom a messenger\'s API was asked for: found, unknown to it, or not told because it refused the channel\'s token or was unavailable.',
    labelNames: ['channel', 'outcome'],
    registers: [registry],
  })
  for (const channel of channels) for (const outcome of OUTCOMES) lookUps.inc({ channel, outcome }, 0)

  return ({ channel, outcome, clients, found }) => {
    if (outcome !== 'answered') return lookUps.inc({ channel, outcome }, clients)
    lookUps.inc({ channel, outcome: 'found' }, found)
    lookUps.inc({ channel, outcome: 'unknown' }, clients - found)
  }
}
