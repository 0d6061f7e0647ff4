import type { Clock } from '../clock.ts'
import { createConnectors, type Connectors } from './connectors.ts'
import { createDialogs, storedMessageId, type DialogKey, type Dialogs, type PortalMessage } from './dialogs.ts'
import { decodeEntities, normalizeText } from './text.ts'
import { createUsers, type PortalUser, type Users } from './users.ts'

interface NewMessage {
  readonly externalId: string
  readonly user: PortalUser
  readonly text: string
  readonly files: readonly string[]
  readonly chatName: string
}

export interface Portal {
  readonly connectors: Connectors
  readonly users: Users
  readonly dialogs: Dialogs
  readonly nextFileId: () => number
  add (key: DialogKey, message: NewMessage): PortalMessage
  /**
   * Edits every message the ids stand for. Gives the text that was sent before, or undefined if there is no such message. The answer of the
   * portal does not say which; only the event does.
   */
  edit (key: DialogKey, externalIds: readonly string[], text: string): string | undefined
  /** False if the portal allows no edit: the message is deleted or too old. */
  editAsOperator (message: PortalMessage, text: string): boolean
  remove (key: DialogKey, externalIds: readonly string[]): void
}

const editableForSeconds = 3 * 86_400

export function createPortal (clock: Clock, changed: (message: PortalMessage) => void): Portal {
  const connectors = createConnectors()
  const users = createUsers()
  const dialogs = createDialogs()
  let lastMessageId = 10_000
  let lastFileId = 4_000

  const found = (key: DialogKey, externalIds: readonly string[]): readonly PortalMessage[] => {
    const dialog = dialogs.find(key)
    return externalIds.flatMap(id => id === '' ? [] : dialog?.byExternalId.get(id) ?? [])
  }

  function remove (message: PortalMessage): void {
    if (message.deleted) return
    message.deleted = true
    message.text = ''
    changed(message)
  }

  function show (message: PortalMessage, text: string): void {
    message.text = decodeEntities(text)
    message.edited = true
    message.history.push({ atMs: clock.now(), text: message.text })
    changed(message)
  }

  // The age is counted in whole seconds from the portal's own time of creation, not from the messenger's date.
  const isEditable = (message: PortalMessage): boolean =>
    !message.deleted && Math.floor(message.createdAtMs / 1000) + editableForSeconds >= Math.floor(clock.now() / 1000)

  return {
    connectors,
    users,
    dialogs,
    nextFileId: () => ++lastFileId,
    add (key, { externalId, user, text, files, chatName }) {
      const dialog = dialogs.open(key, chatName)
      const createdAtMs = clock.now()
      const shown = decodeEntities(normalizeText(text))
      const message: PortalMessage = {
        id: ++lastMessageId,
        dialog,
        externalId: externalId === '0' ? '' : storedMessageId(externalId),
        user,
        sessionId: dialog.sessionId,
        files,
        createdAtMs,
        history: [{ atMs: createdAtMs, text: shown }],
        text: shown,
        sent: text,
        edited: false,
        deleted: false,
      }
      dialog.messages.push(message)
      if (message.externalId !== '') {
        const same = dialog.byExternalId.get(message.externalId)
        if (same === undefined) dialog.byExternalId.set(message.externalId, [message])
        else same.push(message)
      }
      changed(message)
      return message
    },
    edit (key, externalIds, given) {
      const text = normalizeText(given)
      const messages = found(key, externalIds)
      const before = messages[0]?.sent
      for (const message of messages) {
        message.sent = given
        // The delete comes first, so the three days do not protect an old message from an empty text.
        if (text === '') remove(message)
        else if (isEditable(message)) show(message, text)
      }
      return before
    },
    editAsOperator (message, given) {
      if (!isEditable(message)) return false
      message.sent = given
      show(message, normalizeText(given))
      return true
    },
    remove (key, externalIds) {
      for (const message of found(key, externalIds)) remove(message)
    },
  }
}
