import type { FastifyInstance } from 'fastify'
import { employee } from '../applications.ts'
import { announce } from '../events/announce.ts'
import { operatorEdit } from '../events/edits.ts'
import { hostOf, hostsOf } from '../hosts.ts'
import type { PortalMessage } from '../portal/dialogs.ts'
import type { State } from '../state.ts'
import { BadControl, check, jsonOf } from './body.ts'
import { closeSessionBody, operatorEditBody } from './schemas.ts'
import { findMessages, viewMessage } from './views.ts'

/** What an operator does in the open line. */
export function operatorRoutes (app: FastifyInstance, state: State): void {
  /** A real operator may edit only messages of their own; here any message will do. One without an external id has no event. */
  app.post('/sandbox/operator-edit', async request => {
    const { text, list, ...wanted } = check(operatorEditBody, jsonOf(request))
    const message = findOne(state, wanted)
    const before = message.sent
    if (!state.portal.editAsOperator(message, text)) throw new BadControl('the message is deleted or older than three days')
    if (message.externalId !== '') {
      announce(state, operatorEdit(message, employee, before, list), { operator: employee, hosts: hostsOf(state, hostOf(request)) })
    }
    return viewMessage(message)
  })

  app.post('/sandbox/close-session', async request => {
    const { chat } = check(closeSessionBody, jsonOf(request))
    const open = [...state.portal.dialogs.list()].filter(({ externalId, closed }) => !closed && (chat === undefined || externalId === chat))
    for (const dialog of open) dialog.closed = true
    return { closed: open.map(({ sessionId }) => sessionId) }
  })
}

function findOne ({ portal }: State, { id, ...filter }: { id?: number | undefined, chat?: string | undefined, message?: string | undefined }): PortalMessage {
  const [found, ...more] = findMessages(portal, filter).filter(message => id === undefined || message.id === id)
  if (found === undefined) throw new BadControl('there is no such message')
  if (more.length > 0) throw new BadControl(`there are ${more.length + 1} such messages: name the chat, or use the id of one`)
  return found
}
