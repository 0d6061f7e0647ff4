import type { WebhookRequest } from '../messengers/messenger.ts'

/** How a request came, for whoever it is passed on to. */
export interface Arrival {
  /** Names and values in turn, as they came. */
  readonly rawHeaders: readonly string[]
  /** Such as `1.1`. */
  readonly httpVersion: string
  /** The sender's address and the address that it asked, as far as TRUST_PROXY lets them be known. */
  readonly address: string
  readonly host: string
  readonly protocol: string
}

export interface IncomingWebhook extends WebhookRequest {
  readonly arrival: Arrival
}
