import type { AddressRules } from '../edit/address.ts'
import type { ConnectorConfig } from '../forward/connector-config.ts'
import type { MessengerName } from '../messengers/registry.ts'

/** One configured source: a messenger, its secrets, and the connector and line that it feeds. */
export interface Channel extends AddressRules {
  readonly id: string
  readonly messenger: MessengerName
  readonly secrets: readonly string[]
  readonly connector: string
  readonly line: number
  readonly settleMs: number
  readonly upstream: ConnectorConfig | null
  /** What only this messenger has. */
  readonly settings: Readonly<Record<string, unknown>>
}
