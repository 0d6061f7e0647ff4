import type { PortalCondition } from '../courier/parks.ts'
import type { PortalConfig } from '../bitrix24/hosts.ts'
import { addressOf } from '../bitrix24/place.ts'
import { authorizeUrl } from '../bitrix24/session.ts'
import type { Backlog, Ledger, Outbox } from '../outbox/outbox.ts'
import type { PortalRecord, Portals } from '../outbox/portals.ts'
import type { ChannelActivity } from './activity.ts'
import type { Confirmations, ConfirmationSummary } from './confirmations.ts'

interface StatusOptions {
  readonly portalId: string
  readonly portal: PortalConfig
  readonly outbox: Pick<Outbox, 'ledger' | 'backlog'>
  readonly portals: Pick<Portals, 'read'>
  readonly condition: () => Promise<PortalCondition>
  readonly confirmations: Pick<Confirmations, 'summary'>
  readonly activity: { summary (): Promise<readonly ChannelActivity[]> }
}

export interface Status {
  readonly ledger: Ledger
  readonly backlog: Backlog
  readonly portal: {
    readonly host: string
    /** `ready`, or the code of the portal's park. */
    readonly condition: string
    readonly since: number | null
    /** The link by which an administrator can grant new tokens; null while the portal is ready. */
    readonly authorizeUrl: string | null
  }
  readonly lines: PortalCondition['lines']
  readonly confirmations: ConfirmationSummary
  readonly channels: readonly ChannelActivity[]
}

/** The portal's condition; null for the link if it is ready. */
export function portalStatus (portal: PortalConfig, record: PortalRecord, { portal: condition, since }: PortalCondition): Status['portal'] {
  const address = addressOf(portal, record)
  return { host: new URL(address).host, condition, since, authorizeUrl: condition === 'ready' ? null : authorizeUrl(address, portal) }
}

export function createStatus ({ portalId, portal, outbox, portals, condition, confirmations, activity }: StatusOptions): () => Promise<Status> {
  return async () => {
    const [ledger, backlog, record, state, confirmed, channels] = await Promise.all([outbox.ledger(), outbox.backlog(portalId), portals.read(portalId), condition(), confirmations.summary(), activity.summary()])
    return { ledger, backlog, portal: portalStatus(portal, record, state), lines: state.lines, confirmations: confirmed, channels }
  }
}
