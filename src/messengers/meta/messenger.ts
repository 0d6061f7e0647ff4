import { z } from 'zod'
import type { MessageEdit } from '../../edit/edit.ts'
import { readEach, exactId, readFields, renderText, requireTime } from '../fields.ts'
import type { WebhookContent } from '../messenger.ts'
import type { Account } from './account.ts'

const entryOfPage = z.object({ id: exactId, messaging: z.array(z.unknown()).optional() })

const event = z.object({ message_edit: z.unknown().optional() })

/** https://developers.facebook.com/docs/messenger-platform/reference/webhook-events/message-edits */
const editEvent = z.object({
  sender: z.object({ id: exactId }),
  recipient: z.object({ id: exactId }),
  timestamp: z.int(),
  message_edit: z.object({
    mid: exactId,
    text: z.string(),
    num_edit: z.union([z.int().min(0), z.string().regex(/^\d{1,9}$/)]).optional(),
  }),
})

/** The events of one Page, or of one Instagram account if Meta sends edits of those. They contain no names. */
export function readMessaging (entry: unknown, object: 'page' | 'instagram', account: Account, nowMs: number): WebhookContent {
  const { id, messaging = [{}] } = readFields(entryOfPage, entry, '/entry')
  return readEach(messaging, item => {
    const isEdit = readFields(event, item, '/messaging').message_edit !== undefined
    if (!isEdit || !account.isServed(String(id))) return { ignored: [{}] }
    return { edits: [readEdit(item, String(id), account.asksNames && object === 'page', nowMs)] }
  })
}

function readEdit (item: unknown, page: string, asksNames: boolean, nowMs: number): MessageEdit {
  const { sender, recipient, timestamp, message_edit: edit } = readFields(editEvent, item, '/messaging')
  const isOwn = String(sender.id) === page
  const user = String(isOwn ? recipient.id : sender.id)
  return {
    direction: isOwn ? 'out' : 'in',
    user: { id: user, ...(asksNames && /^\d+$/.test(user) ? { lookUpId: user } : {}) },
    message: { id: String(edit.mid), text: renderText({ text: edit.text, ranges: [] }), files: [] },
    chat: { id: user },
    // Meta numbers the edits of a message; the time orders events without a number.
    revision: { at: Number(edit.num_edit ?? 0), tie: BigInt(requireTime(timestamp, nowMs, '/messaging/timestamp')) },
  }
}
