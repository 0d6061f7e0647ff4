import type { Dialog } from '../portal/dialogs.ts'
import { isFalsy, isSet, toInteger, toText, type PhpMap } from '../portal/php.ts'
import { phrases } from '../portal/phrases.ts'
import type { Portal } from '../portal/portal.ts'
import { RestError } from './errors.ts'
import { describeDialog, describeSession } from './history.ts'
import type { RestMethod } from './method.ts'

const scopes = ['imopenlines']

/** Names the chat by the first of CHAT_ID, DIALOG_ID, SESSION_ID and USER_CODE. Here only administrators may see chats. */
export const getDialog: RestMethod = {
  scopes,
  run: ({ parameters, portal, session }) => {
    const dialog = findDialog(portal, parameters)
    if (dialog !== undefined && session.operator.admin) return describeDialog(dialog)
    throw new RestError(400, 'ACCESS_ERROR', 'You do not have access to the specified dialog')
  },
}

function findDialog ({ dialogs }: Portal, parameters: Readonly<PhpMap>): Dialog | undefined {
  const find = (matches: (dialog: Dialog) => boolean): Dialog | undefined => [...dialogs.list()].find(matches)
  const { CHAT_ID: chat, DIALOG_ID: name, SESSION_ID: session, USER_CODE: code } = parameters
  if (isSet(chat)) return find(({ id }) => id === toInteger(chat))
  if (isSet(name)) return find(({ id }) => `chat${id}` === toText(name).toLowerCase())
  if (isSet(session)) return find(dialog => hasSession(dialog, toInteger(session)))
  return find(dialog => dialog.code === toText(code).replace(/^imol\|/, ''))
}

/** The messages of one session: SESSION_ID, else the last of CHAT_ID. An earlier session is found only by its own id. */
export const getSessionHistory: RestMethod = {
  scopes,
  run: ({ parameters: { CHAT_ID: chat, SESSION_ID: session }, portal, session: { operator } }) => {
    if (isFalsy(session) && isFalsy(chat)) throw new RestError(400, 'MISSING_REQUIRED_PARAM', 'Session ID or Chat ID must be provided')
    const all = [...portal.dialogs.list()]
    const sessionId = isFalsy(session) ? all.find(({ id }) => id === toInteger(chat))?.sessionId : toInteger(session)
    if (sessionId === undefined || sessionId === 0) {
      throw new RestError(400, 'INVALID_SESSION_ID', 'Unable to determine session ID from provided parameters')
    }
    const dialog = all.find(dialog => hasSession(dialog, sessionId))
    if (dialog !== undefined && operator.admin) return describeSession(dialog, sessionId)
    throw new RestError(400, 'ACCESS_DENIED', phrases.noHistory)
  },
}

function hasSession ({ messages }: Dialog, sessionId: number): boolean {
  return messages.some(message => message.sessionId === sessionId)
}
