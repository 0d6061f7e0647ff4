import type { ParkedLine, PortalPatch, PortalRecord } from './store.ts'

export type ColumnValue = string | number | null

/** The columns that a patch changes. Both engines name them alike. */
export function toColumns (patch: PortalPatch): Record<string, ColumnValue> {
  const values: Record<string, ColumnValue> = {}
  if (patch.memberId !== undefined) values.member_id = patch.memberId
  if (patch.applicationToken !== undefined) values.application_token = patch.applicationToken
  if (patch.endpoint !== undefined) values.endpoint = patch.endpoint
  if (patch.oauthUrl !== undefined) values.oauth_url = patch.oauthUrl
  if (patch.importedToken !== undefined) values.imported_token = patch.importedToken
  if (patch.refreshStartedAt !== undefined) values.refresh_started_at = patch.refreshStartedAt
  if (patch.refreshTries !== undefined) values.refresh_tries = patch.refreshTries
  if (patch.restsUntil !== undefined) values.rests_until = patch.restsUntil
  if (patch.parkedLines !== undefined) values.parked_lines = JSON.stringify(patch.parkedLines)
  if (patch.tokens !== undefined) {
    values.access_token = patch.tokens?.accessToken ?? null
    values.refresh_token = patch.tokens?.refreshToken ?? null
    values.access_expires_at = patch.tokens?.accessExpiresAt ?? null
  }
  if (patch.parked !== undefined) {
    values.parked_code = patch.parked?.code ?? null
    values.parked_since = patch.parked?.since ?? null
  }
  if (patch.bucket !== undefined) {
    values.bucket_level = patch.bucket?.level ?? null
    values.bucket_at = patch.bucket?.at ?? null
  }
  return values
}

/** What a portal's row says, or one of which nothing is known. */
export function toRecord (sql: Readonly<Record<string, unknown>>): PortalRecord {
  const text = (name: string): string | null => (sql[name] ?? null) as string | null
  const number = (name: string): number | null => (sql[name] ?? null) as number | null
  const accessToken = text('access_token')
  const refreshToken = text('refresh_token')
  const parkedCode = text('parked_code')
  const level = number('bucket_level')
  return {
    memberId: text('member_id'),
    applicationToken: text('application_token'),
    endpoint: text('endpoint'),
    oauthUrl: text('oauth_url'),
    tokens: accessToken === null || refreshToken === null ? null : { accessToken, refreshToken, accessExpiresAt: number('access_expires_at') },
    tokensVersion: number('tokens_version') ?? 0,
    importedToken: text('imported_token'),
    refreshStartedAt: number('refresh_started_at'),
    refreshTries: number('refresh_tries') ?? 0,
    parked: parkedCode === null ? null : { code: parkedCode, since: number('parked_since') ?? 0 },
    parkedLines: JSON.parse(text('parked_lines') ?? '[]') as ParkedLine[],
    bucket: level === null ? null : { level, at: number('bucket_at') ?? 0 },
    restsUntil: number('rests_until'),
  }
}
