import { hash } from 'node:crypto'
import { isBlankForPortal } from '../text/blank.ts'

/** Where an edit stands in its message's history: `at` in milliseconds (or a source's counter), `tie` a 64-bit integer. */
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
   * The client's own id at the messenger, where no event tells his name and the messenger can be asked for it: an edit of his waits
   * until he has one. It never goes to the portal.
   */
  readonly lookUpId?: string
}

export interface FileLink {
  readonly url: string
  readonly name?: string
}

/** What the portal shows of a message. `text` is BB code in which no character of the client's acts (see src/text). */
export interface Content {
  readonly text: string
  readonly files: readonly FileLink[]
}

/** `date` is the original's, in milliseconds. */
export interface EditedMessage extends Content {
  readonly id: string
  readonly date?: number
}

export interface Chat {
  readonly id: string
  readonly name?: string
  readonly url?: string
}

/** Keeps an edit with the messenger's ids from being taken for one with the portal's. No value has this key. */
declare const addressed: unique symbol

/** One new text of one message, in the relay's own words and with the messenger's ids. */
export interface MessageEdit {
  /** Whose message it is: `out` is the operator's own, which came from the portal. */
  readonly direction?: 'in' | 'out' | undefined
  readonly user: ClientProfile
  readonly message: EditedMessage
  /** What the message showed before, where the messenger tells: it orders edits of one revision. */
  readonly replaces?: Content | undefined
  readonly chat: Chat
  readonly revision: Revision
}

/** A client whom an event describes that is no edit, with the messenger's own ids. */
export interface SeenClient {
  readonly user: ClientProfile
  readonly chat?: string | undefined
  readonly revision: Revision
}

/** An edit as it goes to the portal: ids by the channel's templates, and names in which nothing acts. Only `address` makes one of a MessageEdit. */
export interface PortalEdit extends MessageEdit {
  readonly [addressed]: true
  /** Whether the portal may show the client as "Guest". */
  readonly allowAnonymous: boolean
}

/** What a message is known by. `portal` is the configured portal's host. */
export interface MessageKey {
  readonly portal: string
  readonly connector: string
  readonly line: number
  readonly chat: string
  readonly message: string
}

/** Why a guard refused an edit before any call (design: the portal is never harmed). */
export type RefusalReason = 'empty-text' | 'too-old' | 'id-too-long' | 'anonymous-user' | 'outgoing'

/** Why an accepted edit ended without the portal's word of success. */
export type DeadReason = RefusalReason | 'rejected' | 'poison'

export type EditState = 'pending' | 'delivered' | 'dead'

/** What became of one edit of a webhook. */
export type WebhookOutcome = 'accepted' | 'duplicate' | 'stale' | 'ignored' | 'refused'

/**
 * The row id of a message: 24 characters, the same for the same key on every replica and in every life of the store.
 * JSON keeps the parts apart whatever they contain.
 */
export function messageRowId (key: MessageKey): string {
  return digest([key.portal, key.connector, key.line, key.chat, key.message], 24)
}

/** What a client's profile is stored under: any id fits, however long. */
export function profileId (portal: string, connector: string, user: string): string {
  return digest([portal, connector, user], 24)
}

/** Identifies what the portal would show for an edit: its text and files, not the client's profile. */
export function contentDigest ({ text, files }: Content): string {
  return digest([text, files.map(file => [file.url, file.name ?? null])], 22)
}

function digest (parts: readonly unknown[], length: number): string {
  return hash('sha256', JSON.stringify(parts), 'base64url').slice(0, length)
}

/** Whether a profile names its client. Bitrix24 renames a client to "Guest" when a call brings neither name. */
export function isNamed (profile: ClientProfile): boolean {
  return !isBlankForPortal(profile.name ?? '') || !isBlankForPortal(profile.lastName ?? '')
}
