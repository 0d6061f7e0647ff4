import { join } from 'node:path'
import type { Test } from 'tap'
import { buildApp, type Dependencies, type Patience } from '../src/app.ts'
import { loadConfig, type Config } from '../src/config/config.ts'
import { createIntake } from '../src/intake.ts'
import { createLog } from '../src/base/log.ts'
import type { PortalClock } from '../src/base/portal-clock.ts'
import { signStandardWebhook } from '../src/signatures/standard-webhooks.ts'
import { createActivity } from '../src/operations/activity.ts'
import { createConfirmations } from '../src/operations/confirmations.ts'
import { createOpenLines } from '../src/bitrix24/open-lines.ts'
import { createOverview } from '../src/operations/overview.ts'
import { createReadBack } from '../src/operations/read-back.ts'
import { createRedelivery } from '../src/operations/redelivery.ts'
import { createStatus } from '../src/operations/status.ts'
import { openStore } from '../src/outbox/open.ts'
import type { Outbox } from '../src/outbox/outbox.ts'
import { KEY, SECRET } from './channel.ts'

export const NOW = Date.UTC(2026, 10, 22, 10)

export interface RelayChanges {
  readonly env?: Record<string, string>
  /** Entries of a CHANNELS_FILE. */
  readonly channels?: readonly object[]
  readonly accept?: (accept: Outbox['accept']) => Outbox['accept']
  readonly dependencies?: Partial<Dependencies>
  readonly patience?: Patience
  /** The time; NOW unless a real sender takes part. */
  readonly clock?: () => number
  /** What the portal has told of its time; that our clock is right, unless told otherwise. */
  readonly portalClock?: Pick<PortalClock, 'isProven' | 'time'>
}

export function config (env: Record<string, string> = {}, channels: readonly object[] = []): Config {
  const file = channels.length > 0 ? { CHANNELS_FILE: 'channels.json' } : {}
  return loadConfig({
    BITRIX24_PORTAL_URL: 'https://example.bitrix24.ru', BITRIX24_CONNECTOR: 'relay_demo', BITRIX24_LINE: '1', WEBHOOK_SECRET: SECRET, SETTLE_MS: '0', ...file, ...env,
  }, path => {
    if (path !== 'channels.json') throw new Error('no other files')
    return JSON.stringify({ channels })
  })
}

/** The relay's HTTP side on a real store, with a clock that stands still unless told otherwise; it ends with the test. */
export async function buildRelay (t: Test, changes: RelayChanges = {}) {
  const settings = config(changes.env, changes.channels)
  const now = changes.clock ?? (() => NOW)
  const store = await openStore({ databaseUrl: `file:${join(t.testdir(), 'relay.db')}`, encryptionKey: null, now })
  const lines: Array<Record<string, unknown>> = []
  const log = createLog('debug', { write: line => { lines.push(JSON.parse(line)) } })
  const accept = changes.accept?.(store.outbox.accept) ?? store.outbox.accept
  const confirmations = createConfirmations({ portalId: store.portal, portals: store.portals, outbox: store.outbox, isEnabled: false, now, log })
  const activity = createActivity({ channels: settings.channels.values(), store: store.activity, now, log })
  const app = buildApp(settings, {
    version: '0.0.0',
    log,
    probe: store.probe,
    outbox: store.outbox,
    redelivery: createRedelivery({ outbox: store.outbox, now, onDue: () => {} }),
    readBack: createReadBack({ outbox: store.outbox, openLines: createOpenLines({ call: async () => ({ kind: 'refused', code: 'none', words: 'there is no portal' }) }) }),
    overview: createOverview({ portalId: store.portal, portal: settings.portal, outbox: store.outbox, portals: store.portals, condition: async () => ({ portal: 'ready', since: null, lines: [] }), activity, isListening: settings.publicUrl !== null }),
    activity,
    status: createStatus({ portalId: store.portal, portal: settings.portal, outbox: store.outbox, portals: store.portals, condition: async () => ({ portal: 'ready', since: null, lines: [] }), confirmations, activity }),
    confirmations,
    intake: createIntake({ portal: store.portal, channels: settings.channels, outbox: { accept }, profiles: store.profiles, now, wallTime: now, clock: changes.portalClock ?? { isProven: () => true, time: now }, onAccepted: () => {} }),
    forwarders: new Map(),
    events: { verify: async () => {}, take: async () => 'other' },
    install: { post: async () => ({ answer: 'event', portalOrigin: settings.portal.url }), code: async () => {} },
    condition: async () => ({ portal: 'ready', since: null, lines: [] }),
    stopping: () => false,
    now,
    ...changes.dependencies,
  }, changes.patience)
  t.teardown(async () => {
    await app.close()
    await store.close()
  })
  return { app, store, lines, activity }
}

/** An edit in the generic format. */
export function edit (text: unknown = 'Hello', id: unknown = '1001') {
  return { user: { id: '42', name: 'Ivan' }, message: { id, text }, chat: { id: 'channel-123' } }
}

/** A webhook of edits as its sender sends it. */
export function webhook (data: unknown, changes: { url?: string, key?: Buffer, sentAt?: number, headers?: Record<string, string>, remoteAddress?: string } = {}) {
  const payload = typeof data === 'string' || Buffer.isBuffer(data) ? data : JSON.stringify({ type: 'message.edited', timestamp: NOW / 1000, data })
  return {
    method: 'POST' as const,
    url: changes.url ?? '/webhooks/default',
    headers: { 'content-type': 'application/json', ...signStandardWebhook(changes.key ?? KEY, payload, changes.sentAt ?? NOW), ...changes.headers },
    payload,
    remoteAddress: changes.remoteAddress ?? '127.0.0.1',
  }
}
