import { activeLines, connectorId } from '../applications.ts'

export interface Connector {
  readonly id: string
  readonly name: string
  readonly clientId: string
  readonly chatGroup: boolean
}

interface LineStatus {
  readonly active: boolean
  readonly error: boolean
}

/** The registered connectors and the lines they are switched on for. */
export interface Connectors {
  /** The registered connector a raw `CONNECTOR` value stands for: lower-cased and cut at the first dot, as the portal looks it up. */
  provider (raw: string): Connector | undefined
  register (connector: Connector): void
  unregister (id: string, clientId: string): boolean
  list (): Iterable<Connector>
  activate (id: string, line: number, active: boolean): void
  fail (id: string, line: number): void
  status (id: string, line: number): LineStatus | undefined
}

export function createConnectors (): Connectors {
  const connectors = new Map<string, Connector>()
  const lines = new Map<string, LineStatus>()
  const lineKey = (id: string, line: number): string => `${id.toLowerCase()}|${line}`

  const self: Connectors = {
    provider: raw => connectors.get(raw.toLowerCase().split('.')[0] ?? ''),
    register (connector) {
      connectors.set(connector.id, connector)
    },
    unregister (id, clientId) {
      const key = id.toLowerCase()
      return connectors.get(key)?.clientId === clientId && connectors.delete(key)
    },
    list: () => connectors.values(),
    activate (id, line, active) {
      if (active) lines.set(lineKey(id, line), { active: true, error: false })
      else lines.delete(lineKey(id, line))
    },
    fail (id, line) {
      if (lines.has(lineKey(id, line))) lines.set(lineKey(id, line), { active: true, error: true })
    },
    status: (id, line) => lines.get(lineKey(id, line)),
  }
  self.register({ id: connectorId, name: 'Relay demo', clientId: 'local.connector', chatGroup: false })
  for (const line of activeLines) self.activate(connectorId, line, true)
  return self
}
