import type { z } from 'zod'
import type { CallResult } from '../../bitrix24/client.ts'

type Subject = 'configuration' | 'store' | 'channel' | 'address' | 'portal' | 'token' | 'application' | 'scope' | 'connector' | 'line' | 'events'

/** One line of the report. `open`: it is not as it should be, or could not be checked, but edits may arrive. */
export type Finding = { readonly subject: Subject, readonly words: string } & (
  | { readonly state: 'ok', readonly remedy: null }
  | { readonly state: 'fault' | 'open', readonly remedy: string }
)

export const ok = (subject: Subject, words: string): Finding => ({ state: 'ok', subject, words, remedy: null })
export const fault = (subject: Subject, words: string, remedy: string): Finding => ({ state: 'fault', subject, words, remedy })
export const open = (subject: Subject, words: string, remedy: string): Finding => ({ state: 'open', subject, words, remedy })

/** Asks the portal, with the stored token. */
export type Ask = (method: string, params?: Readonly<Record<string, unknown>>) => Promise<CallResult>

/** The value of an answer, or a finding that there is none. `about`: what the words of that finding begin with. */
export function read<Value> (schema: z.ZodType<Value>, result: CallResult, subject: Subject, about = ''): { readonly value: Value } | { readonly finding: Finding } {
  if (result.kind === 'refused') return { finding: fault(subject, `${about}the portal refuses to answer (${result.code}: ${result.words})`, 'see the code in the table of README, "Operations"') }
  const parsed = result.kind === 'answered' ? schema.safeParse(result.result) : null
  return parsed?.success ? { value: parsed.data } : { finding: fault(subject, `${about}the portal's answer cannot be read`, 'try again') }
}

/** A time in milliseconds, as findings show it. */
export function toIso (time: number): string {
  return new Date(time).toISOString()
}
