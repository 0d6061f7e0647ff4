import { hash } from 'node:crypto'
import { isBlankForPortal } from '../text/blank.ts'

/** Orders the edits of a message: first by `at`, in milliseconds or a source's counter, then by `tie`, a 64-bit integer. */
export interface Revision {
  readonly at: number
  readonly tie: bigint
}

/** Negative when `a` is older than `b`, zero when equal, positive when newer. */
export function compareRevisions (a: Revision, b: Revision): number {
  if (a.at !== b.at) return a.at - b.at
  return a.tie === b.tie ? 0 : a.tie < b.tie ? -1 : 1
}

export interface ClientProfile {
  readonly id: string
  readonly name?: string
  readonly lastName?: string
  readonly pictureUrl?: string
  readonly url?: string
  readonly gender?: string
  readonly email?: string
  readonly phone?: string
  /**
   * The client's id at the messenger, if events lack the client's name and the messenger's API gives it. The edit waits for the name.
   * This id never goes to the portal.
   */
  readonly lookUpId?: string
}

export interface FileLink {
  readonly url: string
  readonly name?: string
}

/** What the portal shows of a message. `text` is BB code; characters that the client wrote have no effect in it (see src/text). */
export interface Content {
  readonly text: string
  readonly files: readonly FileLink[]
}

/** `date` is the original message's, in milliseconds. */
export interface EditedMessage extends Content {
  readonly id: string
  readonly date?: number
}

export interface Chat {
  readonly id: string
  readonly name?: string
  readonly url?: string
}

/** Exists only for the compiler, which then rejects an edit with the messenger's ids in place of one with the portal's. */
declare const addressed: unique symbol

/** One new text of one message, with the messenger's ids. */
export interface MessageEdit {
  /** `out` is the operator's own message, which came from the portal. */
  readonly direction?: 'in' | 'out' | undefined
  readonly user: ClientProfile
  readonly message: EditedMessage
  /** The previous content, if the messenger gives it: it orders edits of one revision. */
  readonly replaces?: Content | undefined
  readonly chat: Chat
  readonly revision: Revision
}

/** Who wrote a message, and in which chat: the messenger's own ids. */
export interface Author {
  readonly user: string
  readonly chat: string
}

/** A client in an event that is not an edit, with the messenger's own ids. */
export interface SeenClient {
  readonly user: ClientProfile
  readonly chat?: string | undefined
  /** The message that the client wrote, if edits of the messenger do not say whose they are. Its id is unique in the channel. */
  readonly message?: string | undefined
  readonly revision: Revision
}

/** An edit with the portal's ids and with names without active BB code. Only `address` makes one from a MessageEdit. */
export interface PortalEdit extends MessageEdit {
  readonly [addressed]: true
  /** Whether the portal may show the client as "Guest". */
  readonly allowAnonymous: boolean
}

/** Identifies a message. `portal` is our own id of the portal, which outlives its address. */
export interface MessageKey {
  readonly portal: string
  readonly connector: string
  readonly line: number
  readonly chat: string
  readonly message: string
}

/** Why the guard refused an edit before any call. */
export const REFUSAL_REASONS = ['empty-text', 'too-old', 'id-too-long', 'anonymous-user', 'outgoing'] as const

export type RefusalReason = typeof REFUSAL_REASONS[number]

/** Why an accepted edit was not delivered. */
export const DEAD_REASONS = [...REFUSAL_REASONS, 'rejected', 'poison'] as const

export type DeadReason = typeof DEAD_REASONS[number]

export const EDIT_STATES = ['pending', 'delivered', 'dead'] as const

export type EditState = typeof EDIT_STATES[number]

/** The result of one event of a webhook. */
export type WebhookOutcome = 'accepted' | 'duplicate' | 'stale' | 'ignored' | 'refused'

/** The row id of a message: 24 characters, the same for the same key on every replica and in every database. */
export function messageRowId (key: MessageKey): string {
  return digest([key.portal, key.connector, key.line, key.chat, key.message], 24)
}

/** The key of a stored profile; of fixed length for any client id. */
export function profileId (portal: string, connector: string, user: string): string {
  return digest([portal, connector, user], 24)
}

/** The id under which a message's author is stored beside the profiles; no client has it. */
export function authorId (channel: string, message: string): string {
  return `author ${digest([channel, message], 24)}`
}

/** Identifies an edit's text and files; the client's profile does not count. */
export function contentDigest ({ text, files }: Content): string {
  return digest([text, files.map(file => [file.url, file.name ?? null])], 22)
}

/** JSON keeps the parts separate, whatever characters they contain. */
function digest (parts: readonly unknown[], length: number): string {
  return hash('sha256', JSON.stringify(parts), 'base64url').slice(0, length)
}

/** Whether a profile has a name. Bitrix24 renames a client to "Guest" if a call has neither name. */
export function isNamed (profile: ClientProfile): boolean {
  return !isBlankForPortal(profile.name ?? '') || !isBlankForPortal(profile.lastName ?? '')
}
