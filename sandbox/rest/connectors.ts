import { field, isFalsy, isSet, toInteger, toText, type PhpMap, type PhpValue } from '../portal/php.ts'
import { phrases } from '../portal/phrases.ts'
import { RegistrationRefused, RestError, restErrors } from './errors.ts'
import type { MethodCall, RestMethod } from './method.ts'

const scopes = ['imopenlines', 'imconnector']

const registered: PhpValue = { result: true }

export const register: RestMethod = {
  scopes,
  run: ({ parameters, session, portal }) => {
    const id = toText(parameters['ID']).toLowerCase()
    const refuse = (code: string, description: string): never => { throw new RegistrationRefused(code, description) }
    if (id === '') refuse('CONNECTOR_ID_REQUIRED', 'Connector ID is required')
    if (id.includes('.')) refuse('APPLICATION_REGISTRATION_ERROR_POINT', 'Connector ID cannot contain a dot')
    if (isFalsy(parameters['NAME'])) refuse('NAME_REQUIRED', 'Connector name is required')
    if (typeof field(parameters['ICON'], 'DATA_IMAGE') !== 'string' || isFalsy(field(parameters['ICON'], 'DATA_IMAGE'))) {
      refuse('ICON_REQUIRED', 'Connector icon is required')
    }
    if (isFalsy(parameters['PLACEMENT_HANDLER'])) refuse('NO_PLACEMENT_HANDLER', 'Placement handler is required')
    const owner = portal.connectors.provider(id)
    if (owner !== undefined && owner.clientId !== session.application.clientId) {
      refuse('APPLICATION_REGISTRATION_ERROR', 'Connector is registered by another application')
    }
    const chatGroup = !['', '0', 'N', 'false'].includes(toText(parameters['CHAT_GROUP']))
    portal.connectors.register({ id, name: toText(parameters['NAME']), clientId: session.application.clientId, chatGroup })
    return registered
  },
}

export const unregister: RestMethod = {
  scopes,
  run: ({ parameters, session, portal }) => {
    if (portal.connectors.unregister(toText(parameters['ID']), session.application.clientId)) return registered
    throw new RegistrationRefused('APPLICATION_UNREGISTRATION_ERROR', 'Connector could not be unregistered')
  },
}

/** ACTIVE counts as PHP counts: any text but an empty one and "0" switches the line on, "N" included. */
export const activate: RestMethod = {
  scopes,
  run: call => {
    const { connector, line } = connectorAndLine(call)
    if (!isSet(call.parameters['ACTIVE'])) throw restErrors.missing('ACTIVE')
    call.portal.connectors.activate(connector, line, !isFalsy(call.parameters['ACTIVE']))
    return true
  },
}

export const setConnectorData: RestMethod = {
  scopes,
  run: call => {
    connectorAndLine(call)
    if (isFalsy(call.parameters['DATA'])) throw restErrors.missing('DATA')
    return true
  },
}

export const status: RestMethod = {
  scopes,
  run: ({ parameters, portal }) => {
    if (!isSet(parameters['CONNECTOR'])) throw restErrors.missing('CONNECTOR')
    const connector = toText(parameters['CONNECTOR'])
    const line = toInteger(parameters['LINE'])
    const found = portal.connectors.provider(connector) === undefined ? undefined : portal.connectors.status(connector, line)
    const active = found !== undefined && found.active
    return {
      LINE: line,
      CONNECTOR: connector,
      ERROR: found !== undefined && found.error,
      CONFIGURED: active,
      STATUS: active && !found.error,
    }
  },
}

/** Marks the connector on the line as broken: it stays configured, and no message passes until it is activated again. */
export const setError: RestMethod = {
  scopes,
  run: call => {
    const { connector, line } = connectorAndLine(call)
    call.portal.connectors.fail(connector, line)
    return { SUCCESS: true, DATA: [] }
  },
}

export const list: RestMethod = {
  scopes,
  run: ({ portal }) => Object.fromEntries([...portal.connectors.list()].map(({ id, name }) => [id, name])) as PhpMap,
}

/** The portal always answers this. */
export const sendStatusDelivery: RestMethod = { scopes, run: () => ({ SUCCESS: true, DATA: [] }) }

function connectorAndLine ({ parameters, portal }: MethodCall): { connector: string, line: number } {
  for (const name of ['CONNECTOR', 'LINE']) {
    if (!isSet(parameters[name])) throw restErrors.missing(name)
  }
  const connector = portal.connectors.provider(toText(parameters['CONNECTOR']))
  if (connector === undefined) throw new RestError(400, 'IMCONNECTOR_NOT_SPECIFIED_CORRECT_CONNECTOR', phrases.noConnector)
  return { connector: connector.id, line: toInteger(parameters['LINE']) }
}
