import type { IncomingHttpHeaders } from 'node:http'
import type { z } from 'zod'
import type { FieldFault } from '../base/errors.ts'
import type { Author, MessageEdit, RefusalReason, SeenClient, WebhookOutcome } from '../edit/edit.ts'
import type { ProfileLookup } from './profile-lookup.ts'

/** One HTTP request from a messenger, not verified yet. */
export interface WebhookRequest {
  readonly method: 'GET' | 'POST'
  /** The text after the question mark, unchanged. */
  readonly query: string
  readonly headers: IncomingHttpHeaders
  /** The raw bytes: signatures are made over them. */
  readonly body: Buffer
}

/** An event that is not for the relay. */
interface IgnoredEvent {
  /** Set if the event should be an edit but cannot be read. `detail` says why and quotes nothing from the client; so do `faults`, field by field. */
  readonly reason?: 'unreadable'
  readonly detail?: string
  readonly faults?: readonly FieldFault[]
  /** It cannot be read because its time is impossible by our clock. */
  readonly isImpossible?: boolean
}

/**
 * The content of a webhook. The edits have the messenger's own ids and the client's names as given; their texts are already BB code. Other
 * events are acknowledged too, or the messenger would repeat them or stop sending. Their clients' names complete later edits without a name.
 */
export interface WebhookContent {
  readonly edits: readonly MessageEdit[]
  readonly ignored: readonly IgnoredEvent[]
  readonly clients: readonly SeenClient[]
  /** The answer if the webhook is a question; otherwise `Messenger.reply` makes the answer. */
  readonly reply?: WebhookReply
}

/** A question about the address, only edits, or at least one other event. */
export type WebhookKind = 'handshake' | 'edits' | 'events'

/** The result of one event of a webhook. An ignored event has no row and so no id. */
export interface EditResult {
  readonly id?: string
  readonly outcome: WebhookOutcome
  readonly reason?: RefusalReason | 'unreadable'
}

/** Bytes are sent unchanged, a string as plain text unless `headers` has a content-type, anything else as JSON. An empty string or Buffer is an empty body. */
export interface WebhookReply {
  readonly status: number
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly body: unknown
}

/** The author of a message that an earlier event named in `SeenClient.message`, or null. */
export type FindAuthor = (message: string) => Promise<Author | null>

/** Most messengers parse synchronously. JSONata returns a promise. */
type Parsed = WebhookContent | Promise<WebhookContent>

/** One messenger for one channel. The intake calls these functions in this order: it parses only authentic requests. */
export interface Messenger<Content extends Parsed = Parsed> {
  /**
   * The answer to an unsigned question, such as whether the address is ours; null if the request is not a question.
   * Throws Unauthenticated if the question lacks the secret that it must have.
   */
  greet? (request: WebhookRequest): WebhookReply | null
  /** Whether the secret is in the body. Then a body is not even received from an address with too many failed authentications. */
  readonly hasSecretInBody?: boolean
  /** Throws Unauthenticated. It may not parse the body, or do anything else that grows faster than it, before the sender is authentic. */
  verify (request: WebhookRequest, nowMs: number): void
  /** Throws or rejects with BadRequest, which names each faulty field; with ImpossibleTime if our clock may be the reason. */
  parse (request: WebhookRequest, nowMs: number, findAuthor?: FindAuthor): Content
  /**
   * The answer to an authentic webhook that `parse` cannot read. `refuse` answers 400, for a sender that can correct it; `acknowledge`
   * counts it as ignored, for a messenger that stops sending or repeats endlessly after an error.
   */
  readonly unreadable: 'refuse' | 'acknowledge'
  /** The answer that this sender treats as success. */
  reply (results: readonly EditResult[]): WebhookReply
}

/** The form of the messenger's secrets. `remedy` completes the sentence "the secret …". */
interface SecretRule {
  readonly isGood: (secret: string) => boolean
  readonly remedy: string
}

/** The templates of the portal's ids, for a channel without `ids` of its own. */
export interface IdTemplates {
  readonly user: string
  readonly chat: string
  readonly message: string
}

/** The part of a channel that a messenger uses. */
interface MessengerOptions<Keys extends z.ZodRawShape> {
  /** Several while they rotate; `SecretRule` has checked each. */
  readonly secrets: readonly string[]
  /** The values of `keys`. */
  readonly settings: Readonly<z.output<z.ZodObject<Keys>>>
}

/** One kind of messenger, as the configuration and the intake use it. */
export interface MessengerModule<Content extends Parsed = Parsed, Keys extends z.ZodRawShape = z.ZodRawShape> {
  readonly secret: SecretRule
  /** The keys of a channel that only this messenger has. */
  readonly keys: Keys
  readonly ids?: Partial<IdTemplates>
  readonly create: (options: MessengerOptions<Keys>) => Messenger<Content>
  /** For a messenger whose events contain no names. Null if the channel has no API token. */
  readonly profiles?: (options: MessengerOptions<Keys>) => ProfileLookup | null
}

/** Hides the types of a messenger's own keys from its users. */
export function defineMessenger<Keys extends z.ZodRawShape, Content extends Parsed> (module: MessengerModule<Content, Keys>): MessengerModule<Content> {
  return module as unknown as MessengerModule<Content>
}
