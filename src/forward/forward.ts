import { hash } from 'node:crypto'
import { problem, PROBLEM_TYPE, RETRY_AFTER_S } from '../http/problem.ts'
import type { WebhookKind, WebhookReply } from '../messengers/messenger.ts'
import type { IncomingWebhook } from './request.ts'
import { type ConnectorConfig, createConnector, type Connector, type Passage } from './connector.ts'

/** A channel that may be in front of a connector. */
interface FrontChannel {
  readonly id: string
  readonly secrets: readonly string[]
  readonly upstream: ConnectorConfig | null
}

/** The outcome of a passage, and the reply for the messenger. */
export interface Forwarded {
  readonly passage: Passage
  readonly reply: WebhookReply
}

export interface Forwarder {
  /** Forwards a webhook to the connector; null if it is not for the connector. Called after our commit: if the connector fails, the messenger repeats. */
  forward (webhook: IncomingWebhook, kind: WebhookKind): Promise<Forwarded | null>
}

interface ForwardersOptions {
  readonly channels: Iterable<FrontChannel>
  /** Milliseconds of the wall clock. */
  readonly now: () => number
  readonly onForwarded?: ((channel: string, passage: Passage) => void) | undefined
}

/** One forwarder for each channel in front of a connector. They share no connections, so a slow connector does not delay others. */
export function createForwarders ({ channels, now, onForwarded }: ForwardersOptions) {
  const connectors: Connector[] = []
  const forwarders = new Map<string, Forwarder>()
  for (const { id, secrets, upstream } of channels) {
    if (upstream === null) continue
    const connector = createConnector({ config: upstream, pseudonym: pseudonymOf(id, secrets), now })
    connectors.push(connector)
    forwarders.set(id, createForwarder(connector, upstream, passage => onForwarded?.(id, passage)))
  }
  return {
    forwarders: forwarders as ReadonlyMap<string, Forwarder>,
    stop: async (graceMs: number): Promise<void> => { await Promise.all(connectors.map(connector => connector.stop(graceMs))) },
  }
}

export function createForwarder (connector: Pick<Connector, 'pass'>, { edits, handshakes }: Pick<ConnectorConfig, 'edits' | 'handshakes'>, onForwarded: (passage: Passage) => void): Forwarder {
  const isForConnector: Readonly<Record<WebhookKind, boolean>> = { handshake: handshakes, edits, events: true }
  return {
    async forward (webhook, kind) {
      if (!isForConnector[kind]) return null
      const passage = await connector.pass(webhook)
      onForwarded(passage)
      return { passage, reply: toReply(passage) }
    },
  }
}

/** The same on every replica, so each of them detects a loop. Different for each channel, because one may be in front of another. */
function pseudonymOf (id: string, secrets: readonly string[]): string {
  return `imconnector-relay-${hash('sha256', JSON.stringify([id, secrets]), 'base64url').slice(0, 12)}`
}

const REFUSALS = {
  unreachable: [502, 'the connector cannot be reached'],
  timeout: [502, 'the connector did not answer in time'],
  broken: [502, 'the connector gave no valid answer'],
  busy: [503, 'too many requests are waiting for the connector'],
  stopped: [503, 'the relay is stopping'],
  loop: [508, 'the upstream of this channel leads back to it'],
} as const

function toReply (passage: Passage): WebhookReply {
  if (passage.outcome === 'answered') return passage
  const [status, detail] = REFUSALS[passage.outcome]
  const headers: Record<string, string> = { 'content-type': PROBLEM_TYPE }
  if (status === 503) headers['retry-after'] = String(RETRY_AFTER_S)
  return { status, headers, body: JSON.stringify(problem(status, detail)) }
}
