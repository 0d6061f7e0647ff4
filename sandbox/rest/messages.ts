import { clientEdit } from '../events/edits.ts'
import type { DialogKey } from '../portal/dialogs.ts'
import { fileUrls, readMessage, readUserAndChat, type Incoming, type IncomingResult } from '../portal/incoming.ts'
import { entriesOf, field, fromEntries, isArray, isFalsy, isSet, lowerKeys, PhpFatal, toInteger, toText, type PhpArray, type PhpValue } from '../portal/php.ts'
import { phrases } from '../portal/phrases.ts'
import { restErrors, RestError } from './errors.ts'
import type { MethodCall, RestMethod } from './method.ts'

const scopes = ['imopenlines', 'imconnector']

interface Batch {
  readonly connector: string
  readonly line: string
  readonly items: ReadonlyArray<readonly [string, PhpArray]>
  readonly dialogKey: (incoming: Incoming) => DialogKey
}

export const sendMessages: RestMethod = {
  scopes,
  run: async call => {
    const batch = openBatch(call, requireMessageShape)
    return await eachItem(call, batch, item => {
      const incoming = readMessage(call.portal.users, batch.connector, item, call.portal.nextFileId)
      if ('errors' in incoming) return incoming
      const id = field(incoming.message, 'id')
      const { dialog } = call.portal.add(batch.dialogKey(incoming), {
        externalId: isFalsy(id) ? '' : toText(id),
        user: incoming.user,
        text: toText(field(incoming.message, 'text')),
        files: fileUrls(field(item, 'message')),
        chatName: toText(field(incoming.chat, 'name')),
      })
      incoming.echo.set('session', { ID: String(dialog.sessionId), CHAT_ID: String(dialog.id) })
      return incoming
    })
  },
}

/** Does not check the shape, and the answer does not say whether a message changed. */
export const updateMessages: RestMethod = {
  scopes,
  run: async call => {
    const batch = openBatch(call, refuseScalarElements)
    return await eachItem(call, batch, item => {
      const incoming = readMessage(call.portal.users, batch.connector, item, call.portal.nextFileId)
      if ('errors' in incoming) return incoming
      const text = toText(field(incoming.message, 'text'))
      const before = call.portal.edit(batch.dialogKey(incoming), messageIds(incoming.message), text)
      if (before !== undefined) call.announce(clientEdit(batch, incoming, text, before))
      return incoming
    })
  },
}

export const deleteMessages: RestMethod = {
  scopes,
  run: async call => {
    const batch = openBatch(call, refuseScalarElements)
    return await eachItem(call, batch, item => {
      const incoming = readUserAndChat(call.portal.users, batch.connector, item)
      if ('errors' in incoming) return incoming
      call.portal.remove(batch.dialogKey(incoming), messageIds(incoming.message))
      return incoming
    })
  },
}

/** The checks before any item, in the portal's order. */
function openBatch ({ parameters, portal }: MethodCall, checkShape: (messages: PhpValue) => void): Batch {
  for (const name of ['CONNECTOR', 'LINE', 'MESSAGES']) {
    if (!isSet(parameters[name])) throw restErrors.missing(name)
  }
  const messages = lowerKeys(parameters['MESSAGES'] ?? null)
  checkShape(messages)
  if (isArray(parameters['CONNECTOR'])) throw new PhpFatal('CONNECTOR must be of type string')
  const connector = toText(parameters['CONNECTOR'])
  const provider = portal.connectors.provider(connector)
  if (provider === undefined) throw new RestError(400, 'IMCONNECTOR_NO_CORRECT_PROVIDER', phrases.noProvider)
  if (provider.id !== connector.toLowerCase()) {
    throw new RestError(400, 'IMCONNECTOR_NOT_SPECIFIED_CORRECT_CONNECTOR', phrases.noConnector)
  }
  const status = portal.connectors.status(provider.id, toInteger(parameters['LINE']))
  if (status === undefined || !status.active || status.error) throw new RestError(400, 'NOT_ACTIVE_LINE', phrases.notActiveLine)
  // Upper case passes the checks, but the raw values name the user and the dialog, so such an edit finds nothing.
  const line = toText(parameters['LINE'])
  return {
    connector,
    line,
    items: isArray(messages) ? entriesOf(messages).map(([key, item]) => [key, isArray(item) ? item : []] as const) : [],
    dialogKey: ({ chat, user }) => ({ connector, line, chat: toText(field(chat, 'id')), userId: user.id, group: provider.chatGroup }),
  }
}

function requireMessageShape (messages: PhpValue): void {
  if (!isArray(messages)) throw restErrors.argument("The value of an argument 'MESSAGES' must be of type array", 'MESSAGES')
  for (const [, item] of entriesOf(messages)) {
    if (!isArray(item)) throw restErrors.argument('The MESSAGES parameter must be an array of messages (arrays)')
    if (!['user', 'message', 'chat'].every(key => isSet(field(item, key)))) {
      throw restErrors.argument('The incorrect structure of a message inside MESSAGES parameter.')
    }
  }
}

/** Before any item runs, each one gets a key written into it, which PHP refuses for strings, numbers and true. */
function refuseScalarElements (messages: PhpValue): void {
  if (!isArray(messages)) return
  for (const [, item] of entriesOf(messages)) {
    if (!isArray(item) && item !== null && item !== false) throw new PhpFatal('Cannot use a scalar value as an array')
  }
}

async function eachItem (call: MethodCall, batch: Batch, apply: (item: PhpArray) => IncomingResult): Promise<PhpValue> {
  const results: Array<[string, PhpValue]> = []
  for (const [index, [cell, item]] of batch.items.entries()) {
    const waiting = call.beforeItem(toText(field(field(item, 'message'), 'id')), index, batch.items.length)
    if (waiting !== undefined) await waiting
    const outcome = apply(item)
    results.push([cell, 'errors' in outcome
      ? { SUCCESS: false, ERRORS: [...outcome.errors] }
      : fromEntries([...outcome.echo.set('SUCCESS', true)])])
  }
  return { SUCCESS: true, DATA: { RESULT: fromEntries(results) } }
}

/** One id, or a list of them: the portal's query takes both. */
function messageIds (message: PhpValue | undefined): readonly string[] {
  const id = field(message, 'id')
  if (isFalsy(id)) return []
  return isArray(id) ? entriesOf(id).map(([, inner]) => toText(inner)) : [toText(id)]
}
