import type { z } from 'zod'
import { BadRequest } from '../../base/errors.ts'
import { readSecret, STANDARD_WEBHOOKS } from '../../signatures/standard-webhooks.ts'
import { createVerifier } from '../../signatures/verify.ts'
import { checkMessage, checkTime, invalid, toClient, toEdit, toFault, toTime } from './edit.ts'
import { genericClient, genericEvent, genericTime, MAX_EDITS } from './schema.ts'
import { parseBody } from '../../base/json.ts'
import { defineMessenger, type WebhookContent } from '../messenger.ts'
import type { SeenClient } from '../../edit/edit.ts'

/** The relay's own format, signed by Standard Webhooks, for senders that can be programmed. */
export const generic = defineMessenger({
  secret: {
    isGood: secret => readSecret(secret) !== null,
    remedy: 'must be whsec_ followed by base64 of 24 to 64 bytes; "npm run -s relay -- secret" makes one',
  },
  keys: {},
  create: ({ secrets }) => ({
    verify: createVerifier(STANDARD_WEBHOOKS, secrets.map(readSecret).filter(key => key !== null)),
    parse: (request, nowMs) => parseEvent(parseBody(request.body), nowMs),
    unreadable: 'refuse',
    reply: results => ({ status: 202, body: { edits: results } }),
  }),
})

function parseEvent (event: unknown, nowMs: number): WebhookContent {
  if (!isObject(event)) throw new BadRequest('the body must be an object with type and data')
  if (typeof event.type !== 'string') throw invalid([{ pointer: '/type', detail: 'must be a string; the relay handles "message.edited"' }])
  if (event.type !== 'message.edited') return { edits: [], ignored: [{}], clients: readClients(event, nowMs) }

  // Before the schema: a megabyte of empty edits would give a million faults.
  const many = Array.isArray(event.data)
  const data: unknown[] = many ? event.data as unknown[] : [event.data]
  if (data.length === 0 || data.length > MAX_EDITS) throw invalid([{ pointer: '/data', detail: `must be one edit or a list of 1 to ${MAX_EDITS}` }])

  const parsed = genericEvent.safeParse({ type: event.type, timestamp: event.timestamp, data })
  if (!parsed.success) throw invalid(parsed.error.issues.map(issue => toFault(many ? issue : withoutIndex(issue))))
  const sentAt = toTime(parsed.data.timestamp)
  const faults = checkTime(sentAt, '/timestamp', nowMs)
  const edits = parsed.data.data.map((edit, index) => {
    faults.push(...checkMessage(edit.message, sentAt, many ? `/data/${index}/message` : '/data/message', nowMs))
    return toEdit(edit, sentAt)
  })
  if (faults.length > 0) throw invalid(faults)
  return { edits, ignored: [], clients: [] }
}

/** The clients of an event that is not an edit. Skips what it cannot read: only edits must be readable. */
function readClients (event: Readonly<Record<string, unknown>>, nowMs: number): SeenClient[] {
  const data: unknown[] = Array.isArray(event.data) ? event.data.slice(0, MAX_EDITS) as unknown[] : [event.data]
  const sentAt = toTime(genericTime.parse(event.timestamp))
  return data.flatMap(item => {
    const { success, data: seen } = genericClient.safeParse(item)
    return success ? [toClient(seen, sentAt, nowMs)] : []
  })
}

/** For a single edit, which was put into a list: its sender expects the pointer without an index. */
function withoutIndex (issue: z.core.$ZodIssue): z.core.$ZodIssue {
  return issue.path[0] === 'data' ? { ...issue, path: ['data', ...issue.path.slice(2)] } : issue
}

function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
