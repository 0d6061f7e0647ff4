import type { PortalConfig } from '../bitrix24/hosts.ts'
import type { PortalCondition } from '../courier/parks.ts'
import type { Ledger, Outbox } from '../outbox/outbox.ts'
import type { Portals } from '../outbox/portals.ts'
import type { HourActivity } from './activity.ts'
import { portalStatus, type Status } from './status.ts'

interface OverviewOptions {
  readonly portalId: string
  readonly portal: PortalConfig
  readonly outbox: Pick<Outbox, 'ledger' | 'oldestPending'>
  readonly portals: Pick<Portals, 'read'>
  readonly condition: () => Promise<PortalCondition>
  readonly activity: { hours (): Promise<readonly HourActivity[]> }
  /** Whether the portal is asked to report edits. */
  readonly isListening: boolean
}

/** The status as the console shows it. */
export interface Overview {
  readonly ledger: Ledger
  readonly oldestPendingAt: number | null
  readonly portal: Status['portal']
  readonly lines: PortalCondition['lines']
  readonly isListening: boolean
  readonly hours: readonly HourActivity[]
}

/** Unlike the status it counts no rows, so it is cheap enough for a page that many look at. */
export function createOverview ({ portalId, portal, outbox, portals, condition, activity, isListening }: OverviewOptions): () => Promise<Overview> {
  return async () => {
    const [ledger, oldestPendingAt, record, state, hours] = await Promise.all([outbox.ledger(), outbox.oldestPending(portalId), portals.read(portalId), condition(), activity.hours()])
    return { ledger, oldestPendingAt, portal: portalStatus(portal, record, state), lines: state.lines, isListening, hours }
  }
}
