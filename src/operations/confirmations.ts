import { createLoop } from '../base/loop.ts'
import type { Log } from '../base/log.ts'
import type { Confirmation, ConfirmationTally, EditRow, Outbox, ReportWindow } from '../outbox/outbox.ts'
import type { PortalRecord, Portals } from '../outbox/portals.ts'
import { confirmationOf, REPORT_WITHIN_MS, reportWindow } from '../outbox/rules/confirm.ts'

interface ConfirmationsOptions {
  readonly portalId: string
  readonly portals: Pick<Portals, 'read'>
  readonly outbox: Pick<Outbox, 'tallyConfirmations' | 'count'>
  /** Whether PUBLIC_URL is set. */
  readonly isEnabled: boolean
  readonly now: () => number
  readonly log: Log
}

/** Counts of delivered edits, and since when the portal reports them. */
export interface ConfirmationSummary {
  readonly enabled: boolean
  readonly boundAt: number | null
  readonly lastEventAt: number | null
  readonly confirmed: number
  readonly unconfirmed: number
  readonly unknown: number
}

/** A delivered edit's confirmation, and in words the likely cause if it is not confirmed. */
export interface Finding {
  readonly confirmation: Confirmation | null
  readonly causeId: Cause | null
  readonly cause: string | null
}

export type Confirmations = ReturnType<typeof createConfirmations>

/** Counts are used again for this long: they read an index of all delivered edits. */
const VALID_MS = 5000

const WATCH_EVERY_MS = 5 * 60_000

/** After this many delivered edits without one confirmed, a channel is reported. */
export const SILENT_AFTER = 5

/** Why an edit is not confirmed, as far as the relay can tell. */
export const CAUSES = {
  never: 'the portal has confirmed no edit of this channel, so its connector, line or ids probably differ from those of the original messages: compare "connector", "line" and the templates "ids" of the channel with `npm run -s relay -- ids <dialog>`',
  unknownUser: 'the portal did not know the client: the user id differs from the original\'s, or the original was never sent; compare the template "ids.user"',
  one: 'the portal finds other messages of this channel, so this original was probably never sent to it, or was deleted there',
  notAsked: 'the portal is not asked to report edits: set PUBLIC_URL',
  notBound: 'the portal has not taken the relay\'s address for events yet: see events.not-bound in the log, and run `npm run -s relay -- doctor`',
  sentBefore: 'it was sent before the portal was asked to report edits',
  tooSoon: 'the portal has ten minutes to report it',
  silence: 'the portal has reported no edit since: if it is the only edit since then, verify it; otherwise the binding is gone, or the portal cannot reach PUBLIC_URL: run `npm run -s relay -- doctor`',
} as const

export type Cause = keyof typeof CAUSES

/** Derives from the portal's reports which edits have landed, and explains silence. */
export function createConfirmations ({ portalId, portals, outbox, isEnabled, now, log }: ConfirmationsOptions) {
  const reported = new Set<string>()
  let counted: { readonly at: number, readonly tallies: readonly ConfirmationTally[] } | null = null

  function windowOf (record: PortalRecord): ReportWindow {
    return reportWindow(record, now())
  }

  async function count (record: PortalRecord): Promise<readonly ConfirmationTally[]> {
    if (counted !== null && now() - counted.at < VALID_MS) return counted.tallies
    const tallies = await outbox.tallyConfirmations(portalId, windowOf(record))
    counted = { at: now(), tallies }
    return tallies
  }

  async function causeOf (edit: EditRow, confirmation: Confirmation, record: PortalRecord): Promise<Cause | null> {
    if (confirmation === 'confirmed') return null
    if (edit.flags.includes('unknown-user')) return 'unknownUser'
    if (confirmation === 'unconfirmed') return await outbox.count({ channel: edit.channel, confirmation: { is: 'confirmed', window: windowOf(record) } }, { after: null, upTo: 1 }) === 0 ? 'never' : 'one'
    if (!isEnabled) return 'notAsked'
    const boundAt = record.eventBinding?.boundAt ?? null
    if (boundAt === null) return 'notBound'
    if ((edit.calledAt ?? 0) < boundAt) return 'sentBefore'
    return now() - (edit.settledAt ?? now()) < REPORT_WITHIN_MS ? 'tooSoon' : 'silence'
  }

  /** Warns once for each channel whose edits are never found. */
  async function watch (): Promise<void> {
    const tallies = await count(await portals.read(portalId))
    for (const channel of new Set(tallies.map(({ channel }) => channel))) {
      const { confirmed, unconfirmed } = sum(tallies.filter(tally => tally.channel === channel))
      if (confirmed > 0 || unconfirmed < SILENT_AFTER || reported.has(channel)) continue
      reported.add(channel)
      log.warn({ event: 'confirmations.none', channel, unconfirmed }, CAUSES.never)
    }
  }

  return {
    watch,

    async summary (): Promise<ConfirmationSummary> {
      const record = await portals.read(portalId)
      return { enabled: isEnabled, boundAt: record.eventBinding?.boundAt ?? null, lastEventAt: record.lastEventAt, ...sum(await count(record)) }
    },

    /** For `Outbox.list`. */
    window: async (): Promise<ReportWindow> => windowOf(await portals.read(portalId)),

    async find (edit: EditRow): Promise<Finding> {
      const record = await portals.read(portalId)
      const confirmation = confirmationOf(edit, windowOf(record))
      const causeId = confirmation === null ? null : await causeOf(edit, confirmation, record)
      return { confirmation, causeId, cause: causeId && CAUSES[causeId] }
    },

    /** Watches while this process leads: each leader has a watch of its own. */
    createWatch: () => createLoop(async () => {
      if (isEnabled) await watch().catch((error: unknown) => log.error({ event: 'confirmations.failed', err: error }, 'confirmations.failed'))
      return WATCH_EVERY_MS
    }),
  }
}

function sum (tallies: readonly ConfirmationTally[]): Pick<ConfirmationTally, 'confirmed' | 'unconfirmed' | 'unknown'> {
  const total = { confirmed: 0, unconfirmed: 0, unknown: 0 }
  for (const { confirmed, unconfirmed, unknown } of tallies) {
    total.confirmed += confirmed
    total.unconfirmed += unconfirmed
    total.unknown += unknown
  }
  return total
}
