import * as application from './application.ts'
import { batch } from './batch.ts'
import * as connectors from './connectors.ts'
import * as events from './events.ts'
import { deleteMessages, sendMessages, updateMessages } from './messages.ts'
import type { RestMethod } from './method.ts'
import * as openLines from './open-lines.ts'

/** Every method this portal knows, by its lower-case name. */
export const methods: ReadonlyMap<string, RestMethod> = new Map(Object.entries({
  'imconnector.update.messages': updateMessages,
  'imconnector.send.messages': sendMessages,
  'imconnector.delete.messages': deleteMessages,
  'imconnector.send.status.delivery': connectors.sendStatusDelivery,
  'imconnector.register': connectors.register,
  'imconnector.unregister': connectors.unregister,
  'imconnector.activate': connectors.activate,
  'imconnector.connector.data.set': connectors.setConnectorData,
  'imconnector.status': connectors.status,
  'imconnector.set.error': connectors.setError,
  'imconnector.list': connectors.list,
  'imopenlines.dialog.get': openLines.getDialog,
  'imopenlines.session.history.get': openLines.getSessionHistory,
  'event.bind': events.bind,
  'event.get': events.get,
  'event.unbind': events.unbind,
  'app.info': application.appInfo,
  profile: application.profile,
  'user.admin': application.userAdmin,
  scope: application.scope,
  'server.time': application.serverTime,
  batch,
}))
