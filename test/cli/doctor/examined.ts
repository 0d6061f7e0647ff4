import { join } from 'node:path'
import type { Test } from 'tap'
import { sandboxEnv } from '../../../demo/processes.ts'
import { createLog } from '../../../src/base/log.ts'
import { createClient, createDispatcher } from '../../../src/bitrix24/client.ts'
import { examine } from '../../../src/cli/doctor/doctor.ts'
import type { Finding } from '../../../src/cli/doctor/finding.ts'
import { send } from '../../../src/cli/send.ts'
import { loadConfig } from '../../../src/config/config.ts'
import { exchange } from '../../../src/http/exchange.ts'
import { inspectStore } from '../../../src/outbox/open.ts'
import type { StoreSnapshot } from '../../../src/outbox/store.ts'
import { startRelay } from '../../../src/relay.ts'
import { KEY, SECRET } from '../../channel.ts'
import { eventually, startPortal } from '../../portal.ts'

/** What a test changes of what the doctor sees. */
interface Seen {
  readonly laterMs?: number
  /** Entries of a CHANNELS_FILE. */
  readonly channels?: readonly object[]
  readonly snapshot?: Partial<StoreSnapshot>
}

/** A sandbox and a database, a relay if it is run, and the doctor. */
export async function startExamined (t: Test) {
  const portal = await startPortal(t)
  const dispatcher = createDispatcher({ responseTimeoutMs: 2000 })
  t.teardown(() => dispatcher.close())
  const databasePath = join(t.testdir(), 'relay.db')
  const env: Record<string, string> = {
    ...sandboxEnv(portal.url), WEBHOOK_SECRET: SECRET, DATABASE_URL: `file:${databasePath}`, HOST: '127.0.0.1', PORT: '0', LOG_LEVEL: 'silent',
  }
  const load = (changes: Record<string, string> = {}, channels: readonly object[] = []) => loadConfig({ ...env, ...changes, ...channels.length > 0 ? { CHANNELS_FILE: 'channels.json' } : {} }, () => JSON.stringify({ channels }))

  async function doctor (changes: Record<string, string> = {}, { laterMs = 0, channels = [], snapshot = {} }: Seen = {}): Promise<string[]> {
    const findings: Finding[] = []
    for await (const finding of examine({
      load: () => load(changes, channels),
      async readStore (config) {
        const found = await inspectStore({ ...config, now: () => Date.now() + laterMs })
        return found === null ? null : { ...found, ...snapshot }
      },
      client: createClient({ dispatcher, now: Date.now, userAgent: 'test', responseTimeoutMs: 2000 }),
      reach: url => exchange(dispatcher, { url, method: 'GET', headers: {}, body: Buffer.alloc(0) }, { signal: null, responseTimeoutMs: 2000, now: Date.now }),
    })) findings.push(finding)
    return findings.map(({ state, subject, words, remedy }) => `${state} ${subject}: ${words}${remedy === null ? '' : `: ${remedy}`}`)
  }

  /** It goes on running until the test ends. */
  async function run (changes: Record<string, string> = {}) {
    const relay = await startRelay({ config: load(changes), version: '0.0.0', log: createLog('silent'), onLost: error => { throw error } })
    t.teardown(() => relay.stop())
    return relay
  }
  return { portal, env, doctor, run, load, databasePath }
}

/** Sends an edit, and waits until the portal has answered a call. */
export async function deliver (relay: { url: string }, portal: Awaited<ReturnType<typeof startPortal>>, message = '1'): Promise<void> {
  const text = JSON.stringify({ user: { id: 'u1', last_name: 'Petrova', name: 'Anna' }, message: { id: message, text: 'edited' }, chat: { id: 'c1', name: 'Support' } })
  const calls = (await portal.calls()).length
  await send({ url: relay.url, channel: 'default', key: KEY, text, now: Date.now() })
  await eventually(() => portal.calls(), all => all.slice(calls).some(({ status }) => status === 200))
}
