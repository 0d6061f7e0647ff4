import type { z } from 'zod'
import type { ClientProfile, MessageEdit } from '../edit.ts'
import { BadRequest, type FieldFault } from '../errors.ts'
import { readSecret, STANDARD_WEBHOOKS } from '../signatures/standard-webhooks.ts'
import { createVerifier } from '../signatures/verify.ts'
import { formatText } from '../text/format.ts'
import { isPlausibleTime } from './fields.ts'
import { genericClient, genericEvent, genericTime, MAX_EDITS, type GenericEdit, type GenericUser } from './generic-schema.ts'
import { parseJson } from '../json.ts'
import { defineMessenger, type SeenClient, type WebhookContent } from './messenger.ts'

const MAX_FAULTS = 20

/** The relay's own format, signed by Standard Webhooks: for a messenger that can be made to send it. */
export const generic = defineMessenger({
  secret: {
    isGood: secret => readSecret(secret) !== null,
    remedy: 'must be whsec_ followed by base64 of 24 to 64 bytes; "npm run relay -- secret" makes one',
  },
  keys: {},
  create: ({ secrets }) => ({
    verify: createVerifier(STANDARD_WEBHOOKS, secrets.map(readSecret).filter(key => key !== null)),
    parse: (request, nowMs) => parseEvent(parseJson(request.body), nowMs),
    unreadable: 'refuse',
    reply: results => ({ status: 202, body: { edits: results } }),
  }),
})

function parseEvent (event: unknown, nowMs: number): WebhookContent {
  if (!isObject(event)) throw new BadRequest('the body must be an object with type and data')
  if (typeof event.type !== 'string') throw invalid([{ pointer: '/type', detail: 'must be a string; "message.edited" is what the relay acts on' }])
  if (event.type !== 'message.edited') return { edits: [], ignored: [{}], clients: readClients(event, nowMs) }

  // Before the list is looked into: a megabyte of empty edits would come back as a million faults.
  const many = Array.isArray(event.data)
  const data: unknown[] = many ? event.data as unknown[] : [event.data]
  if (data.length === 0 || data.length > MAX_EDITS) throw invalid([{ pointer: '/data', detail: `must be one edit or a list of 1 to ${MAX_EDITS}` }])

  const parsed = genericEvent.safeParse({ type: event.type, timestamp: event.timestamp, data })
  if (!parsed.success) throw invalid(parsed.error.issues.map(issue => toFault(issue, many)))
  const sentAt = toTime(parsed.data.timestamp)
  const faults = checkTime(sentAt, '/timestamp', nowMs)
  const edits = parsed.data.data.map((edit, index) => {
    faults.push(...checkMessage(edit.message, sentAt, many ? `/data/${index}/message` : '/data/message', nowMs))
    return toEdit(edit, sentAt)
  })
  if (faults.length > 0) throw invalid(faults)
  return { edits, ignored: [], clients: [] }
}

/** Without a time of its own an edit is as new as its envelope; 0 is what is left when neither is known. */
function toEdit ({ user, message, chat }: GenericEdit, sentAt: number | undefined): MessageEdit {
  return {
    direction: message.direction ?? undefined,
    user: toProfile(user),
    message: {
      id: String(message.id),
      date: toTime(message.date),
      text: formatText(message.text ?? '', message.format ?? 'plain'),
      files: (message.files ?? []).map(({ url, name }) => typeof name === 'string' ? { url, name } : { url }),
    },
    chat: { id: String(chat.id), name: chat.name ?? undefined, url: chat.url ?? undefined },
    revision: { at: toTime(message.edited_at) ?? sentAt ?? 0, tie: BigInt(message.revision ?? 0) },
  }
}

function toProfile (user: GenericUser): ClientProfile {
  return {
    id: String(user.id),
    name: user.name ?? undefined,
    lastName: user.last_name ?? undefined,
    pictureUrl: user.picture?.url ?? undefined,
    url: user.url ?? undefined,
    gender: [user.sex, user.gender].find(isKnownGender),
    email: user.email ?? undefined,
    phone: user.phone ?? undefined,
  }
}

/** The clients of an event that is no edit. It is not the relay's to judge such an event, so what cannot be read is passed over. */
function readClients (event: Readonly<Record<string, unknown>>, nowMs: number): SeenClient[] {
  const data: unknown[] = Array.isArray(event.data) ? event.data.slice(0, MAX_EDITS) as unknown[] : [event.data]
  const sentAt = toTime(genericTime.parse(event.timestamp))
  return data.flatMap(item => {
    const { success, data: seen } = genericClient.safeParse(item)
    if (!success) return []
    const at = toTime(seen.message?.edited_at) ?? toTime(seen.message?.date) ?? sentAt ?? nowMs
    const chat = seen.chat?.id
    return [{ user: toProfile(seen.user), chat: chat === undefined ? undefined : String(chat), revision: { at: Math.min(at, nowMs), tie: 0n } }]
  })
}

/** Milliseconds. A number above 1e11 is milliseconds already: as seconds it would be after the year 5000. */
function toTime (time: string | number | null | undefined): number | undefined {
  if (time === null || time === undefined) return undefined
  if (typeof time === 'string') return Date.parse(time)
  return Math.round(time > 1e11 ? time : time * 1000)
}

function isKnownGender (value: unknown): value is 'male' | 'female' {
  return value === 'male' || value === 'female'
}

function checkMessage (message: GenericEdit['message'], sentAt: number | undefined, pointer: string, nowMs: number): FieldFault[] {
  const editedAt = toTime(message.edited_at)
  const faults = [...checkTime(toTime(message.date), `${pointer}/date`, nowMs), ...checkTime(editedAt, `${pointer}/edited_at`, nowMs)]
  if (editedAt === undefined && sentAt === undefined) {
    faults.push({ pointer: `${pointer}/edited_at`, detail: 'is missing: without it, or a timestamp beside type, nobody knows which edit is newer' })
  }
  if (typeof message.text !== 'string' && (message.files ?? []).length === 0) {
    faults.push({ pointer: `${pointer}/text`, detail: 'is missing: an edit has a text, files, or both' })
  }
  return faults
}

function checkTime (time: number | undefined, pointer: string, nowMs: number): FieldFault[] {
  if (time === undefined || isPlausibleTime(time, nowMs)) return []
  return [{ pointer, detail: 'must be between the year 2000 and 24 hours from now' }]
}

function toFault (issue: z.core.$ZodIssue, many: boolean): FieldFault {
  const path = many || issue.path[0] !== 'data' ? issue.path : ['data', ...issue.path.slice(2)]
  const pointer = path.map(key => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
  return { pointer, detail: issue.message }
}

function invalid (faults: readonly FieldFault[]): BadRequest {
  const fields = faults.slice(0, MAX_FAULTS).map(fault => fault.pointer)
  return new BadRequest(`faulty: ${fields.join(', ')}`, faults.slice(0, MAX_FAULTS))
}

function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
