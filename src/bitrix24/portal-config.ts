/** The portal as the environment names it. */
export interface PortalConfig {
  /** Origin without a trailing slash, for example `https://example.bitrix24.ru`. */
  readonly url: string
  /** The origin's host with its port, if any: the portal's key in the store. */
  readonly host: string
  readonly clientId: string | null
  readonly clientSecret: string | null
  readonly refreshToken: string | null
  readonly oauthUrl: string | null
  /** Our share of the plan's leaky bucket. */
  readonly bucket: { readonly ratePerSecond: number, readonly burst: number }
}
