import type { Test } from 'tap'
import { setImmediate as turn } from 'node:timers/promises'
import type { Session, SessionResult } from '../../src/bitrix24/session.ts'
import { createCourier, type CourierOptions } from '../../src/courier/courier.ts'
import type { PortalRecord } from '../../src/outbox/portals.ts'
import { createMemoryPortals } from '../bitrix24/memory-portals.ts'
import { HELD } from './lease.ts'
import { incoming, PORTAL, type EditOptions } from '../outbox/edits.ts'
import { openInMemory } from './simulation/engines.ts'

export interface ScriptedOptions extends Partial<CourierOptions> {
  readonly record?: Partial<PortalRecord>
  /** What the next call of a method comes to. */
  readonly answer: (...request: Parameters<Session['call']>) => Promise<SessionResult> | SessionResult
}

/** All messages of a call were taken. */
export function answered (params: Readonly<Record<string, unknown>>): SessionResult {
  const messages = params.MESSAGES as readonly unknown[]
  return { kind: 'answered', status: 200, time: null, result: { SUCCESS: true, DATA: { RESULT: messages.map(() => ({ SUCCESS: true, user: '1' })) } }, requests: 1, durationMs: 1 }
}

export function refused (code: string, status: number, retryAfterMs: number | null = null): SessionResult {
  return { kind: 'refused', code, words: '', status, retryAfterMs, requests: 1, durationMs: 1 }
}

/**
 * A courier on a store in memory, whose calls end at once as the test says, on a clock that stands still until the test moves it. So what it
 * does at one time is all done when `quiet` is fulfilled, and can be counted.
 */
export async function startScripted (t: Test, { answer, record, ...options }: ScriptedOptions) {
  const { outbox, close } = openInMemory()
  const memory = createMemoryPortals({ tokens: { accessToken: 'a', refreshToken: 'r', accessExpiresAt: null }, ...record })
  let time = 1_000_000_000
  const now = () => time
  /** The messages of each call, by the time of the call. */
  const calls: Array<{ readonly at: number, readonly messages: number }> = []
  const logged: Array<Record<string, unknown>> = []
  const note = (fields: object) => { logged.push({ ...fields }) }

  const create = async () => await createCourier({
    portal: PORTAL,
    lease: HELD,
    outbox,
    portals: memory.portals,
    session: {
      authorizeUrl: () => null,
      async call (...request) {
        if (Array.isArray(request[1].MESSAGES)) calls.push({ at: time, messages: request[1].MESSAGES.length })
        return await answer(...request)
      },
    },
    bucket: { ratePerSecond: 1000, burst: 1000 },
    log: { info: note, warn: note, error: note },
    now,
    wallTime: now,
    clock: { time: now, presentFor: now },
    random: () => 0,
    ...options,
  })
  const take = async (edits: readonly EditOptions[]) => { await outbox.accept(edits.map(edit => incoming({ now: time, ...edit }))) }
  // Everything that a courier waits for here is a promise and none a timer.
  const quiet = async () => { for (let turns = 0; turns < 10; turns++) await turn() }
  const courier = await create()
  t.teardown(async () => {
    await courier.stop(0)
    close()
  })
  return {
    courier,
    create,
    outbox,
    memory,
    calls,
    logged,
    take,
    quiet,
    now,
    async start () {
      courier.start()
      await quiet()
    },
    /** Moves the clock on and lets the courier do what is due by then. */
    async pass (ms: number) {
      time += ms
      courier.wake()
      await quiet()
    },
  }
}

/** So many messages, each with a file, so that each costs a call of its own. */
export function oneCallEach (count: number, prefix = 'm'): EditOptions[] {
  return Array.from({ length: count }, (_, index) => ({ message: `${prefix}${index}`, files: 1 }))
}
