import { administrator, employee, type Operator } from '../applications.ts'
import type { Hosts } from '../hosts.ts'
import type { State } from '../state.ts'
import type { Binding } from './bindings.ts'
import type { PortalEvent } from './edits.ts'
import { foreignConnector, withWrongKey } from './faults.ts'
import { authOf } from './form.ts'

/** Who caused an event, and where. */
export interface Cause {
  readonly operator: Operator
  readonly hosts: Hosts
}

/** Sends the event to every handler bound to it whose application is installed. A pending fault strikes it at all of them. */
export function announce (state: State, event: PortalEvent, cause: Cause): void {
  const bindings = state.bindings.list().filter(({ event: name, application }) => name === event.name && !state.unfinished.has(application.clientId))
  if (bindings.length === 0) return
  const struck = state.eventFaults.take(({ event: name }) => name === '*' || name === event.name)
  const fault = struck?.fault ?? null
  const data = event.data(fault === 'foreign' ? foreignConnector : event.connector, fault === 'older-version' ? event.before : event.text)
  for (const binding of bindings) {
    const { application: { clientId: application }, handler } = binding
    const attempt = { event: event.name, application, handler: fault === 'wrong-key' ? withWrongKey(handler) : handler, fault }
    const form = formOf(state, binding, data, cause)
    if (fault === 'lost') state.sender.lose(attempt)
    else if (struck?.fault === 'late') state.clock.at(state.clock.now() + struck.afterMs, () => state.sender.send(attempt, form))
    else state.sender.send(attempt, form)
    if (fault === 'twice') state.sender.send(attempt, form)
  }
}

function formOf (state: State, { id, application, event, userId }: Binding, data: object, { operator, hosts }: Cause): object {
  const actor = [administrator, employee].find(({ id }) => id === userId) ?? operator
  const nowSeconds = Math.floor(state.clock.now() / 1000)
  const { accessToken } = state.tokens.issue(application, actor)
  return {
    event,
    event_handler_id: String(id),
    data,
    ts: String(nowSeconds),
    auth: authOf({ application, hosts, accessToken, userId: actor.id, memberId: state.memberId, nowSeconds }),
  }
}
