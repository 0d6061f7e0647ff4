import { z } from 'zod'
import type { ClientProfile } from '../edit/edit.ts'
import { isLoopback } from '../base/loopback.ts'

/** A request to a messenger's API; a POST if it has a form. */
export interface ApiRequest {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly form?: URLSearchParams
}

/**
 * The answer of a messenger's API: `answered` with the clients that it knows, `refused` because of the token or its rights, or
 * `unavailable` for a while. `code` is for the log and the operator and quotes nothing from the API.
 */
export type LookUpAnswer =
  | { readonly kind: 'answered', readonly code: string, readonly profiles: ReadonlyMap<string, ClientProfile> }
  | { readonly kind: 'refused' | 'unavailable', readonly code: string }

/** How to ask a messenger for its clients' profiles: writes requests and reads answers, without any network. */
export interface ProfileLookup {
  /** The most clients in one request. */
  readonly batchSize: number
  /** The shortest time between two requests, by the messenger's limits. */
  readonly intervalMs: number
  /** `ids` are the messenger's own, the `lookUpId` of profiles. */
  request (ids: readonly string[]): ApiRequest
  /** The answer for `ids`. `body` is parsed JSON, or null if it was not JSON. */
  read (ids: readonly string[], status: number, body: unknown): LookUpAnswer
}

/** The keys of a channel whose messenger can be asked for clients' names. */
export const API_KEYS = {
  apiToken: z.string('must be a string').regex(/^[\x21-\x7e]{16,1000}$/, 'must be an access token of the messenger\'s API').optional().describe('a token with which the relay asks the messenger for clients\' names'),
  // The token is sent to this address, so production always uses the vendor's own.
  apiUrl: z.string().refine(value => /^https?:/.test(value) && URL.canParse(value) && isLoopback(new URL(value)), 'is for tests only and must name this machine, such as http://127.0.0.1:4010').optional().describe('for tests only'),
}
