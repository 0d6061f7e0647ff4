import { createHash } from 'node:crypto'
import type { Log } from '../base/log.ts'
import type { PortalPatch, PortalRecord } from '../outbox/portals.ts'
import type { PortalConfig } from './hosts.ts'
import { isOutdated } from './place.ts'

interface Circumstances {
  readonly now: number
  readonly log: Log
}

/** What a changed configuration changes in the portal's record: its first address, imported tokens, tokens of another application. */
export function patchFor (portal: PortalConfig, record: PortalRecord, circumstances: Circumstances): PortalPatch {
  return { ...placePatch(portal, record, circumstances), ...tokensPatch(portal, record, circumstances) }
}

/** Nothing is proven about the first address. It may contain a typing error, so it is simply replaced. */
function placePatch (portal: PortalConfig, record: PortalRecord, { log }: Circumstances): PortalPatch {
  if (isOutdated(portal, record)) log.warn({ event: 'portal.outdated-address', address: record.address }, 'BITRIX24_PORTAL_URL is a former address of the portal; set it to the present one')
  const isFirst = record.address === null || (record.memberId === null && record.tokens === null)
  return isFirst && record.address !== portal.url ? { address: portal.url } : {}
}

/** Refresh tokens rotate, so the digest tells whether BITRIX24_REFRESH_TOKEN was imported before. */
function tokensPatch (portal: PortalConfig, record: PortalRecord, { now, log }: Circumstances): PortalPatch {
  const importedToken = portal.refreshToken === null ? null : createHash('sha256').update(portal.refreshToken).digest('base64url')
  if (portal.refreshToken !== null && importedToken !== record.importedToken) {
    log.info({ event: 'oauth.imported' }, 'BITRIX24_REFRESH_TOKEN is taken over')
    const tokens = { accessToken: '', refreshToken: portal.refreshToken, accessExpiresAt: null }
    const beforeImport = { tokens: record.tokens, clientId: record.clientId, importedToken: record.importedToken }
    return { tokens, clientId: portal.clientId, importedToken, beforeImport, refreshStartedAt: null, refreshTries: 0, parked: null }
  }
  if (portal.clientId !== null && record.clientId !== null && record.clientId !== portal.clientId) {
    log.warn({ event: 'install.discarded', clientId: record.clientId }, 'the stored tokens are of another application than BITRIX24_CLIENT_ID, so they are deleted; install the application again, or open the authorize link')
    return { tokens: null, applicationToken: null, clientId: null, refreshStartedAt: null, refreshTries: 0, parked: { code: 'not-installed', since: now } }
  }
  // Bitrix24 shows id and secret only after the install. Once both are set, the tokens of that install can be renewed.
  const canRefresh = portal.clientId !== null && portal.clientSecret !== null && record.tokens !== null
  return canRefresh && record.parked?.code === 'not-installed' ? { parked: null } : {}
}
