import type { DatabaseSync } from 'node:sqlite'
import type { PortalRecord } from '../store.ts'

export type SqlitePortals = ReturnType<typeof createSqlitePortals>

type Value = string | number | null

/** The portals' verbs, synchronous and without a transaction of their own. */
export function createSqlitePortals (db: DatabaseSync) {
  const one = db.prepare('SELECT * FROM portals WHERE portal = ?')
  const add = db.prepare('INSERT OR IGNORE INTO portals (portal) VALUES (?)')

  return {
    read (portal: string): PortalRecord {
      return toRecord(one.get(portal) ?? {})
    },

    write (portal: string, patch: Partial<PortalRecord>): void {
      const values = toColumns(patch)
      const names = Object.keys(values)
      if (names.length === 0) return
      add.run(portal)
      db.prepare(`UPDATE portals SET ${names.map(name => `${name} = ?`).join(', ')} WHERE portal = ?`).run(...Object.values(values), portal)
    },
  }
}

function toColumns (patch: Partial<PortalRecord>): Record<string, Value> {
  const values: Record<string, Value> = {}
  if (patch.memberId !== undefined) values.member_id = patch.memberId
  if (patch.applicationToken !== undefined) values.application_token = patch.applicationToken
  if (patch.endpoint !== undefined) values.endpoint = patch.endpoint
  if (patch.oauthUrl !== undefined) values.oauth_url = patch.oauthUrl
  if (patch.importedToken !== undefined) values.imported_token = patch.importedToken
  if (patch.refreshStartedAt !== undefined) values.refresh_started_at = patch.refreshStartedAt
  if (patch.refreshTries !== undefined) values.refresh_tries = patch.refreshTries
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

function toRecord (sql: Record<string, unknown>): PortalRecord {
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
    importedToken: text('imported_token'),
    refreshStartedAt: number('refresh_started_at'),
    refreshTries: number('refresh_tries') ?? 0,
    parked: parkedCode === null ? null : { code: parkedCode, since: number('parked_since') ?? 0 },
    bucket: level === null ? null : { level, at: number('bucket_at') ?? 0 },
  }
}
