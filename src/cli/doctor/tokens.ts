import { isProbed } from '../../bitrix24/codes.ts'
import type { PortalConfig } from '../../bitrix24/hosts.ts'
import { authorizeUrl } from '../../bitrix24/session.ts'
import type { PortalRecord } from '../../outbox/portals.ts'
import { fault, open, type Finding } from './finding.ts'

export const SET_CREDENTIALS = 'set BITRIX24_CLIENT_ID and BITRIX24_CLIENT_SECRET to those that Bitrix24 shows for the application'

/** How an administrator of the portal grants tokens. */
export function howToInstall (address: string, portal: PortalConfig): string {
  return portal.clientId === null
    ? 'create a local application whose handler is https://<this relay>/bitrix24/install, with the relay running'
    : `install it again, or open ${authorizeUrl(address, portal)} as an administrator`
}

/** `words`: why the access token must be renewed. The relay's next call renews it, unless nothing can, or no call comes. */
export function examineRenewal (words: string, portal: PortalConfig, { parked }: Pick<PortalRecord, 'parked'>): Finding {
  if (portal.clientId === null) return fault('token', `${words}, and it cannot be renewed`, SET_CREDENTIALS)
  return parked === null || isProbed(parked.code)
    ? open('token', words, 'run the doctor again after the relay\'s next call, which renews it')
    : open('token', `${words}, and the parked portal gets no call that would renew it`, 'end the park first')
}
