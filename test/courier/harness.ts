import type { Test } from 'tap'
import { pino } from 'pino'
import { createClient, createDispatcher } from '../../src/bitrix24/client.ts'
import { createOAuth } from '../../src/bitrix24/oauth.ts'
import { createSession, type SessionResult } from '../../src/bitrix24/session.ts'
import type { PortalConfig } from '../../src/bitrix24/hosts.ts'
import { createCourier } from '../../src/courier/courier.ts'
import { createPortalClock } from '../../src/base/portal-clock.ts'
import { createNames, type LookUpReport, type NamesOptions } from '../../src/names/names.ts'
import { messageRowId, type MessageEdit } from '../../src/edit/edit.ts'
import { openStore } from '../../src/outbox/open.ts'
import type { IncomingEdit } from '../../src/outbox/outbox.ts'
import { eventually, startPortal } from '../portal.ts'
import { portalEdit } from '../portal-edit.ts'

export interface HarnessOptions {
  readonly limits?: boolean
  readonly responseTimeoutMs?: number
  readonly databaseUrl?: string
  /** What BITRIX24_REFRESH_TOKEN says. */
  readonly refreshToken?: string
  /** Whether the lease still runs by the clock of its holder. */
  readonly isHeld?: () => boolean
  /** Happens before a call. */
  readonly onCalling?: (method: string) => Promise<void>
  /** Happens between the end of a call and what the courier makes of it. */
  readonly onCalled?: (result: SessionResult) => Promise<void>
  /** Who can be asked for names. */
  readonly names?: Pick<NamesOptions, 'sources' | 'askApi'>
}

/** A courier with a real store, a real session and the sandbox as its portal. */
export async function startHarness (t: Test, options: HarnessOptions = {}) {
  const portal = await startPortal(t, { limits: options.limits ?? false })
  const databaseUrl = options.databaseUrl ?? `file:${t.testdir()}/relay.db`
  const harness = await attach(t, portal, databaseUrl, options)
  return { portal, databaseUrl, ...harness }
}

/** Another life of the relay on the same portal and database. */
export async function attach (t: Test, portal: Awaited<ReturnType<typeof startPortal>>, databaseUrl: string, options: HarnessOptions = {}) {
  let skippedMs = 0
  let wallAheadMs = 0
  const now = () => Math.floor(performance.timeOrigin + performance.now()) + skippedMs
  const logged: Array<Record<string, unknown>> = []
  const log = pino({ level: 'info' }, { write: line => { logged.push(JSON.parse(line) as Record<string, unknown>) } })
  const store = await openStore({ databaseUrl, encryptionKey: null, now })
  const config: PortalConfig = {
    url: portal.url,
    clientId: 'local.relay',
    clientSecret: 'relay-secret',
    refreshToken: options.refreshToken ?? 'relay-refresh',
    oauthUrl: portal.url,
    bucket: { ratePerSecond: 1, burst: 25 },
  }
  const responseTimeoutMs = options.responseTimeoutMs ?? 65_000
  const dispatcher = createDispatcher({ responseTimeoutMs })
  const wallTime = () => now() + wallAheadMs
  const clock = createPortalClock({ now, wallTime, save: history => { store.portals.write(store.portal, history).catch(() => {}) }, log })
  const client = createClient({ dispatcher, now, userAgent: 'imconnector-relay/test', responseTimeoutMs, onTime: clock.answered })
  const oauth = createOAuth({ dispatcher, now, userAgent: 'imconnector-relay/test', responseTimeoutMs })
  const acquired = await store.leases.acquire(store.portal, 'test')
  if (acquired === null) throw new Error('the lease is held')
  const lease = { ...acquired, isHeld: options.isHeld ?? (() => true) }
  const session = createSession({ portalId: store.portal, portal: config, portals: store.portals, client, oauth, lease, now, log })
  await session.open()
  clock.restore(await store.portals.read(store.portal))
  const lookUps: LookUpReport[] = []
  const deliveries = await createCourier({
    portal: store.portal,
    lease,
    outbox: store.outbox,
    portals: store.portals,
    session: {
      ...session,
      async call (...request) {
        running++
        try {
          await options.onCalling?.(request[0])
          const result = await session.call(...request)
          await options.onCalled?.(result)
          return result
        } finally {
          running--
        }
      },
    },
    bucket: config.bucket,
    log,
    now,
    wallTime,
    clock,
    random: () => 0,
  })
  const names = createNames({
    portal: store.portal,
    lease,
    outbox: store.outbox,
    profiles: store.profiles,
    ...options.names ?? { sources: new Map(), askApi: async () => ({ kind: 'failed', code: 'NOBODY' }) },
    log,
    now,
    wallTime,
    clock,
    random: () => 0,
    onLookUp: report => { lookUps.push(report) },
    onNamed: () => { deliveries.wake() },
  })
  /** What the relay's leader does: the courier, and the questions for names beside it. */
  const courier = {
    ...deliveries,
    start () {
      deliveries.start()
      names.start()
    },
    wake (dueAt?: number) {
      deliveries.wake(dueAt)
      names.wake(dueAt)
    },
    async stop (graceMs: number) {
      await Promise.all([deliveries.stop(graceMs), names.stop()])
    },
  }
  let running = 0
  let closed = false
  const close = async () => {
    if (closed) return
    closed = true
    await courier.stop(0)
    await store.close()
    await dispatcher.destroy()
  }
  t.teardown(close)
  return {
    store,
    courier,
    logged,
    lookUps,
    close,
    now,
    /** Fulfilled when the courier waits. Between two calls it goes to the store three times: to note the first, to look for the second, to claim it. */
    async quiet () {
      for (let times = 0; times < 5; times++) {
        await store.probe()
        if (running > 0) times = 0
      }
    },
    /** Lets the relay's clock run ahead, so that nobody waits for a back-off or a quarantine. */
    skip (ms: number) {
      skippedMs += ms
      courier.wake()
    },
    /** Sets the wall clock, as NTP does after a start: nothing that is waited for comes earlier or later. */
    setWallClock (aheadMs: number) {
      wallAheadMs = aheadMs
    },
    /** Lets the portal tell its time. */
    async proveClock () {
      deliveries.callPortal()
      await eventually(async () => clock.isProven(), isProven => isProven)
    },
    take: async (edit: EditOfMessage) => (await store.outbox.accept([incoming(store.portal, edit, now())]))[0]?.outcome,
    takeMany: async (edits: readonly EditOfMessage[]) => { await store.outbox.accept(edits.map(edit => incoming(store.portal, edit, now()))) },
    state: async (message: string, line = 1) => await store.outbox.find(rowId(store.portal, { message, line })),
  }
}

export interface EditOfMessage {
  readonly message: string
  readonly text: string
  readonly at: number
  readonly line?: number
  readonly user?: string
  /** Makes the edit one of a client without a name. */
  readonly lookUpId?: string
  readonly email?: string
  readonly chat?: string
  readonly channel?: string
  readonly date?: number
  readonly files?: ReadonlyArray<{ readonly url: string }>
}

function rowId (portal: string, { message, line = 1, chat = 'c1' }: { message: string, line?: number, chat?: string }): string {
  return messageRowId({ portal, connector: 'relay_demo', line, chat, message })
}

function incoming (portal: string, options: EditOfMessage, now: number): IncomingEdit {
  const { message, text, at, line = 1, user = 'u1', chat = 'c1', files = [], date, email, lookUpId, channel = 'default' } = options
  const edit: MessageEdit = {
    user: lookUpId === undefined ? { id: user, lastName: 'Petrova', name: 'Anna', ...(email === undefined ? {} : { email }) } : { id: user, lookUpId },
    message: { id: message, ...(date === undefined ? {} : { date }), text, files },
    chat: { id: chat, name: 'Support' },
    revision: { at, tie: 0n },
  }
  const key = { portal, connector: 'relay_demo', line, chat, message }
  return { key, channel, edit: portalEdit(edit), refusal: null, now, settleMs: 0 }
}
