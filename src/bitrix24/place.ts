import { createHash } from 'node:crypto'
import { isLoopback } from '../base/loopback.ts'
import type { PortalRecord } from '../outbox/portals.ts'
import { type PortalConfig, pinnedOrigin } from './hosts.ts'
import type { Grant } from './oauth.ts'

/** The part of a record that says which portal it is and where. */
type Place = Pick<PortalRecord, 'address' | 'formerAddresses' | 'memberId' | 'tokens'>

/**
 * What a grant of the OAuth server says about the portal. `proven`: it is this portal, at the address of the patch. `elsewhere`: its address is not
 * one that the configuration covers, or there is no proof. `other`: it is another portal.
 */
export type Proof =
  | { readonly kind: 'proven', readonly patch: Pick<PortalRecord, 'formerAddresses' | 'memberId'> & { readonly address: string } }
  | { readonly kind: 'elsewhere' | 'other', readonly words: string }

/** The portal's address for calls. */
export function addressOf (portal: PortalConfig, record: Pick<PortalRecord, 'address'>): string {
  return record.address ?? portal.url
}

/** Tells a configuration that was refused from one that was corrected. */
export function configDigest ({ url, clientId, refreshToken }: PortalConfig): string {
  return createHash('sha256').update(JSON.stringify([url, clientId, refreshToken])).digest('base64url')
}

/** Whether BITRIX24_PORTAL_URL is a former address of the portal. The record is newer, so it is used. */
export function isOutdated ({ url }: PortalConfig, { formerAddresses }: Pick<PortalRecord, 'formerAddresses'>): boolean {
  return formerAddresses.includes(url)
}

/**
 * Whether BITRIX24_PORTAL_URL is a new address that is not proven to be this portal's. Until the OAuth server has named it, no token may be sent to
 * it, and none to the old address either: the operator says that the portal is no longer there.
 */
export function isUnproven (portal: PortalConfig, record: Place): boolean {
  const { address, memberId, tokens } = record
  return address !== null && address !== portal.url && !isOutdated(portal, record) && (memberId !== null || tokens !== null)
}

/** Decides by a grant where the portal is. Only https addresses in the portal's own registrable domain, and BITRIX24_PORTAL_URL, are accepted. */
export function locate (portal: PortalConfig, record: Place, { memberId, clientEndpoint }: Pick<Grant, 'memberId' | 'clientEndpoint'>): Proof {
  const known = record.memberId
  const address = addressOf(portal, record)
  const named = clientEndpoint !== null && URL.canParse(clientEndpoint) ? new URL(clientEndpoint) : null
  if (known !== null && memberId !== null && memberId !== known) {
    const there = named === null ? '' : ` at ${named.host}`
    return { kind: 'other', words: `the tokens are of the portal ${memberId}${there}, but this database is of the portal ${known} at ${address}: restore the settings of that portal, or give this relay a DATABASE_URL of its own` }
  }
  const isNew = isUnproven(portal, record)
  const covered = isNew ? [portal.url] : [address, portal.url]
  const origin = named === null
    ? (isNew ? null : address)
    : covered.find(origin => new URL(origin).host === named.host) ?? (isNew ? null : isSameMachine(address, named) ? address : pinnedOrigin(address, named.href))
  if (origin === null) {
    const found = named === null ? 'does not say where the portal is' : `says that the portal is at ${named.host}`
    return { kind: 'elsewhere', words: `the OAuth server ${found}; BITRIX24_PORTAL_URL is ${portal.url}: correct it, and restart` }
  }
  if (origin === record.address) return { kind: 'proven', patch: { address: origin, formerAddresses: record.formerAddresses, memberId: known ?? memberId } }
  if (known !== null && memberId === null) return { kind: 'elsewhere', words: 'the OAuth server does not say which portal the tokens are of' }
  return { kind: 'proven', patch: { address: origin, formerAddresses: formerAfter(record, origin), memberId: known ?? memberId } }
}

/** A sandbox on this machine names the host by which it was asked for tokens, and calls may go through another port. */
function isSameMachine (address: string, named: URL): boolean {
  return isLoopback(new URL(address)) && isLoopback(named)
}

/** More renames than this are not remembered. */
const MAX_FORMER = 20

/** An address that was never proven is a typing error and not remembered. */
function formerAfter ({ address, formerAddresses, memberId }: Place, origin: string): readonly string[] {
  const former = address === null || memberId === null ? formerAddresses : [...formerAddresses, address]
  return former.filter(each => each !== origin).slice(-MAX_FORMER)
}
