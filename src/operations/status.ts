import type { PortalCondition } from '../courier/parks.ts'
import type { PortalConfig } from '../bitrix24/hosts.ts'
import { addressOf } from '../bitrix24/place.ts'
import { authorizeUrl } from '../bitrix24/session.ts'
import type { Backlog, Ledger, Outbox } from '../outbox/outbox.ts'
import type { Portals } from '../outbox/portals.ts'

interface StatusOptions {
  readonly portalId: string
  readonly portal: PortalConfig
  readonly outbox: Pick<Outbox, 'ledger' | 'backlog'>
  readonly portals: Pick<Portals, 'read'>
  readonly condition: () => Promise<PortalCondition>
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
}

export function createStatus ({ portalId, portal, outbox, portals, condition }: StatusOptions): () => Promise<Status> {
  return async () => {
    const [ledger, backlog, record, { portal: code, since, lines }] = await Promise.all([outbox.ledger(), outbox.backlog(portalId), portals.read(portalId), condition()])
    const address = addressOf(portal, record)
    return { ledger, backlog, portal: { host: new URL(address).host, condition: code, since, authorizeUrl: code === 'ready' ? null : authorizeUrl(address, portal) }, lines }
  }
}
