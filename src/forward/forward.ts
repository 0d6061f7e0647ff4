import type { Intake, Receipt } from '../intake.ts'
import type { WebhookReply } from '../messengers/messenger.ts'
import { problem, PROBLEM_TYPE } from '../http/problem.ts'
import type { IncomingWebhook } from './arrival.ts'
import type { Passage, Upstream } from './connector.ts'

/** What became of a webhook, and how passing it on went if it was passed on. */
export interface Reception {
  /** As `receive` of the intake. For a channel in front of a connector, the reply may be the connector's. */
  receive (channelId: string, request: IncomingWebhook, admit?: () => Promise<void>): Promise<PassedReceipt>
}

export interface PassedReceipt extends Receipt {
  readonly forwarded?: Passage
}

/** The connector behind a channel, and which requests are for it beside those that hold other events than edits. */
export interface Front {
  readonly upstream: Pick<Upstream, 'pass'>
  readonly edits: boolean
  readonly handshakes: boolean
}

export interface ReceptionOptions {
  readonly intake: Intake
  /** Those of the channels that have a connector behind them, by channel. */
  readonly fronts: ReadonlyMap<string, Front>
  readonly onForwarded: (channel: string, passage: Passage) => void
}

/**
 * The door for webhooks. What is for the connector goes on once our part of it is on disk: if the connector fails, the messenger repeats the
 * request, and our edits are duplicates then.
 */
export function createReception ({ intake, fronts, onForwarded }: ReceptionOptions): Reception {
  async function receiveInFront (front: Front, channelId: string, request: IncomingWebhook, admit?: () => Promise<void>): Promise<PassedReceipt> {
    const receipt = await receiveOwn(front, channelId, request, admit)
    if (!isForConnector(receipt.kind, front)) return receipt
    const passage = await front.upstream.pass(request)
    onForwarded(channelId, passage)
    return { ...receipt, reply: toReply(passage), forwarded: passage }
  }

  /** A question asked by GET holds nothing for us when the connector is to answer it. */
  async function receiveOwn (front: Front, channelId: string, request: IncomingWebhook, admit?: () => Promise<void>): Promise<Receipt> {
    if (request.method !== 'GET' || !front.handshakes) return await intake.receive(channelId, request, admit)
    await admit?.()
    return { kind: 'handshake', reply: { status: 200, body: '' }, edits: [] }
  }

  return {
    receive (channelId, request, admit) {
      const front = fronts.get(channelId)
      return front === undefined ? intake.receive(channelId, request, admit) : receiveInFront(front, channelId, request, admit)
    },
  }
}

function isForConnector (kind: Receipt['kind'], { edits, handshakes }: Front): boolean {
  switch (kind) {
    case 'handshake': return handshakes
    case 'edits': return edits
    case 'events': return true
  }
}

const RETRY_AFTER_S = '5'

const REFUSALS = {
  unreachable: [502, 'the connector cannot be reached'],
  timeout: [502, 'the connector did not answer in time'],
  broken: [502, 'the connector gave no proper answer'],
  busy: [503, 'too many requests wait for the connector'],
  stopped: [503, 'the relay is stopping'],
  loop: [508, 'the upstream of this channel leads back to it'],
} as const

function toReply (passage: Passage): WebhookReply {
  if (passage.outcome === 'answered') return passage
  const [status, detail] = REFUSALS[passage.outcome]
  const headers: Record<string, string> = { 'content-type': PROBLEM_TYPE }
  if (status === 503) headers['retry-after'] = RETRY_AFTER_S
  return { status, headers, body: JSON.stringify(problem(status, detail)) }
}
