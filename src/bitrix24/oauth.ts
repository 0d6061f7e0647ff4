import type { Dispatcher } from 'undici'
import { z } from 'zod'
import { exchange } from '../http/exchange.ts'
import { parseJson, readRefusal } from './answer.ts'
import { RESPONSE_TIMEOUT_MS } from './client.ts'

export interface Grant {
  readonly accessToken: string
  readonly refreshToken: string
  readonly accessExpiresAt: number | null
  /** Where the portal takes calls, as the OAuth server says. */
  readonly clientEndpoint: string | null
  readonly memberId: string | null
}

/**
 * What a request for tokens came to. A refresh token is used up by its first use, so `lost` (an answer that did not arrive or
 * could not be read) may have rotated it; `refused` and `unreachable` have not.
 */
export type GrantResult =
  | { readonly kind: 'granted', readonly grant: Grant }
  | { readonly kind: 'refused', readonly code: string, readonly words: string, readonly status: number }
  | { readonly kind: 'lost', readonly cause: string }
  | { readonly kind: 'unreachable', readonly cause: string }

export interface OAuthClient {
  /** The server's origin, one that `allowedOAuthOrigin` has let through. */
  readonly oauthUrl: string
  readonly clientId: string
  readonly clientSecret: string
}

export interface OAuth {
  refresh (request: OAuthClient & { readonly refreshToken: string }): Promise<GrantResult>
  /** An authorization code lives for 30 s. */
  exchange (request: OAuthClient & { readonly code: string }): Promise<GrantResult>
}

export interface OAuthOptions {
  readonly dispatcher: Dispatcher
  readonly now: () => number
  readonly userAgent: string
  readonly responseTimeoutMs?: number
}

const grantSchema = z.object({
  access_token: z.string().min(1),
  refresh_token: z.string().min(1),
  expires_in: z.coerce.number().positive().optional().catch(undefined),
  client_endpoint: z.string().optional().catch(undefined),
  member_id: z.string().min(1).optional().catch(undefined),
})

/** Speaks to Bitrix24's token endpoint. Fulfils always; results carry codes and no secret. */
export function createOAuth (options: OAuthOptions): OAuth {
  const { dispatcher, now, userAgent, responseTimeoutMs = RESPONSE_TIMEOUT_MS } = options

  /** By POST, so that the secret stays out of addresses and with them out of the logs of whatever lies between. */
  async function requestTokens ({ oauthUrl, clientId, clientSecret }: OAuthClient, grantFields: Readonly<Record<string, string>>, secret: string): Promise<GrantResult> {
    const form = new URLSearchParams({ ...grantFields, client_id: clientId, client_secret: clientSecret })
    // The answer carries the only copy of the new pair: nobody may abort the wait for it.
    const outcome = await exchange(dispatcher, {
      url: new URL('/oauth/token/', oauthUrl),
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json', 'user-agent': userAgent },
      body: Buffer.from(form.toString()),
    }, { signal: null, responseTimeoutMs, now })

    if (outcome.kind === 'unsent') return { kind: 'unreachable', cause: outcome.cause }
    if (outcome.kind === 'lost') return { kind: 'lost', cause: outcome.cause }
    return readGrant(outcome.status, outcome.body.toString('utf8'), [clientSecret, secret], now())
  }

  return {
    refresh: ({ refreshToken, ...client }) => requestTokens(client, { grant_type: 'refresh_token', refresh_token: refreshToken }, refreshToken),
    exchange: ({ code, ...client }) => requestTokens(client, { grant_type: 'authorization_code', code }, code),
  }
}

/** Success is HTTP 200 without an `error`: an unknown client id is told at 200 as well. */
function readGrant (status: number, body: string, secrets: readonly string[], now: number): GrantResult {
  // A server in trouble may have rotated the token before it fell, whatever it says.
  if (status >= 500) return { kind: 'lost', cause: `HTTP_${status}` }

  const json = parseJson(body)
  const refusal = typeof json === 'object' && json !== null ? readRefusal(json, secrets) : null
  if (refusal !== null) return { kind: 'refused', code: refusal.code, words: refusal.words, status }
  if (status !== 200) return { kind: 'refused', code: `HTTP_${status}`, words: 'the OAuth server answered without a reason', status }

  const parsed = grantSchema.safeParse(json)
  if (!parsed.success) return { kind: 'lost', cause: 'UNREADABLE' }
  const { access_token: accessToken, refresh_token: refreshToken, expires_in: expiresInS, client_endpoint: clientEndpoint, member_id: memberId } = parsed.data
  return {
    kind: 'granted',
    grant: {
      accessToken,
      refreshToken,
      accessExpiresAt: expiresInS === undefined ? null : now + expiresInS * 1000,
      clientEndpoint: clientEndpoint ?? null,
      memberId: memberId ?? null,
    },
  }
}
