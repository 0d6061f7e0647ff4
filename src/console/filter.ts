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
