export const STATES = ['pending', 'delivered', 'dead'] as const
export const REASONS = ['empty-text', 'too-old', 'id-too-long', 'anonymous-user', 'outgoing', 'rejected', 'poison'] as const
export const CONFIRMATIONS = ['confirmed', 'unconfirmed', 'unknown'] as const

/** A filter as it stands in a URL. */
export interface FilterFields {
  readonly state?: typeof STATES[number] | undefined
  readonly reason?: typeof REASONS[number] | undefined
  readonly channel?: string | undefined
  readonly chat?: string | undefined
  readonly message?: string | undefined
  readonly confirmation?: typeof CONFIRMATIONS[number] | undefined
}

/** A page counts what a filter matches no further than this, and redelivers no more at a time. */
export const MOST = 10_000

/** A page's address with its filter. */
export function address (path: string, fields: Readonly<Record<string, string | undefined>>): string {
  const query = new URLSearchParams(Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined))
  return query.size === 0 ? path : `${path}?${query}`
}
