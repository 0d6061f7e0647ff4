import type { IncomingHttpHeaders } from 'node:http'
import type { ClientProfile, MessageEdit, RefusalReason, Revision, WebhookOutcome } from '../edit.ts'

/** One HTTP request of a messenger, before anything of it is believed. */
export interface WebhookRequest {
  readonly headers: IncomingHttpHeaders
  /** As it came: signatures are made over bytes. */
  readonly body: Buffer
}

/** A client whom an event describes that is no edit, with the messenger's own ids. */
export interface SeenClient {
  readonly user: ClientProfile
  readonly chat?: string | undefined
  readonly revision: Revision
}

/**
 * What a webhook says. The edits carry the messenger's own ids and the client's names as given; their texts are BB code
 * already. `ignored` is a well-formed event that is no edit: it is acknowledged, because a messenger would repeat it or give us up. The clients that it describes
 * complete later edits that come without a name.
 */
export type WebhookContent =
  | { readonly kind: 'edits', readonly edits: readonly MessageEdit[] }
  | { readonly kind: 'ignored', readonly clients: readonly SeenClient[] }

/** What became of one edit of a webhook; an ignored event has no row and so no id. */
export interface EditResult {
  readonly id?: string
  readonly outcome: WebhookOutcome
  readonly reason?: RefusalReason
}

export interface WebhookReply {
  readonly status: number
  readonly body: unknown
}

/** One kind of source, made for one channel. It is asked in this order: nothing is parsed that is not authentic. */
export interface Messenger {
  /** Throws Unauthenticated. */
  verify (request: WebhookRequest, nowMs: number): void
  /** Throws BadRequest, naming each faulty field. */
  parse (request: WebhookRequest, nowMs: number): WebhookContent
  /** What this sender takes for success. */
  reply (results: readonly EditResult[]): WebhookReply
}

/** `secrets` are the channel's, several while they rotate; the configuration has checked them by the messenger's own rule. */
export type MessengerFactory = (channel: { readonly secrets: readonly string[] }) => Messenger
