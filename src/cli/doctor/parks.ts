import { isProbed } from '../../bitrix24/codes.ts'
import type { PortalConfig } from '../../bitrix24/hosts.ts'
import { addressOf } from '../../bitrix24/place.ts'
import { authorizeUrl } from '../../bitrix24/session.ts'
import { explainPark } from '../../console/explain.ts'
import { en } from '../../console/texts/en.ts'
import type { PortalRecord } from '../../outbox/portals.ts'
import { fault, toIso, type Finding } from './finding.ts'
import { howToInstall, SET_CREDENTIALS } from './tokens.ts'

/** The stored parks of the portal and its lines: the relay keeps their edits, and makes no calls for them. */
export function * examineParks (portal: PortalConfig, record: PortalRecord): Generator<Finding> {
  const { parked, parkedLines } = record
  if (parked !== null) {
    const { code, since } = parked
    yield fault('portal', `parked since ${toIso(since)} (${code}), so the relay keeps all edits and sends none`, remedyOf(code, howToGrant(portal, record)))
  }
  for (const { connector, line, code, since } of parkedLines) {
    yield fault('line', `${connector} on line ${line} is parked since ${toIso(since)} (${code}), so the relay keeps its edits and sends none`, remedyOf(code, null))
  }
}

/** New tokens end a park whose cause is that the portal lacks an administrator's consent. */
function howToGrant (portal: PortalConfig, record: PortalRecord): string {
  if (portal.clientId === null && record.tokens !== null) return `${SET_CREDENTIALS}, and restart`
  const address = addressOf(portal, record)
  return portal.clientId === null ? howToInstall(address, portal) : `open ${authorizeUrl(address, portal)} as an administrator, or install the application again`
}

/** The first sentence of the console's words, unless `grant` is the remedy. */
function remedyOf (code: string, grant: string | null): string {
  const { todo, needsGrant } = explainPark(code, en)
  const [first = ''] = todo.split(/\.(?: |$)/)
  const remedy = needsGrant && grant !== null ? grant : `${first.charAt(0).toLowerCase()}${first.slice(1)}`
  return isProbed(code) ? `${remedy}; the relay tries again by itself, within 15 minutes` : remedy
}
