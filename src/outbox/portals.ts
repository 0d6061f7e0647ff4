import type { BucketLevel, Lane } from './outbox.ts'

export interface PortalTokens {
  readonly accessToken: string
  readonly refreshToken: string
  /** When the portal said that the access token ends; only a hint, `expired_token` decides. */
  readonly accessExpiresAt: number | null
}

/** An open line that takes nothing at present. */
export interface ParkedLine extends Lane {
  readonly code: string
  readonly since: number
}

/** What the relay knows about a portal. Tokens are encrypted at rest when ENCRYPTION_KEY is given. */
export interface PortalRecord {
  readonly memberId: string | null
  readonly applicationToken: string | null
  /** Where calls go, for example `https://example.bitrix24.ru`, without a trailing slash. */
  readonly endpoint: string | null
  /** The OAuth server, for example `https://oauth.bitrix.info`. */
  readonly oauthUrl: string | null
  readonly tokens: PortalTokens | null
  /** Grows whenever tokens are written: a refresh finds out whether the tokens that it started from are still the ones stored. */
  readonly tokensVersion: number
  /** The digest of the BITRIX24_REFRESH_TOKEN that was imported last. It rotates, so the same one is not used again. */
  readonly importedToken: string | null
  /** Set and committed before a refresh is sent, cleared with the new pair: the mark of a refresh whose answer was lost. */
  readonly refreshStartedAt: number | null
  readonly refreshTries: number
  readonly parked: { readonly code: string, readonly since: number } | null
  readonly parkedLines: readonly ParkedLine[]
  readonly bucket: BucketLevel | null
  /** Until when `imconnector.update.messages` rests, because its operating time is spent. */
  readonly restsUntil: number | null
}

export type PortalPatch = Partial<Omit<PortalRecord, 'tokensVersion'>>

/** What must hold at the moment of the write; an absent field is not checked. */
export interface WriteCondition {
  /** No other lease has started. */
  readonly epoch?: number
  readonly tokensVersion?: number
}

export interface Portals {
  /** The record, or an empty one. */
  read (portal: string): Promise<PortalRecord>
  /** Changes the named fields and no others; false, and nothing is changed, when the condition does not hold. */
  write (portal: string, patch: PortalPatch, condition?: WriteCondition): Promise<boolean>
}

export const EMPTY_RECORD: PortalRecord = {
  memberId: null,
  applicationToken: null,
  endpoint: null,
  oauthUrl: null,
  tokens: null,
  tokensVersion: 0,
  importedToken: null,
  refreshStartedAt: null,
  refreshTries: 0,
  parked: null,
  parkedLines: [],
  bucket: null,
  restsUntil: null,
}

/** The record as it stands in a table of either engine, beside the epoch and the lease: one column of JSON. */
export function readRecord (json: string | null | undefined): PortalRecord {
  return json == null ? EMPTY_RECORD : { ...EMPTY_RECORD, ...JSON.parse(json) as Partial<PortalRecord> }
}

/** The record with what a patch names, as JSON. New tokens get a new version. */
export function patchRecord (record: PortalRecord, patch: PortalPatch): string {
  return JSON.stringify({ ...record, ...patch, tokensVersion: record.tokensVersion + (patch.tokens === undefined ? 0 : 1) })
}

/** Whether a write may go on, given the epoch and the record at that moment. */
export function meets ({ epoch, tokensVersion }: WriteCondition, currentEpoch: number, record: PortalRecord): boolean {
  return (epoch ?? currentEpoch) === currentEpoch && (tokensVersion ?? record.tokensVersion) === record.tokensVersion
}
