/** The `time` block of a successful answer, in the portal's own units (seconds). */
export interface PortalTime {
  readonly durationS: number
  readonly operatingS: number | null
  readonly operatingResetAtS: number | null
}

/**
 * What one HTTP request to the portal came to. `refused` means that Bitrix24 said so in JSON: the call has ended.
 * `unreachable` means that nothing was sent. `unknown` means that the call may still be applied: `lastByteAt` is when the last
 * byte of it left us, at the latest.
 */
export type CallResult =
  | { readonly kind: 'answered', readonly result: unknown, readonly time: PortalTime | null, readonly status: number, readonly durationMs: number }
  | { readonly kind: 'refused', readonly code: string, readonly words: string, readonly status: number, readonly retryAfterMs: number | null, readonly durationMs: number }
  | { readonly kind: 'moved', readonly location: string, readonly durationMs: number }
  | { readonly kind: 'unreachable', readonly cause: string, readonly durationMs: number }
  | { readonly kind: 'unknown', readonly cause: string, readonly lastByteAt: number, readonly durationMs: number }
