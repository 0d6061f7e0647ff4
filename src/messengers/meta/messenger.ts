import { z } from 'zod'
import type { MessageEdit } from '../../edit/edit.ts'
import { BadRequest } from '../../base/errors.ts'
import { counter, readEach, exactId, optionalId, optionalInteger, readFields, renderText, requireTime } from '../fields.ts'
import type { WebhookContent } from '../messenger.ts'
import type { Account } from './account.ts'

/** `standby` has the events of conversations that another app leads. */
const entryOfPage = z.object({
  id: optionalId,
  time: optionalInteger,
  messaging: z.array(z.unknown()).nullish(),
  standby: z.array(z.unknown()).nullish(),
})

const event = z.object({
  message_edit: z.object({ text: z.unknown().optional(), num_edit: z.unknown().optional() }).nullish(),
})

/** https://developers.facebook.com/docs/messenger-platform/reference/webhook-events/message-edits */
const editEvent = z.object({
  sender: z.object({ id: exactId }),
  recipient: z.object({ id: optionalId }).optional().catch(undefined),
  timestamp: optionalInteger,
  message_edit: z.object({ mid: exactId, text: z.string(), num_edit: counter }),
})

type Page = z.output<typeof entryOfPage>

/** The events of one Page, or of one Instagram account if Meta sends edits of those. They contain no names. */
export function readMessaging (entry: unknown, object: 'page' | 'instagram', account: Account, nowMs: number): WebhookContent {
  const page = readFields(entryOfPage, entry, '/entry')
  // An entry without events reports a change of the Page.
  const events = page.messaging ?? page.standby ? [...page.messaging ?? [], ...page.standby ?? []] : [{}]
  return readEach(events, item => {
    if (!isEdit(item) || !account.isServed(String(page.id))) return { ignored: [{}] }
    return { edits: [readEdit(item, page, account.asksNames && object === 'page', nowMs)] }
  })
}

/** For a new message in a conversation, Instagram may send a `message_edit` with the number 0 and no text. */
function isEdit (item: unknown): boolean {
  const { message_edit: edit } = readFields(event, item, '/messaging')
  if (edit === undefined || edit === null) return false
  return String(edit.num_edit) !== '0' || typeof edit.text === 'string'
}

function readEdit (item: unknown, page: Page, asksNames: boolean, nowMs: number): MessageEdit {
  const { sender, recipient, timestamp = page.time, message_edit: edit } = readFields(editEvent, item, '/messaging')
  const isOwn = page.id !== undefined && String(sender.id) === String(page.id)
  const client = isOwn ? recipient?.id : sender.id
  if (client === undefined) throw new BadRequest('faulty: /messaging/recipient/id')
  if (timestamp === undefined) throw new BadRequest('faulty: /messaging/timestamp')
  const user = String(client)
  return {
    direction: isOwn ? 'out' : 'in',
    user: { id: user, ...(asksNames && /^\d+$/.test(user) ? { lookUpId: user } : {}) },
    message: { id: String(edit.mid), text: renderText({ text: edit.text, ranges: [] }), files: [] },
    chat: { id: user },
    // Meta also numbers the edits of a message, but an edit without a number must not count as older than one with a number.
    revision: { at: requireTime(timestamp, nowMs, '/messaging/timestamp'), tie: edit.num_edit },
  }
}
