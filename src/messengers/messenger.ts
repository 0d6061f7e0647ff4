import type { IncomingHttpHeaders } from 'node:http'
import type { z } from 'zod'
import type { MessageEdit, RefusalReason, SeenClient, WebhookOutcome } from '../edit/edit.ts'
import type { ProfileLookup } from './profile-lookup.ts'

/** One HTTP request of a messenger, before anything of it is believed. */
export interface WebhookRequest {
  readonly method: 'GET' | 'POST'
  /** What stands after the question mark, as it came. */
  readonly query: string
  readonly headers: IncomingHttpHeaders
  /** As it came: signatures are made over bytes. */
  readonly body: Buffer
}

/** An event that is not for the relay. */
export interface IgnoredEvent {
  /** Set when it is authentic and ought to be an edit, but cannot be read: `detail` says why, in no words of the client's. */
  readonly reason?: 'unreadable'
  readonly detail?: string
}

/**
 * What a webhook says. The edits carry the messenger's own ids and the client's names as given; their texts are BB code already. The other
 * events are acknowledged, because a messenger would repeat them or give us up; the clients that they describe complete later edits that
 * come without a name.
 */
export interface WebhookContent {
  readonly edits: readonly MessageEdit[]
  readonly ignored: readonly IgnoredEvent[]
  readonly clients: readonly SeenClient[]
  /** The answer to a question that the sender asked by this webhook; without it `reply` makes the answer. */
  readonly reply?: WebhookReply
}

/** What a webhook is: a question about the address, nothing but edits, or something else as well. */
export type WebhookKind = 'handshake' | 'edits' | 'events'

/** What became of one event of a webhook; an ignored one has no row and so no id. */
export interface EditResult {
  readonly id?: string
  readonly outcome: WebhookOutcome
  readonly reason?: RefusalReason | 'unreadable'
}

/**
 * Bytes go out as they are, a string as plain text unless `headers` has a content-type, anything else as JSON. An empty string and no
 * bytes are an empty body.
 */
export interface WebhookReply {
  readonly status: number
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly body: unknown
}

/** Most messengers read a webhook at once. JSONata gives a promise. */
export type Parsed = WebhookContent | Promise<WebhookContent>

/** One kind of source, made for one channel. It is asked in this order: nothing is parsed that is not authentic. */
export interface Messenger<Content extends Parsed = Parsed> {
  /**
   * The answer to a question that is asked before anything is signed, such as whether the address is ours; null when the request is none.
   * Throws Unauthenticated when the question does not prove what it must.
   */
  greet? (request: WebhookRequest): WebhookReply | null
  /** Throws Unauthenticated. */
  verify (request: WebhookRequest, nowMs: number): void
  /** Throws, or rejects with, BadRequest that names each faulty field. */
  parse (request: WebhookRequest, nowMs: number): Content
  /**
   * What is answered to an authentic webhook that `parse` throws BadRequest at. `refuse` tells its sender, who can mend it;
   * `acknowledge` counts it as ignored, for a messenger that stops sending, or repeats for ever, when it is refused.
   */
  readonly unreadable: 'refuse' | 'acknowledge'
  /** What this sender takes for success. */
  reply (results: readonly EditResult[]): WebhookReply
}

/** What a secret of the messenger looks like: `remedy` ends the sentence "the secret …". */
export interface SecretRule {
  readonly isGood: (secret: string) => boolean
  readonly remedy: string
}

/** How the portal's ids are made where a channel does not say: see `ids` of a channel. */
export interface IdTemplates {
  readonly user: string
  readonly chat: string
  readonly message: string
}

/** What the configuration and the intake know of a messenger. */
export interface MessengerModule<Content extends Parsed = Parsed> {
  readonly secret: SecretRule
  /** The keys of a channel that only this messenger has. */
  readonly keys: z.ZodRawShape
  readonly ids?: Partial<IdTemplates>
  /** `secrets` are the channel's, several while they rotate, each checked by the rule; `settings` are the values of `keys`. */
  readonly create: (channel: { readonly secrets: readonly string[], readonly settings: Readonly<Record<string, unknown>> }) => Messenger<Content>
  /** For a messenger whose events tell no names: null while the channel has no token to ask for them with. */
  readonly profiles?: (channel: { readonly secrets: readonly string[], readonly settings: Readonly<Record<string, unknown>> }) => ProfileLookup | null
}

interface TypedModule<Keys extends z.ZodRawShape, Content extends Parsed> {
  readonly secret: SecretRule
  readonly keys: Keys
  readonly ids?: Partial<IdTemplates>
  readonly create: (channel: { readonly secrets: readonly string[], readonly settings: z.output<z.ZodObject<Keys>> }) => Messenger<Content>
  readonly profiles?: (channel: { readonly secrets: readonly string[], readonly settings: z.output<z.ZodObject<Keys>> }) => ProfileLookup | null
}

/** Keeps the types of a messenger's own keys inside it: whoever holds the module needs none of them. */
export function defineMessenger<Keys extends z.ZodRawShape, Content extends Parsed> (module: TypedModule<Keys, Content>): MessengerModule<Content> {
  return module as unknown as MessengerModule<Content>
}
