/** The connector that a channel stands in front of. */
export interface ConnectorConfig {
  /** Where it takes webhooks, without credentials. Even so it may hold a secret, in its path or query. */
  readonly url: string
  /** Whether requests go on to it that hold nothing but edits. */
  readonly edits: boolean
  /** Whether it answers the messenger's questions about the address. */
  readonly handshakes: boolean
  /** Addresses and CIDR ranges that it may be at although they are not public. */
  readonly privateRanges: readonly string[]
  /** How long it may take to answer. */
  readonly timeoutMs: number
}
