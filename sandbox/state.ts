import { memberId as usualMemberId } from './applications.ts'
import { createCalls, type Calls } from './calls.ts'
import { createClock, type Clock } from './clock.ts'
import { createBindings, type Bindings } from './events/bindings.ts'
import type { EventFault } from './events/faults.ts'
import { createSender, type Sender } from './events/sender.ts'
import { createFaults, type Faults } from './faults.ts'
import { createBucket, unlimited, type Bucket } from './limits/bucket.ts'
import { createOperatingTime, type OperatingTime } from './limits/operating.ts'
import { createTokens, type Tokens } from './oauth/tokens.ts'
import { createPending, type Pending } from './pending.ts'
import type { PortalMessage } from './portal/dialogs.ts'
import { createPortal, type Portal } from './portal/portal.ts'

export interface SandboxOptions {
  /** The bucket of 50 and two a second. On unless `false`; the operating limit always is, since only a slow portal reaches it. */
  readonly limits?: boolean
  /** The real time, in milliseconds, on which the sandbox's time is based. */
  readonly now?: () => number
  /** The cloud's proxy ends a request after this time; PHP continues. */
  readonly requestLimitMs?: number
  /** The portal's own id, if another portal is wanted. */
  readonly memberId?: string
}

/** The whole state. `reset` replaces `portal` and `tokens`, so read them from here on each use. */
export interface State {
  readonly clock: Clock
  readonly bucket: Bucket
  readonly operating: OperatingTime
  readonly requestLimitMs: number
  readonly memberId: string
  readonly faults: Faults
  readonly calls: Calls
  readonly bindings: Bindings
  readonly eventFaults: Pending<EventFault>
  readonly sender: Sender
  /** Client ids of applications whose page has not called installFinish. They get no events. */
  readonly unfinished: Set<string>
  /** The last installed handler by client id: `/oauth/authorize/` redirects to it. */
  readonly handlers: Map<string, string>
  readonly watchers: Set<(message: PortalMessage | undefined) => void>
  readonly load: { msPerMessage: number }
  /** The portal's host since it was renamed; null while any host that reaches the sandbox is the portal's. */
  host: string | null
  portal: Portal
  tokens: Tokens
  reset (): Promise<void>
}

export function createState ({ limits = true, now = Date.now, requestLimitMs = 60_000, memberId = usualMemberId }: SandboxOptions): State {
  const clock = createClock(now)
  const watchers: State['watchers'] = new Set()
  const tell = (message: PortalMessage | undefined): void => watchers.forEach(watch => watch(message))
  const fresh = (): Pick<State, 'portal' | 'tokens'> => ({ portal: createPortal(clock, tell), tokens: createTokens(clock, memberId) })

  return {
    clock,
    bucket: limits ? createBucket({ capacity: 50, leakPerSecond: 2, now: clock.now }) : unlimited,
    operating: createOperatingTime(clock.now),
    requestLimitMs,
    memberId,
    faults: createFaults(),
    calls: createCalls(),
    bindings: createBindings(),
    eventFaults: createPending(),
    sender: createSender(clock),
    unfinished: new Set(),
    handlers: new Map(),
    watchers,
    load: { msPerMessage: 0 },
    host: null,
    ...fresh(),
    async reset () {
      this.clock.reset()
      this.bucket.reset()
      this.operating.reset()
      this.faults.clear()
      this.calls.clear()
      this.bindings.remove(() => true)
      this.eventFaults.clear()
      this.unfinished.clear()
      this.handlers.clear()
      this.load.msPerMessage = 0
      this.host = null
      Object.assign(this, fresh())
      tell(undefined)
      await this.sender.reset()
    },
  }
}
