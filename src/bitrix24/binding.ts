import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { createLoop } from '../base/loop.ts'
import type { Log } from '../base/log.ts'
import type { HeldLease } from '../outbox/leases.ts'
import type { PortalRecord, Portals } from '../outbox/portals.ts'
import { MESSAGE_UPDATE } from './event-form.ts'
import type { Session, SessionResult } from './session.ts'

interface BindingOptions {
  readonly portalId: string
  readonly portals: Portals
  readonly session: Pick<Session, 'call'>
  readonly lease: Pick<HeldLease, 'epoch'>
  /** Null: the portal shall not report. */
  readonly publicUrl: string | null
  /** Called for each request to the portal. */
  readonly onCall: () => void
  /** Milliseconds of the outbox's clock. */
  readonly now: () => number
  readonly log: Log
}

/** Bindings can be removed by hand, and vanish when the application is updated. */
const CHECK_EVERY_MS = 24 * 60 * 60_000

const RETRY_MS = 10 * 60_000

const bindingsSchema = z.array(z.object({ event: z.string(), handler: z.string() }))

/** The address at which the portal reports edits. */
export function eventHandler (publicUrl: string, key: string): string {
  return `${publicUrl}/bitrix24/events?key=${key}`
}

/**
 * Keeps the relay bound to the portal's event: when it becomes leader, after each install, and once a day. It removes only a handler that it stored as
 * its own, or that is at its address, because another relay may share the application.
 */
export function createBinding ({ portalId, portals, session, lease: { epoch }, publicUrl, onCall, now, log }: BindingOptions) {
  const halt = new AbortController()
  let installs = -1

  async function call (method: string, params: Readonly<Record<string, unknown>>): Promise<SessionResult> {
    const result = await session.call(method, params, { signal: halt.signal })
    for (let requests = 0; requests < result.requests; requests++) onCall()
    return result
  }

  /** The key is made once per database. */
  async function keyOf (record: PortalRecord): Promise<string> {
    if (record.eventKey !== null) return record.eventKey
    const eventKey = randomBytes(24).toString('base64url')
    await portals.write(portalId, { eventKey }, { epoch })
    return eventKey
  }

  async function unbind (record: PortalRecord): Promise<void> {
    if (record.eventBinding === null || record.eventKey === null) return
    await call('event.unbind', { event: MESSAGE_UPDATE, handler: eventHandler(record.eventBinding.publicUrl, record.eventKey) })
    await portals.write(portalId, { eventBinding: null }, { epoch })
  }

  /** The handlers that the portal has for the event; null if it cannot be asked. */
  async function readHandlers (): Promise<readonly string[] | null> {
    const result = await call('event.get', {})
    if (result.kind !== 'answered') return null
    return bindingsSchema.catch([]).parse(result.result).filter(({ event }) => event.toLowerCase() === MESSAGE_UPDATE.toLowerCase()).map(({ handler }) => handler)
  }

  /** Returns whether nothing is left to do for a day. */
  async function ensure (): Promise<boolean> {
    const record = await portals.read(portalId)
    installs = record.installs
    if (record.tokens === null || record.parked !== null) return false
    if (publicUrl === null || (record.eventBinding !== null && record.eventBinding.publicUrl !== publicUrl)) await unbind(record)
    if (publicUrl === null) return true
    const handler = eventHandler(publicUrl, await keyOf(record))
    const handlers = await readHandlers()
    if (handlers === null) return false
    // Another key at our address belongs to a database that was used before.
    for (const former of handlers.filter(each => each !== handler && each.startsWith(eventHandler(publicUrl, '')))) await call('event.unbind', { event: MESSAGE_UPDATE, handler: former })
    const bound = handlers.includes(handler)
    const isKnown = record.eventBinding?.publicUrl === publicUrl
    if (!bound) {
      const result = await call('event.bind', { event: MESSAGE_UPDATE, handler })
      const isThere = result.kind === 'answered' || (result.kind === 'refused' && /already binded/i.test(result.words))
      if (!isThere) {
        log.warn({ event: 'events.not-bound', code: result.kind === 'refused' ? result.code : result.kind, words: result.kind === 'refused' ? result.words : undefined }, 'the portal does not take the relay\'s address for events, so no edit can be confirmed')
        return false
      }
      log.info({ event: 'events.bound', publicUrl }, 'events.bound')
    }
    if (!bound || !isKnown) await portals.write(portalId, { eventBinding: { publicUrl, boundAt: now() } }, { epoch })
    return true
  }

  const loop = createLoop(async () => {
    const isDone = await ensure().catch((error: unknown) => {
      log.error({ event: 'events.failed', err: error }, 'events.failed')
      return false
    })
    return isDone ? CHECK_EVERY_MS : RETRY_MS
  })

  return {
    start: loop.start,

    /** The record may have changed. */
    recheck (): void {
      portals.read(portalId).then(record => { if (record.installs !== installs) loop.ring() }, (error: unknown) => log.error({ event: 'events.failed', err: error }, 'events.failed'))
    },

    async stop (): Promise<void> {
      halt.abort()
      await loop.stop()
    },
  }
}
