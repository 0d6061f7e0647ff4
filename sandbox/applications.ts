/** The portal's fixed identity: tests and tools outside this repository rely on these names. */
export const memberId = '5a9db0c0ffee4b24a1e0c0de5a9db0c0'
export const connectorId = 'relay_demo'
export const activeLines = [1, 2]

export interface Application {
  readonly name: string
  readonly clientId: string
  readonly clientSecret: string
  readonly firstRefreshToken: string
  /** Sent with every event and constant for an application on a portal, so that a handler can tell a real event. */
  readonly applicationToken: string
  readonly scope: readonly string[]
}

const scope = ['imopenlines', 'imconnector', 'im', 'placement', 'contact_center', 'user_brief']

export const applications: readonly Application[] = [
  {
    name: 'relay',
    clientId: 'local.relay',
    clientSecret: 'relay-secret',
    firstRefreshToken: 'relay-refresh',
    applicationToken: '1e1a7000000000000000000000000001',
    scope,
  },
  {
    name: 'connector',
    clientId: 'local.connector',
    clientSecret: 'connector-secret',
    firstRefreshToken: 'connector-refresh',
    applicationToken: 'c0ec7000000000000000000000000002',
    scope,
  },
]

export function findApplication (clientId: string): Application | undefined {
  return applications.find(application => application.clientId === clientId)
}

/** The portal's own staff; tokens act in the name of one of them. */
export interface Operator {
  readonly id: number
  readonly name: string
  readonly lastName: string
  readonly admin: boolean
}

export const administrator: Operator = { id: 1, name: 'Anna', lastName: 'Admin', admin: true }
export const employee: Operator = { id: 2, name: 'Oleg', lastName: 'Operator', admin: false }
