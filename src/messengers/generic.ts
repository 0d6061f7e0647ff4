import type { z } from 'zod'
import type { MessageEdit } from '../edit.ts'
import { BadRequest, type FieldFault } from '../errors.ts'
import { readSecret, STANDARD_WEBHOOKS } from '../signatures/standard-webhooks.ts'
import { verifyHmac } from '../signatures/verify.ts'
import { formatText } from '../text/format.ts'
import { genericEvent, MAX_EDITS, type GenericEdit } from './generic-schema.ts'
import { parseJson } from './json.ts'
import type { MessengerFactory, WebhookContent } from './messenger.ts'

const EARLIEST_MS = Date.UTC(2000)
const MAX_AHEAD_MS = 24 * 60 * 60 * 1000
const MAX_FAULTS = 20

/** The relay's own format, signed by Standard Webhooks: for a messenger that can be made to send it. */
export const createGeneric: MessengerFactory = channel => {
  const keys = channel.secrets.map(readSecret).filter(key => key !== null)
  return {
    verify: (request, nowMs) => verifyHmac(STANDARD_WEBHOOKS, keys, request, nowMs),
    parse: (request, nowMs) => parseEvent(parseJson(request.body), nowMs),
    reply: results => ({ status: 202, body: { edits: results } }),
  }
}

function parseEvent (event: unknown, nowMs: number): WebhookContent {
  if (!isObject(event)) throw new BadRequest('the body must be an object with type and data')
  if (typeof event.type !== 'string') throw invalid([{ pointer: '/type', detail: 'must be a string; "message.edited" is what the relay acts on' }])
  if (event.type !== 'message.edited') return { kind: 'ignored' }

  // Before the list is looked into: a megabyte of empty edits would come back as a million faults.
  const many = Array.isArray(event.data)
  const data: unknown[] = many ? event.data as unknown[] : [event.data]
  if (data.length === 0 || data.length > MAX_EDITS) throw invalid([{ pointer: '/data', detail: `must be one edit or a list of 1 to ${MAX_EDITS}` }])

  const parsed = genericEvent.safeParse({ type: event.type, timestamp: event.timestamp, data })
  if (!parsed.success) throw invalid(parsed.error.issues.map(issue => toFault(issue, many)))
  const faults = checkTime(parsed.data.timestamp, '/timestamp', nowMs)
  const edits = parsed.data.data.map((edit, index) => {
    const pointer = many ? `/data/${index}/message` : '/data/message'
    faults.push(...checkMessage(edit.message, parsed.data.timestamp, pointer, nowMs))
    return toEdit(edit, edit.message.edited_at ?? parsed.data.timestamp ?? 0)
  })
  if (faults.length > 0) throw invalid(faults)
  return { kind: 'edits', edits }
}

function checkMessage (message: GenericEdit['message'], sentAt: number | undefined, pointer: string, nowMs: number): FieldFault[] {
  const faults = [
    ...checkTime(message.date, `${pointer}/date`, nowMs),
    ...checkTime(message.edited_at, `${pointer}/edited_at`, nowMs),
  ]
  if (message.edited_at === undefined && sentAt === undefined) {
    faults.push({ pointer: `${pointer}/edited_at`, detail: 'is missing: without it, or a timestamp beside type, nobody knows which edit is newer' })
  }
  if (message.text === undefined && (message.files ?? []).length === 0) {
    faults.push({ pointer: `${pointer}/text`, detail: 'is missing: an edit has a text, files, or both' })
  }
  return faults
}

/** A time far ahead would freeze its message: every later edit would be older. */
function checkTime (time: number | undefined, pointer: string, nowMs: number): FieldFault[] {
  if (time === undefined || (time >= EARLIEST_MS && time <= nowMs + MAX_AHEAD_MS)) return []
  return [{ pointer, detail: 'must be between the year 2000 and 24 hours from now' }]
}

function toEdit ({ user, message, chat }: GenericEdit, at: number): MessageEdit {
  return {
    user: {
      id: user.id,
      name: user.name,
      lastName: user.last_name,
      pictureUrl: user.picture?.url,
      url: user.url,
      gender: user.sex ?? user.gender,
      email: user.email,
      phone: user.phone,
    },
    message: {
      id: message.id,
      date: message.date,
      text: formatText(message.text ?? '', message.format ?? 'plain'),
      files: message.files ?? [],
    },
    chat: { id: chat.id, name: chat.name, url: chat.url },
    revision: { at, tie: message.revision ?? 0n },
  }
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
