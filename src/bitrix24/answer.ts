import { z } from 'zod'

/** The `time` block of a successful answer, in the portal's own units (seconds), except `startedAt`: when the portal began, in milliseconds. */
export interface PortalTime {
  readonly startedAt: number | null
  readonly durationS: number
  readonly operatingS: number | null
  readonly operatingResetAtS: number | null
}

const timeSchema = z.object({
  date_start: z.iso.datetime({ offset: true }).optional().catch(undefined),
  duration: z.number(),
  operating: z.number().optional(),
  operating_reset_at: z.number().optional(),
})

const refusalSchema = z.object({
  error: z.union([z.string().min(1), z.number().refine(code => code !== 0)]),
  error_description: z.string().optional().catch(undefined),
})

/** The body of an answer. It is read whatever the HTTP status, which differs between the cloud and the box. */
export type Answer =
  | { readonly kind: 'result', readonly result: unknown, readonly time: PortalTime | null }
  | { readonly kind: 'error', readonly code: string, readonly words: string }
  | { readonly kind: 'unreadable' }

/** Reads `{ result, time }` or `{ error, error_description }`. Secrets are removed from the words. */
export function readRestAnswer (body: string, secrets: readonly string[]): Answer {
  const json = parseJson(body)
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return { kind: 'unreadable' }

  const refusal = readRefusal(json, secrets)
  if (refusal !== null) return refusal
  if (!('result' in json)) return { kind: 'unreadable' }

  // Older portals put the error of some methods into a result whose own `result` is false.
  const { result } = json
  const inner = isRefusedResult(result) ? readRefusal(result, secrets) : null
  return inner ?? { kind: 'result', result, time: readTime(json) }
}

/** The error in a JSON object, or null. */
export function readRefusal (json: object, secrets: readonly string[]): Extract<Answer, { kind: 'error' }> | null {
  const parsed = refusalSchema.safeParse(json)
  if (!parsed.success) return null
  return {
    kind: 'error',
    code: String(parsed.data.error).replace(/[^\w.:-]+/g, '_').slice(0, 64),
    words: bounded(parsed.data.error_description ?? '', secrets),
  }
}

export function parseJson (body: string): unknown {
  try {
    // If the portal's PHP files begin with a byte order mark, its answers do too.
    return JSON.parse(body.startsWith('\uFEFF') ? body.slice(1) : body)
  } catch {
    return undefined
  }
}

/** At most 300 characters in one line, without the secrets. */
function bounded (words: string, secrets: readonly string[]): string {
  const open = secrets.filter(secret => secret !== '').reduce((text, secret) => text.replaceAll(secret, '…'), words)
  return open.replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ').trim().slice(0, 300)
}

function isRefusedResult (result: unknown): result is object {
  return typeof result === 'object' && result !== null && 'result' in result && result.result === false
}

function readTime (json: object): PortalTime | null {
  const parsed = timeSchema.safeParse('time' in json ? json.time : null)
  if (!parsed.success) return null
  const { date_start: startedAt, duration, operating, operating_reset_at: resetAt } = parsed.data
  return { startedAt: startedAt === undefined ? null : Date.parse(startedAt), durationS: duration, operatingS: operating ?? null, operatingResetAtS: resetAt ?? null }
}
