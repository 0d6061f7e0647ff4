import { setTimeout as sleep } from 'node:timers/promises'
import type { Arena } from './arena.ts'
import type { Status } from './ground.ts'
import type { Senders } from './load.ts'

/** Longer than the quarantine of a call whose outcome is unknown. */
const BEYOND_QUARANTINE_MS = 75_000

const LONGEST_PASS_MS = 300_000

/** Only an install ends these parks. All others end by themselves. */
export const ENDED_BY_INSTALL: ReadonlySet<string> = new Set(['invalid_grant', 'not-installed'])

/** The parts of an arena that a verdict uses. */
export type Judged = Pick<Arena, 'status' | 'messages' | 'install' | 'pass' | 'relay' | 'isDoubtful'>

/** One row of the table. */
export interface Report {
  readonly scenario: string
  readonly rounds: number
  readonly webhooks: number
  readonly acknowledged: number
  /** Messages whose newest acknowledged text the portal does not show. */
  readonly lost: number
  /** Messages that showed an older text after a newer one. */
  readonly older: number
  /** Other broken promises. */
  readonly faults: readonly string[]
  /** Observations of this run. */
  readonly notes: readonly string[]
}

/** Checks that the ledger adds up and agrees with the rows, as it must at every moment. */
export function weigh ({ ledger, backlog }: Status): string[] {
  const { accepted, superseded, delivered, dead, pending } = ledger
  const faults: string[] = []
  if (accepted !== superseded + delivered + dead + pending) faults.push(`the ledger does not add up: ${JSON.stringify(ledger)}`)
  if (pending !== backlog.pending) faults.push(`the ledger says ${pending} pending and the rows ${backlog.pending}`)
  return faults
}

/**
 * Waits until the relay has delivered everything, and returns how many installs that needed. To skip quarantines and back-offs, it moves the clocks
 * of relay and portal forward when nothing changes for `stillLooks` looks. Rejects after `patienceMs`.
 */
export async function drain (arena: Judged, senders: Senders, { patienceMs = 60_000, lookMs = 60, stillLooks = 5 } = {}): Promise<number> {
  const deadline = performance.now() + patienceMs
  let installs = 0
  let before = -1
  let still = 0
  let passMs = BEYOND_QUARANTINE_MS
  for (;;) {
    const status = await arena.status()
    const { pending } = status.ledger
    if (pending === 0) return installs
    if (performance.now() > deadline) throw new Error(`edits stay pending: ${JSON.stringify(status)}\n${arena.relay().output().split('\n').filter(line => line.startsWith('{') && !line.includes('webhook.rejected')).slice(-10).join('\n')}`)
    still = pending === before ? still + 1 : 0
    if (still === 0) passMs = BEYOND_QUARANTINE_MS
    before = pending
    if (ENDED_BY_INSTALL.has(status.portal.condition)) {
      await arena.install()
      installs++
    } else if (still >= stillLooks) {
      still = 0
      await arena.pass(passMs)
      passMs = Math.min(passMs * 2, LONGEST_PASS_MS)
      // A running timer does not see the moved clocks. A new edit makes the courier look.
      await senders.edit('waker')
    }
    await sleep(lookMs)
  }
}

/** Compares the senders' answers with the portal's messages and their history, and with the ledger. */
export async function judge (arena: Judged, senders: Senders, about: Pick<Report, 'scenario' | 'rounds'> & { readonly faults?: readonly string[], readonly notes?: readonly string[] }): Promise<Report> {
  const { tally } = senders
  const status = await arena.status()
  const faults = [...about.faults ?? [], ...tally.unexpected.slice(0, 5), ...weigh(status)]
  const { accepted, dead, pending } = status.ledger
  const doubtful = tally.unanswered + (arena.isDoubtful() ? tally.turnedAway : 0)
  if (accepted < tally.accepted || accepted > tally.accepted + doubtful) {
    faults.push(`the ledger has ${accepted} accepted; senders got ${tally.accepted} and ${doubtful} are in doubt`)
  }
  if (dead > 0) faults.push(`${dead} are dead`)
  if (pending > 0) faults.push(`${pending} are still pending`)

  const messages = await arena.messages()
  const lost = messages.filter(({ message, text, deleted }) => deleted || !senders.mayEndWith(message, numberOf(text)))
  const older = messages.filter(({ history }) => history.some(({ text }, index) => index > 0 && numberOf(text) < numberOf(history[index - 1]?.text ?? '')))
  const notes = [...about.notes ?? [], ...tally.unanswered > 0 ? [`${tally.unanswered} unanswered`] : [], ...tally.turnedAway > 0 ? [`${tally.turnedAway} × 503`] : []]
  return { scenario: about.scenario, rounds: about.rounds, webhooks: tally.webhooks, acknowledged: tally.acknowledged, lost: lost.length, older: older.length, faults, notes }
}

export function holds ({ lost, older, faults }: Report): boolean {
  return lost === 0 && older === 0 && faults.length === 0
}

/** The n of "<message> #<n>". */
function numberOf (text: string): number {
  return Number(text.slice(text.lastIndexOf('#') + 1))
}

/** Waits until the condition holds; false if it does not in time. */
export async function until (isThere: () => Promise<boolean>, patienceMs = 20_000, lookMs = 20): Promise<boolean> {
  const deadline = performance.now() + patienceMs
  while (!await isThere()) {
    if (performance.now() > deadline) return false
    await sleep(lookMs)
  }
  return true
}
