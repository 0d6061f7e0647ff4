import type { Operator } from '../applications.ts'
import type { PortalMessage } from '../portal/dialogs.ts'
import type { Incoming } from '../portal/incoming.ts'
import { entriesOf, field, fromEntries, isArray, isSet, type PhpArray, type PhpMap, type PhpValue } from '../portal/php.ts'

/** Something that happened on the portal. */
export interface PortalEvent {
  /** In upper case. */
  readonly name: string
  readonly connector: string
  readonly text: string
  /** The text that was sent for the message before. */
  readonly before: string
  /** What the event says of it, for a connector and a text. */
  readonly data: (connector: string, text: string) => PhpMap
}

export const messageUpdate = 'ONOPENLINEMESSAGEUPDATE'

/** The text is the one that came, so it may differ from what the portal stored. The ids are the external ones, `user_id` is the portal's. */
export function clientEdit ({ connector, line }: { connector: string, line: string }, incoming: Incoming, text: string, before: string): PortalEvent {
  const { echo, chat, user } = incoming
  return {
    name: messageUpdate,
    connector,
    text,
    before,
    data: (connector, text) => ({
      DATA: {
        connector: { connector_id: connector, line_id: line, chat_id: field(chat, 'id') ?? null, user_id: user.id },
        chat: echo.get('chat') ?? null,
        message: describe(incoming.message, text, user.id),
        ref: echo.get('ref') ?? [],
        extra: echo.get('extra') ?? [],
      },
    }),
  }
}

function describe (given: PhpValue | undefined, text: string, userId: number): PhpArray {
  const message = new Map(isArray(given) ? entriesOf(given) : [])
  if (message.has('text')) message.set('text', text)
  if (!isSet(message.get('user_id'))) message.set('user_id', userId)
  return fromEntries([...message])
}

/**
 * An operator's edit also names the connector and the line beside DATA, and its text begins with the operator's name.
 * The documentation shows a list as DATA (`asList`), the portal's source the message alone.
 */
export function operatorEdit (message: PortalMessage, operator: Operator, before: string, asList: boolean): PortalEvent {
  const { dialog } = message
  return {
    name: messageUpdate,
    connector: dialog.connector,
    text: message.sent,
    before,
    data: (connector, text) => {
      const edit = {
        im: { chat_id: dialog.id, message_id: message.id },
        message: { id: [message.externalId], text: `[b]${operator.name} ${operator.lastName}:[/b][br] ${text}` },
        chat: { id: dialog.externalId },
      }
      return { CONNECTOR: connector, LINE: dialog.line, DATA: asList ? [edit] : edit }
    },
  }
}
