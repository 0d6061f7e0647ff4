import type { PortalCondition } from '../courier/parks.ts'
import type { Backlog, Ledger, Outbox } from '../outbox/outbox.ts'

interface StatusOptions {
  readonly portal: string
  readonly outbox: Pick<Outbox, 'ledger' | 'backlog'>
  readonly condition: () => Promise<PortalCondition>
  readonly authorizeUrl: () => string | null
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

export function createStatus ({ portal, outbox, condition, authorizeUrl }: StatusOptions): () => Promise<Status> {
  return async () => {
    const [ledger, backlog, { portal: code, since, lines }] = await Promise.all([outbox.ledger(), outbox.backlog(portal), condition()])
    return { ledger, backlog, portal: { host: portal, condition: code, since, authorizeUrl: code === 'ready' ? null : authorizeUrl() }, lines }
  }
}
