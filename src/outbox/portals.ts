import type { ClockHistory } from '../base/portal-clock.ts'
import type { BucketLevel, Lane } from './outbox.ts'

export interface PortalTokens {
  readonly accessToken: string
  readonly refreshToken: string
  /** When the access token ends, as the portal said. Only a hint: `expired_token` decides. */
  readonly accessExpiresAt: number | null
}

/** An open line that gets no calls at present. */
export interface ParkedLine extends Lane {
  readonly code: string
  readonly since: number
}

/** What the relay knows about a portal. Tokens are encrypted at rest if ENCRYPTION_KEY is set. */
export interface PortalRecord extends ClockHistory {
  /** Bitrix24's own id of the portal, from its OAuth server or a proven install. It proves that a new address is the same portal. */
  readonly memberId: string | null
  /** The application whose tokens are stored: its client id. */
  readonly clientId: string | null
  readonly applicationToken: string | null
  /** The portal's origin, for example `https://example.bitrix24.ru`. Tokens go only there. */
  readonly address: string | null
  /** The proven addresses that the portal had before. A BITRIX24_PORTAL_URL with one of them is outdated. */
  readonly formerAddresses: readonly string[]
  /** The OAuth server, for example `https://oauth.bitrix.info`. */
  readonly oauthUrl: string | null
  readonly tokens: PortalTokens | null
  /** Grows with each write of tokens. A refresh checks by it that the tokens it started with are still the stored ones. */
  readonly tokensVersion: number
  /** The digest of the last imported BITRIX24_REFRESH_TOKEN. Refresh tokens rotate, so the same one is not imported twice. */
  readonly importedToken: string | null
  /** The values that the last import replaced, kept until the OAuth server says that the imported token is of this portal. */
  readonly beforeImport: Pick<PortalRecord, 'tokens' | 'clientId' | 'importedToken'> | null
  /** The digest of a configuration that names another portal, and why. */
  readonly refusedConfig: { readonly digest: string, readonly words: string } | null
  /** Committed before a refresh is sent, cleared with the new pair. If it stays, the answer to the refresh was lost. */
  readonly refreshStartedAt: number | null
  readonly refreshTries: number
  /** The secret in the address to which the portal reports edits; made once. */
  readonly eventKey: string | null
  /** Grows with each install, after which the portal has forgotten our binding. */
  readonly installs: number
  /** The PUBLIC_URL that is bound for events, and since when. Null: none of ours. */
  readonly eventBinding: { readonly publicUrl: string, readonly boundAt: number } | null
  /** When the last authentic event came, of whatever kind. */
  readonly lastEventAt: number | null
  readonly parked: { readonly code: string, readonly since: number } | null
  readonly parkedLines: readonly ParkedLine[]
  readonly bucket: BucketLevel | null
  /** `imconnector.update.messages` is not called until then, because its operating time is used up. */
  readonly restsUntil: number | null
}

export type PortalPatch = Partial<Omit<PortalRecord, 'tokensVersion'>>

/** The write is made only if these are still current; an absent field is not checked. */
export interface WriteCondition {
  readonly epoch?: number
  readonly tokensVersion?: number
}

/** `portal` is an id of our own, because rows must outlive the portal's address. */
export interface Portals {
  /** The record, or an empty one. */
  read (portal: string): Promise<PortalRecord>
  /** Changes only the fields of the patch. Returns false and changes nothing if the condition does not hold. */
  write (portal: string, patch: PortalPatch, condition?: WriteCondition): Promise<boolean>
}

export const EMPTY_RECORD: PortalRecord = {
  memberId: null,
  clientId: null,
  applicationToken: null,
  address: null,
  formerAddresses: [],
  oauthUrl: null,
  tokens: null,
  tokensVersion: 0,
  importedToken: null,
  beforeImport: null,
  refusedConfig: null,
  refreshStartedAt: null,
  refreshTries: 0,
  eventKey: null,
  installs: 0,
  eventBinding: null,
  lastEventAt: null,
  parked: null,
  parkedLines: [],
  bucket: null,
  restsUntil: null,
  clockRightAt: 0,
  clockWrongAt: 0,
}

/** Reads the JSON column in which both engines store the record. */
export function readRecord (json: string | null | undefined): PortalRecord {
  return json == null ? EMPTY_RECORD : { ...EMPTY_RECORD, ...JSON.parse(json) as Partial<PortalRecord> }
}

/** The patched record as JSON. New tokens get a new version. */
export function patchRecord (record: PortalRecord, patch: PortalPatch): string {
  return JSON.stringify({ ...record, ...patch, tokensVersion: record.tokensVersion + (patch.tokens === undefined ? 0 : 1) })
}

export function meets ({ epoch, tokensVersion }: WriteCondition, currentEpoch: number, record: PortalRecord): boolean {
  return (epoch ?? currentEpoch) === currentEpoch && (tokensVersion ?? record.tokensVersion) === record.tokensVersion
}
