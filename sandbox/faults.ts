import { createPending, type Pending } from './pending.ts'
import { entriesOf, field, isArray, toText, type PhpMap } from './portal/php.ts'

export type FaultName =
  | '503' | '429' | '500' | '500-partial' | 'html-502' | 'timeout' | 'applied-then-timeout' | 'applied-late'
  | 'reset' | 'half' | 'redirect' | 'expired-token' | 'lost-answer'

/** `partly`: the items before the one that breaks. `late`: `afterMs` of the sandbox's time after the connection was cut. */
type Applied = 'no' | 'yes' | 'partly' | 'late'

/** `kept`: answered in full. `closed`: cut by the sandbox. `silent`: open without an answer until the client gives up. */
export type Connection = 'kept' | 'closed' | 'silent'

/** What each fault does to the call and to its connection. `{ error, status }` behaves as `500` does, with its own code. */
export const faultTable: Readonly<Record<FaultName, { readonly applied: Applied, readonly connection: Connection }>> = {
  503: { applied: 'no', connection: 'kept' },
  429: { applied: 'no', connection: 'kept' },
  500: { applied: 'no', connection: 'kept' },
  '500-partial': { applied: 'partly', connection: 'kept' },
  'html-502': { applied: 'no', connection: 'kept' },
  timeout: { applied: 'no', connection: 'silent' },
  'applied-then-timeout': { applied: 'yes', connection: 'silent' },
  'applied-late': { applied: 'late', connection: 'closed' },
  reset: { applied: 'no', connection: 'closed' },
  half: { applied: 'yes', connection: 'closed' },
  redirect: { applied: 'no', connection: 'kept' },
  'expired-token': { applied: 'no', connection: 'kept' },
  'lost-answer': { applied: 'yes', connection: 'closed' },
}

/** A pending fault. It strikes the next `times` calls of `method` (`*`: any REST method) whose MESSAGES contain the id in `match`. */
export interface Fault {
  readonly method: string
  readonly fault: FaultName | { readonly error: string, readonly status: number, readonly description?: string | undefined }
  readonly times: number
  readonly afterMs: number
  readonly match?: { readonly message: string } | undefined
  /** For `redirect`: the portal's new address. */
  readonly location?: string | undefined
  /** Seconds, for `Retry-After` in the fault's answer. */
  readonly retryAfter?: number | undefined
}

export interface Faults extends Omit<Pending<Fault>, 'take'> {
  /** The oldest fault that matches this call; counts one of its `times`. */
  take (method: string, messageIds: readonly string[]): Fault | undefined
}

export function createFaults (): Faults {
  const pending = createPending<Fault>()
  return {
    ...pending,
    take: (method, messageIds) => pending.take(({ method: wanted, match }) =>
      (wanted === method || (wanted === '*' && method !== 'oauth.token')) &&
      (match === undefined || messageIds.includes(match.message))),
  }
}

export function messageIdsOf (parameters: Readonly<PhpMap>): readonly string[] {
  const messages = Object.entries(parameters).find(([key]) => key.toUpperCase() === 'MESSAGES')?.[1]
  if (!isArray(messages)) return []
  return entriesOf(messages).map(([, item]) => toText(anyCase(anyCase(item, 'message'), 'id')))
}

function anyCase (value: unknown, key: string): PhpMap[string] | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const name = Object.keys(value).find(candidate => candidate.toLowerCase() === key)
  return name === undefined ? undefined : field(value as PhpMap, name)
}
