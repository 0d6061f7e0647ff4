import { z } from 'zod'
import type { ChannelActivity } from '../src/operations/activity.ts'
import { ACTIVITY_OUTCOMES } from '../src/outbox/activity.ts'

const countsSchema = z.record(z.enum(ACTIVITY_OUTCOMES), z.number())

const occurrenceSchema = z.object({ at: z.string(), detail: z.string() }).nullable()

/** The channels in the answer of `/api/status`. */
export const channelsSchema = z.array(z.object({
  id: z.string(),
  messenger: z.string(),
  lastWebhookAt: z.string().nullable().describe('the last authentic webhook; null: none within RETENTION_DAYS'),
  lastUnreadable: occurrenceSchema.describe('the last event that should be an edit and cannot be read, with the names of the faulty fields'),
  lastForwardFailure: occurrenceSchema.describe('the last webhook that the connector behind the channel did not take'),
  hour: countsSchema.describe('the present clock hour and the one before'),
  day: countsSchema.describe('the present clock hour and the 23 before'),
})).describe('what happened on each channel, in all relays together, until a few seconds ago')

export function toChannels (activity: readonly ChannelActivity[]): z.infer<typeof channelsSchema> {
  return activity.map(({ lastWebhookAt, lastUnreadable, lastForwardFailure, ...channel }) => ({
    ...channel,
    lastWebhookAt: lastWebhookAt === null ? null : new Date(lastWebhookAt).toISOString(),
    lastUnreadable: toOccurrence(lastUnreadable),
    lastForwardFailure: toOccurrence(lastForwardFailure),
  }))
}

function toOccurrence (occurrence: ChannelActivity['lastUnreadable']): z.infer<typeof occurrenceSchema> {
  return occurrence && { ...occurrence, at: new Date(occurrence.at).toISOString() }
}
