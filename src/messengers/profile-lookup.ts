import { z } from 'zod'
import type { ClientProfile } from '../edit/edit.ts'
import { isLoopback } from '../base/loopback.ts'

/** A question to a messenger's API; with a form it is a POST. */
export interface ApiRequest {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly form?: URLSearchParams
}

/**
 * What a messenger's API says of the clients that it was asked for: `answered` with those whom it knows, `refused` because of the token
 * or its rights, or `unavailable` for a while. `code` is for the log and the operator, and holds no word of the API's.
 */
export type LookUpAnswer =
  | { readonly kind: 'answered', readonly code: string, readonly profiles: ReadonlyMap<string, ClientProfile> }
  | { readonly kind: 'refused' | 'unavailable', readonly code: string }

/** How a messenger is asked who its clients are. It neither waits nor reaches out: it writes questions and reads answers. */
export interface ProfileLookup {
  /** The most clients in one question. */
  readonly batchSize: number
  /** The least time from one question to the next, by the messenger's limits. */
  readonly intervalMs: number
  /** `ids` are the messenger's own, the `lookUpId` of profiles. */
  request (ids: readonly string[]): ApiRequest
  /** The answer for `ids`; `body` is parsed JSON, or null when it was none. */
  read (ids: readonly string[], status: number, body: unknown): LookUpAnswer
}

/** The keys of a channel whose messenger can be asked for clients' names. */
export const API_KEYS = {
  apiToken: z.string('must be a string').regex(/^[\x21-\x7e]{16,1000}$/, 'must be an access token of the messenger\'s API').optional(),
  // The token goes there, so that it is the vendor's own address wherever a mistake could matter.
  apiUrl: z.string().refine(value => /^https?:/.test(value) && URL.canParse(value) && isLoopback(new URL(value)), 'is for tests only and must name this machine, such as http://127.0.0.1:4010').optional(),
}
