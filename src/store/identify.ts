import { contentDigest, messageRowId } from '../edit.ts'
import type { IncomingEdit } from './store.ts'

/** An edit with the hashes by which the store tells messages and contents apart. */
export interface IdentifiedEdit extends IncomingEdit {
  readonly id: string
  readonly digest: string
  /** The digest of what the message showed before, where the messenger tells. */
  readonly replaced?: string | undefined
}

/** For an engine to call where it has time: hashing took a thirtieth of what the thread that answers webhooks has to do for one. */
export function identify (incoming: IncomingEdit): IdentifiedEdit {
  const { key, edit } = incoming
  return { ...incoming, id: messageRowId(key), digest: contentDigest(edit.message), replaced: edit.replaces && contentDigest(edit.replaces) }
}
