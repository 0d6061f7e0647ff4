import type { ClientProfile } from './edit.ts'
import { isBlankForPortal } from '../text/blank.ts'

/** Whether a profile names its client. Bitrix24 renames a client to "Guest" when a call brings neither name. */
export function isNamed (profile: ClientProfile): boolean {
  return !isBlankForPortal(profile.name ?? '') || !isBlankForPortal(profile.lastName ?? '')
}
