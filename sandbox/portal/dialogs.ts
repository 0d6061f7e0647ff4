import type { PortalUser } from './users.ts'

/** A message of an open line, as the portal keeps it. `history` holds every text that was shown, the first included. */
export interface PortalMessage {
  readonly id: number
  readonly dialog: Dialog
  /** The external id as stored (the portal's CONNECTOR_MID), empty when none was given. */
  readonly externalId: string
  readonly user: PortalUser
  readonly sessionId: number
  readonly files: readonly string[]
  readonly createdAtMs: number
  readonly history: Array<{ readonly atMs: number, readonly text: string }>
  text: string
  /** The newest text as it came. The portal may have changed or refused it. */
  sent: string
  edited: boolean
  deleted: boolean
}

export interface Dialog {
  readonly id: number
  /** `connector|line|chat|user`, the portal's ENTITY_ID. The user is the portal's id, or 0 for a CHAT_GROUP connector. */
  readonly code: string
  readonly connector: string
  readonly line: string
  readonly externalId: string
  /** The last session. The next message opens another one once it is closed. */
  sessionId: number
  closed: boolean
  name: string
  readonly messages: PortalMessage[]
  readonly byExternalId: Map<string, PortalMessage[]>
}

export interface DialogKey {
  readonly connector: string
  readonly line: string
  readonly chat: string
  readonly userId: number
  /** A CHAT_GROUP connector has one dialog for all users of a chat. */
  readonly group: boolean
}

export interface Dialogs {
  find (key: DialogKey): Dialog | undefined
  open (key: DialogKey, name: string): Dialog
  list (): Iterable<Dialog>
}

export function createDialogs (): Dialogs {
  const dialogs = new Map<string, Dialog>()
  let lastSessionId = 322
  const code = (key: DialogKey, user: number): string => [key.connector, key.line, key.chat, user].join('|')

  function find (key: DialogKey): Dialog | undefined {
    const own = dialogs.get(code(key, key.userId))
    const shared = dialogs.get(code(key, 0))
    return key.group ? shared ?? own : own ?? shared
  }

  return {
    find,
    list: () => dialogs.values(),
    open (key, name) {
      const known = find(key)
      if (known !== undefined) {
        if (known.closed) Object.assign(known, { sessionId: ++lastSessionId, closed: false })
        return known
      }
      const dialog: Dialog = {
        id: 1767 + dialogs.size,
        code: code(key, key.group ? 0 : key.userId),
        connector: key.connector,
        line: key.line,
        externalId: key.chat,
        sessionId: ++lastSessionId,
        closed: false,
        name,
        messages: [],
        byExternalId: new Map(),
      }
      dialogs.set(dialog.code, dialog)
      return dialog
    },
  }
}

/** The portal keeps 100 characters of an id: a longer one is cut to 97 and dots, and is then never found again. */
export function storedMessageId (id: string): string {
  const characters = [...id]
  return characters.length > 100 ? `${characters.slice(0, 97).join('')}...` : id
}
