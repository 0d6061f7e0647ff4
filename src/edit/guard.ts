import type { MessageEdit, RefusalReason } from './edit.ts'
import { isNamed } from './profile.ts'
import { isBlankForPortal } from '../text/blank.ts'

/** Bitrix24 silently drops an edit of a message that it created more than three days ago. */
export const PORTAL_EDIT_WINDOW_MS = 3 * 24 * 60 * 60 * 1000

/** Bitrix24 keeps 97 characters of a longer message id, so that the message could not be found again. */
const MAX_ID_CHARACTERS = 100

export interface GuardContext {
  readonly now: number
  readonly allowAnonymous: boolean
}

/** Why an edit must not be sent, or null. `edit` is as it would go to the portal: its ids and its text are final. */
export function guard (edit: MessageEdit, context: GuardContext): RefusalReason | null {
  if (edit.direction === 'out') return 'outgoing'
  if (isBlankForPortal(edit.message.text)) return 'empty-text'
  if ([edit.user.id, edit.chat.id, edit.message.id].some(isTooLong)) return 'id-too-long'
  if (!context.allowAnonymous && !isNamed(edit.user) && edit.user.lookUpId === undefined) return 'anonymous-user'
  if (isTooOld(edit, context.now)) return 'too-old'
  return null
}

/** Whether the portal would drop the edit for the age of its message. Without a date nobody knows, and the portal decides. */
export function isTooOld (edit: MessageEdit, now: number): boolean {
  return edit.message.date !== undefined && now - edit.message.date > PORTAL_EDIT_WINDOW_MS
}

/** Whether the portal would not know an id again. */
export function isTooLong (id: string): boolean {
  return id.length > MAX_ID_CHARACTERS && [...id].length > MAX_ID_CHARACTERS
}
