import { z } from 'zod'
import { DEAD_REASONS, EDIT_STATES } from '../src/edit/edit.ts'
import { CONFIRMATIONS, type EditFilter, type ReportWindow } from '../src/outbox/outbox.ts'

/** An operator's filter. Strict: if a misspelt field were ignored, all edits would match. */
export const filterSchema = z.strictObject({
  state: z.enum(EDIT_STATES).optional(),
  reason: z.enum(DEAD_REASONS).optional().describe('why it is dead, or why a newer revision of it was refused'),
  channel: z.string().max(64).optional(),
  chat: z.string().max(1000).optional(),
  message: z.string().max(1000).optional(),
  confirmation: z.enum(CONFIRMATIONS).optional().describe('of delivered edits: whether the portal has reported that it found the message'),
})

export function toFilter ({ confirmation, ...filter }: z.infer<typeof filterSchema>, window: ReportWindow): EditFilter {
  return { ...filter, ...confirmation === undefined ? {} : { confirmation: { is: confirmation, window } } }
}
