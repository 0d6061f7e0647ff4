import type { Call } from '../calls.ts'
import type { Binding } from '../events/bindings.ts'
import type { Sent } from '../events/sender.ts'
import { type PortalMessage, storedMessageId } from '../portal/dialogs.ts'
import type { Portal } from '../portal/portal.ts'
import type { PortalUser } from '../portal/users.ts'

/** A message for the controls and the page. Times are ISO 8601 by the sandbox's clock; ids are the external ones. */
interface MessageView {
  readonly id: number
  readonly connector: string
  readonly line: number | string
  readonly chat: string
  readonly chatName: string
  readonly user: string
  readonly message: string
  readonly text: string
  readonly edited: boolean
  readonly deleted: boolean
  readonly files: readonly string[]
  readonly createdAt: string
  readonly history: ReadonlyArray<{ readonly at: string, readonly text: string }>
}

export function viewMessage (message: PortalMessage): MessageView {
  const { dialog } = message
  return {
    id: message.id,
    connector: dialog.connector,
    line: lineOf(dialog.line),
    chat: dialog.externalId,
    chatName: dialog.name,
    user: message.user.externalId,
    message: message.externalId,
    text: message.text,
    edited: message.edited,
    deleted: message.deleted,
    files: message.files,
    createdAt: toIso(message.createdAtMs),
    history: message.history.map(({ atMs, text }) => ({ at: toIso(atMs), text })),
  }
}

/** In the order of creation within a chat, chat by chat. */
export function findMessages ({ dialogs }: Portal, filter: { chat?: string | undefined, message?: string | undefined }): PortalMessage[] {
  const found: PortalMessage[] = []
  const wanted = filter.message === undefined ? undefined : storedMessageId(filter.message)
  for (const dialog of dialogs.list()) {
    if (filter.chat !== undefined && dialog.externalId !== filter.chat) continue
    for (const message of wanted === undefined ? dialog.messages : dialog.byExternalId.get(wanted) ?? []) found.push(message)
  }
  return found
}

export function viewUser ({ hash, ...user }: PortalUser): Omit<PortalUser, 'hash'> {
  return user
}

export function viewCall ({ atMs, application, method, status, error, messages, durationMs, fault }: Call): object {
  return { at: toIso(atMs), application, method, status, error, messages, durationMs, fault }
}

export function viewBinding ({ application, event, handler, userId }: Binding): object {
  return { application: application.clientId, event, handler, userId }
}

export function viewSent ({ atMs, ...sent }: Sent): object {
  return { at: toIso(atMs), ...sent }
}

/** A line is a number to everyone; one written otherwise ("0107") is another dialog and shows as it was written. */
function lineOf (line: string): number | string {
  return String(Number(line)) === line ? Number(line) : line
}

function toIso (ms: number): string {
  return new Date(ms).toISOString()
}
