import type { PortalClock } from '../base/portal-clock.ts'
import { type PortalEdit, type RefusalReason, isNamed } from './edit.ts'
import { isBlankForPortal } from '../text/blank.ts'

/** Bitrix24 silently drops an edit of a message that it created more than three days ago. */
const PORTAL_EDIT_WINDOW_MS = 3 * 24 * 60 * 60 * 1000

/** Bitrix24 cuts a longer message id to 97 characters and then never finds the message again. */
const MAX_ID_CHARACTERS = 100

/** What is known about time; null if it is not known. Then no edit is too old. */
interface GuardContext {
  /** Milliseconds of the portal's clock, by which it refuses edits. */
  readonly portalTime: number | null
  /** Milliseconds since the edit was accepted, by a clock that never jumps; 0 at the intake. */
  readonly waitedMs: number | null
}

/** What is known about time when an accepted edit comes to its turn. */
export function timesOf (acceptedAt: number, clock: Pick<PortalClock, 'time' | 'presentFor'>): GuardContext {
  const present = clock.presentFor(PORTAL_EDIT_WINDOW_MS)
  return { portalTime: clock.time(), waitedMs: present === null ? null : present - acceptedAt }
}

/** Why an edit must not be sent, or null. Called before an edit is accepted and again before each call, because it may be too old by then. */
export function guard (edit: PortalEdit, context: GuardContext): RefusalReason | null {
  if (edit.direction === 'out') return 'outgoing'
  if (isBlankForPortal(edit.message.text)) return 'empty-text'
  if ([edit.user.id, edit.chat.id, edit.message.id].some(isTooLong)) return 'id-too-long'
  if (!edit.allowAnonymous && !isNamed(edit.user) && edit.user.lookUpId === undefined) return 'anonymous-user'
  if (isTooOld(edit, context)) return 'too-old'
  return null
}

/**
 * Whether the portal would drop the edit because its message is too old. A message of unknown date is at least as old as its edit, whose
 * waiting time is measured by a clock that never jumps. Each process starts that clock at the wall clock's time, so the time of a restart counts.
 */
function isTooOld ({ message: { date } }: PortalEdit, { portalTime, waitedMs }: GuardContext): boolean {
  const ageMs = date === undefined ? waitedMs : portalTime === null ? null : portalTime - date
  return ageMs !== null && ageMs > PORTAL_EDIT_WINDOW_MS
}

function isTooLong (id: string): boolean {
  return id.length > MAX_ID_CHARACTERS && [...id].length > MAX_ID_CHARACTERS
}
