/** One configured source: a messenger, its secrets, and the connector and line that it feeds. */
export interface Channel {
  readonly id: string
  readonly messenger: 'generic'
  readonly secrets: readonly string[]
  readonly connector: string
  readonly line: number
  readonly ids: { readonly user: string, readonly chat: string, readonly message: string }
  readonly files: 'send' | 'omit'
  readonly userFields: readonly UserField[]
  readonly cleanNames: boolean
  readonly allowAnonymous: boolean
  readonly settleMs: number
}

export type UserField = 'last_name' | 'name' | 'picture' | 'url' | 'gender' | 'email' | 'phone'

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

export interface Config {
  readonly host: string
  readonly port: number
  readonly logLevel: string
  readonly databaseUrl: string
  readonly portal: PortalConfig
  readonly channels: ReadonlyMap<string, Channel>
  readonly webhookRateLimit: number
  readonly trustProxy: false | number | readonly string[]
  readonly adminToken: string | null
  readonly encryptionKey: Buffer | null
  readonly retentionDays: number
  readonly logIds: boolean
}
