import type { Dispatcher } from 'undici'
import { z } from 'zod'
import { exchange } from '../http/exchange.ts'
import { parseJson, readRefusal } from './answer.ts'
import { RESPONSE_TIMEOUT_MS } from './client.ts'

export interface Grant {
  readonly accessToken: string
  readonly refreshToken: string
  readonly accessExpiresAt: number | null
  /** The portal's address for calls, as the OAuth server says. */
  readonly clientEndpoint: string | null
  readonly memberId: string | null
}

/**
 * The outcome of a request for tokens. A refresh token can be used only once. After `lost` (the answer did not arrive or cannot be read) it may be
 * used up; after `refused` and `unreachable` it is not.
 */
type GrantResult =
  | { readonly kind: 'granted', readonly grant: Grant }
  | { readonly kind: 'refused', readonly code: string, readonly words: string, readonly status: number }
  | { readonly kind: 'lost', readonly cause: string }
  | { readonly kind: 'unreachable', readonly cause: string }

interface OAuthClient {
  /** The server's origin, which `allowedOAuthOrigin` has allowed. */
  readonly oauthUrl: string
  readonly clientId: string
  readonly clientSecret: string
}

export interface OAuth {
  refresh (request: OAuthClient & { readonly refreshToken: string }): Promise<GrantResult>
  /** An authorization code lives for 30 s. */
  exchange (request: OAuthClient & { readonly code: string }): Promise<GrantResult>
}

interface OAuthOptions {
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

/** Requests tokens from Bitrix24. Never rejects for the network. Results contain codes and no secret. */
export function createOAuth (options: OAuthOptions): OAuth {
  const { dispatcher, now, userAgent, responseTimeoutMs = RESPONSE_TIMEOUT_MS } = options

  /** Uses POST, so the secret is not in an address, which proxies may log. */
  async function requestTokens ({ oauthUrl, clientId, clientSecret }: OAuthClient, grantFields: Readonly<Record<string, string>>, secret: string): Promise<GrantResult> {
    const form = new URLSearchParams({ ...grantFields, client_id: clientId, client_secret: clientSecret })
    // Not abortable: the answer has the only copy of the new pair.
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

/** Success is HTTP 200 without an `error`: the error for an unknown client id has status 200 too. */
function readGrant (status: number, body: string, secrets: readonly string[], now: number): GrantResult {
  // The server may have used up the token before it failed.
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
