import { isProbed } from '../../bitrix24/codes.ts'
import type { PortalConfig } from '../../bitrix24/hosts.ts'
import { addressOf } from '../../bitrix24/place.ts'
import { authorizeUrl } from '../../bitrix24/session.ts'
import type { PortalRecord } from '../../outbox/portals.ts'
import { fault, toIso, type Finding } from './finding.ts'
import { howToInstall, SET_CREDENTIALS } from './tokens.ts'

const ASK_OWNER = 'ask the portal\'s owner: its plan has ended or has no REST'
const ADD_SCOPES = 'add imopenlines and imconnector to the application\'s permissions and save it again'
const CORRECT_CREDENTIALS = 'compare BITRIX24_CLIENT_ID and BITRIX24_CLIENT_SECRET with the application\'s page on the portal, and restart'
const CORRECT_PORTAL = 'correct BITRIX24_PORTAL_URL, or install the application again; the relay\'s log says what is missing'
const DENIED = 'ask the portal\'s administrator whether the user who installed the application still has access, and install it again if needed'
const ACTIVATE = 'activate the open line, and the connector in it'

/** By the code in upper case, in the words of the table in README, "Operations". */
const REMEDIES: Readonly<Record<string, string>> = {
  INSUFFICIENT_SCOPE: ADD_SCOPES,
  INVALID_SCOPE: ADD_SCOPES,
  PAYMENT_REQUIRED: ASK_OWNER,
  ACCESS_DENIED: ASK_OWNER,
  OVERLOAD_LIMIT: 'ask the support of Bitrix24, which has blocked the portal',
  WRONG_CLIENT: CORRECT_CREDENTIALS,
  INVALID_CLIENT: CORRECT_CREDENTIALS,
  INVALID_CREDENTIALS: CORRECT_CREDENTIALS,
  PORTAL_MOVED: 'set BITRIX24_PORTAL_URL to the new address and restart',
  'PORTAL-UNPROVEN': CORRECT_PORTAL,
  'OTHER-PORTAL': CORRECT_PORTAL,
}

/** New tokens end these parks. Bitrix24 grants them to an administrator. */
const NEEDS_ADMINISTRATOR: ReadonlySet<string> = new Set(['INVALID_GRANT', 'BAD_VERIFICATION_CODE', 'REFRESH-LOST', 'NOT-INSTALLED', 'NOT_INSTALLED', 'APPLICATION_NOT_FOUND', 'TOKEN_REFUSED'])

/** The stored parks of the portal and its lines: the relay keeps their edits, and makes no calls for them. */
export function * examineParks (portal: PortalConfig, record: PortalRecord): Generator<Finding> {
  const { parked, parkedLines } = record
  if (parked !== null) {
    const { code, since } = parked
    yield fault('portal', `parked since ${toIso(since)} (${code}), so the relay keeps all edits and sends none`, remedyFor(code, portalRemedy(code, portal, record)))
  }
  for (const { connector, line, code, since } of parkedLines) {
    yield fault('line', `${connector} on line ${line} is parked since ${toIso(since)} (${code}), so the relay keeps its edits and sends none`, remedyFor(code, ACTIVATE))
  }
}

function portalRemedy (code: string, portal: PortalConfig, record: PortalRecord): string {
  const upper = code.toUpperCase()
  if (!NEEDS_ADMINISTRATOR.has(upper)) return (Object.hasOwn(REMEDIES, upper) ? REMEDIES[upper] : undefined) ?? DENIED
  if (portal.clientId === null && record.tokens !== null) return `${SET_CREDENTIALS}, and restart`
  const address = addressOf(portal, record)
  return portal.clientId === null ? howToInstall(address, portal) : `open ${authorizeUrl(address, portal)} as an administrator, or install the application again`
}

function remedyFor (code: string, remedy: string): string {
  return isProbed(code) ? `${remedy}; the relay tries again by itself, within 15 minutes` : remedy
}
