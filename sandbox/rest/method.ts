import type { Application, Operator } from '../applications.ts'
import type { Clock } from '../clock.ts'
import type { Bindings } from '../events/bindings.ts'
import type { PortalEvent } from '../events/edits.ts'
import type { PhpMap, PhpValue } from '../portal/php.ts'
import type { Portal } from '../portal/portal.ts'

/** Whose token a call carries. */
export interface Session {
  readonly application: Application
  readonly operator: Operator
  readonly memberId: string
}

export interface MethodCall {
  readonly parameters: Readonly<PhpMap>
  readonly session: Session
  readonly portal: Portal
  readonly clock: Clock
  readonly bindings: Bindings
  /** Whether the application's installation is finished. */
  readonly installed: boolean
  /** Sends an event to its handlers, without waiting for them. */
  readonly announce: (event: PortalEvent) => void
  /** Called before each item of MESSAGES: it waits as long as the simulated load says, or breaks the request there. */
  readonly beforeItem: (messageId: string, index: number, count: number) => Promise<void> | undefined
  /** For `batch`: another method in the same session. */
  readonly invoke: (method: string, parameters: PhpMap) => Promise<Invoked>
}

export interface Invoked {
  readonly result: PhpValue
  readonly time: PhpMap
}

export interface RestMethod {
  /** One of these scopes is enough; none is needed where the list is empty. */
  readonly scopes: readonly string[]
  readonly run: (call: MethodCall) => PhpValue | Promise<PhpValue>
}
