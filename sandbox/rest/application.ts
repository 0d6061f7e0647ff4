import { type PhpValue, isFalsy, toText } from '../portal/php.ts'
import type { RestMethod } from './method.ts'

/** Clients call it at the portal or, with the same token, at the OAuth server. The sandbox is both, so MEMBER_ID is always present. */
export const appInfo: RestMethod = {
  scopes: [],
  run: ({ session, installed }) => ({
    ID: session.application.name === 'relay' ? 21 : 22,
    CODE: session.application.clientId,
    VERSION: 1,
    STATUS: 'L',
    INSTALLED: installed,
    PAYMENT_EXPIRED: 'N',
    DAYS: null,
    LANGUAGE_ID: 'en',
    LICENSE: 'en_standard',
    LICENSE_TYPE: 'standard',
    LICENSE_FAMILY: 'standard',
    MEMBER_ID: session.memberId,
  }),
}

export const profile: RestMethod = {
  scopes: [],
  run: ({ session: { operator } }) => ({
    ID: String(operator.id),
    ADMIN: operator.admin,
    NAME: operator.name,
    LAST_NAME: operator.lastName,
    PERSONAL_GENDER: '',
    TIME_ZONE: '',
  }),
}

export const userAdmin: RestMethod = { scopes: [], run: ({ session }) => session.operator.admin }

export const scope: RestMethod = {
  scopes: [],
  run: ({ session, parameters }): PhpValue =>
    isFalsy(parameters['FULL']) ? [...session.application.scope] : ['crm', 'task', 'user', ...session.application.scope],
}

export const serverTime: RestMethod = { scopes: [], run: ({ clock }) => toPortalTime(clock.now()) }

/** ISO 8601 to the second with an offset, as PHP's `c` format has it. */
export function toPortalTime (ms: number): string {
  return toText(new Date(ms).toISOString()).replace(/\.\d+Z$/, '+00:00')
}
