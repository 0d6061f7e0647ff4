import type { MessageEdit, PortalEdit } from '../src/edit/edit.ts'

/** An edit as `address` would have made it. */
export function portalEdit (edit: MessageEdit, allowAnonymous = false): PortalEdit {
  return { ...edit, allowAnonymous } as PortalEdit
}
