import type { z } from 'zod'
import type { ClientProfile, MessageEdit, SeenClient } from '../../edit/edit.ts'
import { BadRequest, ImpossibleTime, type FieldFault } from '../../base/errors.ts'
import { formatText } from '../../text/format.ts'
import { isImpossibleTime, isPlausibleTime } from '../fields.ts'
import type { GenericClient, GenericEdit, GenericUser } from './schema.ts'

/*
 * Converts what schema.ts has validated. `sentAt`, in milliseconds, is the envelope's time, for edits without a time of their own.
 */

const MAX_FAULTS = 20

/** `isImpossible`: a time that is impossible by our clock. */
interface Fault extends FieldFault {
  readonly isImpossible?: boolean
}

/** An edit without a time of its own gets the envelope's, or 0 if neither is known. */
export function toEdit ({ user, message, chat }: GenericEdit, sentAt: number | undefined): MessageEdit {
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

/** The client of an event that is not an edit. Without a time of its own the event gets the envelope's, or the current one. */
export function toClient ({ user, chat, message }: GenericClient, sentAt: number | undefined, nowMs: number): SeenClient {
  const at = toTime(message?.edited_at) ?? toTime(message?.date) ?? sentAt ?? nowMs
  return { user: toProfile(user), chat: chat === undefined ? undefined : String(chat.id), revision: { at, tie: 0n } }
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

/** Milliseconds. A number above 1e11 is milliseconds already: as seconds it would be after the year 5000. */
export function toTime (time: string | number | null | undefined): number | undefined {
  if (time === null || time === undefined) return undefined
  if (typeof time === 'string') return Date.parse(time)
  return Math.round(time > 1e11 ? time : time * 1000)
}

function isKnownGender (value: unknown): value is 'male' | 'female' {
  return value === 'male' || value === 'female'
}

export function checkMessage (message: GenericEdit['message'], sentAt: number | undefined, pointer: string, nowMs: number): Fault[] {
  const editedAt = toTime(message.edited_at)
  const faults = [...checkTime(toTime(message.date), `${pointer}/date`, nowMs), ...checkTime(editedAt, `${pointer}/edited_at`, nowMs)]
  if (editedAt === undefined && sentAt === undefined) {
    faults.push({ pointer: `${pointer}/edited_at`, detail: 'is missing: give it, or a timestamp beside type, so that the newest edit wins' })
  }
  if (typeof message.text !== 'string' && (message.files ?? []).length === 0) {
    faults.push({ pointer: `${pointer}/text`, detail: 'is missing: an edit has a text, files, or both' })
  }
  return faults
}

export function checkTime (time: number | undefined, pointer: string, nowMs: number): Fault[] {
  if (time === undefined) return []
  const isImpossible = isImpossibleTime(time, nowMs)
  return isPlausibleTime(time) && !isImpossible ? [] : [{ pointer, detail: 'must be between the year 2000 and 24 hours from now', isImpossible }]
}

/** With the path as a JSON Pointer. */
export function toFault (issue: z.core.$ZodIssue): FieldFault {
  return { pointer: issue.path.map(key => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''), detail: issue.message }
}

/** `what` begins the message, which then lists the fields. */
export function invalid (faults: readonly Fault[], what = 'faulty'): BadRequest {
  const named = faults.slice(0, MAX_FAULTS).map(({ pointer, detail }) => ({ pointer, detail }))
  const Invalid = faults.some(({ isImpossible }) => isImpossible) ? ImpossibleTime : BadRequest
  return new Invalid(`${what}: ${named.map(fault => fault.pointer === '' ? '/' : fault.pointer).join(', ')}`, named)
}
