import { type PortalEdit, type RefusalReason, isNamed } from './edit.ts'
import { isBlankForPortal } from '../text/blank.ts'

/** Bitrix24 silently drops an edit of a message that it created more than three days ago. */
const PORTAL_EDIT_WINDOW_MS = 3 * 24 * 60 * 60 * 1000

/** Bitrix24 keeps 97 characters of a longer message id, so that the message could not be found again. */
const MAX_ID_CHARACTERS = 100

export interface GuardContext {
  /** Milliseconds of the wall clock. */
  readonly wallTime: number
  /** For how long the edit has waited, in milliseconds of a clock that never jumps; 0 at the intake. */
  readonly waitedMs: number
}

/** Why an edit must not be sent, or null. Asked before an edit is accepted and again before each call, since it may have become too old. */
export function guard (edit: PortalEdit, context: GuardContext): RefusalReason | null {
  if (edit.direction === 'out') return 'outgoing'
  if (isBlankForPortal(edit.message.text)) return 'empty-text'
  if ([edit.user.id, edit.chat.id, edit.message.id].some(isTooLong)) return 'id-too-long'
  if (!edit.allowAnonymous && !isNamed(edit.user) && edit.user.lookUpId === undefined) return 'anonymous-user'
  if (isTooOld(edit, context)) return 'too-old'
  return null
}

/**
 * Whether the portal would drop the edit for the age of its message. An original of unknown date is at least as old as its edit, which was
 * accepted at a time of the clock that never jumps: setting the wall clock makes it no older. Each process starts that clock at the wall
 * clock's time; so across a restart the time in between counts, and so does any change of the wall clock since the last start.
 */
function isTooOld ({ message: { date } }: PortalEdit, { wallTime, waitedMs }: GuardContext): boolean {
  return (date === undefined ? waitedMs : wallTime - date) > PORTAL_EDIT_WINDOW_MS
}

/** Whether the portal would not know an id again. */
function isTooLong (id: string): boolean {
  return id.length > MAX_ID_CHARACTERS && [...id].length > MAX_ID_CHARACTERS
}
