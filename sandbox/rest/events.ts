import { toInteger, toText, type PhpMap } from '../portal/php.ts'
import { messageUpdate } from '../events/edits.ts'
import { RestError, restErrors } from './errors.ts'
import type { RestMethod } from './method.ts'

/** A handler can be bound to these. The sandbox sends the first, and an installation by its control. */
const known = new Set([
  messageUpdate, 'ONOPENLINEMESSAGEADD', 'ONOPENLINEMESSAGEDELETE', 'ONSESSIONSTART', 'ONSESSIONFINISH',
  'ONIMCONNECTORMESSAGEADD', 'ONIMCONNECTORMESSAGEUPDATE', 'ONIMCONNECTORMESSAGEDELETE', 'ONIMCONNECTORDIALOGSTART', 'ONIMCONNECTORDIALOGFINISH',
  'ONIMCONNECTORSTATUSDELETE', 'ONIMCONNECTORLINEDELETE', 'ONAPPINSTALL', 'ONAPPUPDATE', 'ONAPPUNINSTALL',
])

/** Without AUTH_TYPE an administrator's handler acts for the user who causes the event, anyone else's for its owner. */
export const bind: RestMethod = {
  scopes: [],
  run: ({ parameters, session: { application, operator }, bindings }) => {
    const wanted = toInteger(parameters['AUTH_TYPE'])
    if (wanted > 0 && !operator.admin && wanted !== operator.id) {
      throw restErrors.accessDenied('Event binding with AUTH_TYPE requires administrator access rights')
    }
    const { event, handler } = eventAndHandler(parameters)
    checkHandler(handler)
    if (!known.has(event)) throw new RestError(400, 'ERROR_EVENT_NOT_FOUND', 'Event not found')
    const userId = wanted > 0 ? wanted : operator.admin ? 0 : operator.id
    if (bindings.add({ application, event, handler, userId })) return true
    throw new RestError(400, 'ERROR_CORE', 'Unable to set event handler: Handler already binded')
  },
}

/** All of the application's handlers; those of the user if that is no administrator. */
export const get: RestMethod = {
  scopes: [],
  run: ({ session: { application, operator }, bindings }) => bindings.list()
    .filter(binding => binding.application === application && (operator.admin || binding.userId === operator.id))
    .map(({ event, handler, userId }) => ({ event, handler, auth_type: String(userId), offline: 0 })),
}

/** Without AUTH_TYPE an administrator removes the handlers of all users. */
export const unbind: RestMethod = {
  scopes: [],
  run: ({ parameters, session: { application, operator }, bindings }) => {
    const { event, handler } = eventAndHandler(parameters)
    const given = parameters['AUTH_TYPE']
    const wanted = toInteger(given)
    if (given !== undefined && !operator.admin && wanted !== operator.id) {
      throw restErrors.accessDenied('Event unbinding with AUTH_TYPE requires administrator access rights')
    }
    const userId = given !== undefined ? wanted : operator.admin ? undefined : operator.id
    const count = bindings.remove(binding => binding.application === application && binding.event === event && binding.handler === handler &&
      (userId === undefined || binding.userId === userId))
    return { count }
  },
}

function eventAndHandler (parameters: Readonly<PhpMap>): { event: string, handler: string } {
  const event = toText(parameters['EVENT']).toUpperCase()
  if (event === '') throw restErrors.missing('EVENT')
  const type = toText(parameters['EVENT_TYPE']).toLowerCase()
  if (type === 'offline') throw restErrors.argument('The sandbox has no offline events', 'EVENT_TYPE')
  if (type !== '' && type !== 'online') throw restErrors.argument('Value must be one of {online|offline}', 'EVENT_TYPE')
  const handler = toText(parameters['HANDLER'])
  if (handler === '') throw restErrors.missing('HANDLER')
  return { event, handler }
}

/** A portal takes only hosts with a dot: `localhost` is none. */
function checkHandler (handler: string): void {
  const url = URL.canParse(handler) ? new URL(handler) : undefined
  if (url === undefined || url.hostname.indexOf('.') < 1) throw new RestError(400, 'ERROR_WRONG_HANDLER_URL', 'Wrong handler URL')
  if (!/^https?:$/.test(url.protocol)) throw new RestError(400, 'ERROR_UNSUPPORTED_PROTOCOL', 'Unsupported handler protocol')
}
