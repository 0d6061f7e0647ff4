import { join } from 'node:path'
import type { Test } from 'tap'
import { sandboxEnv } from '../../../demo/processes.ts'
import { loadConfig } from '../../../src/config/config.ts'
import { createLog } from '../../../src/base/log.ts'
import { startRelay } from '../../../src/relay.ts'
import { signStandardWebhook } from '../../../src/signatures/standard-webhooks.ts'
import { KEY, SECRET } from '../../channel.ts'
import { eventually, startPortal } from '../../portal.ts'

export const ADMIN_TOKEN = 'an-admin-token-of-the-test'

/** A sample's name with its labels, as they are written, and its value. */
export type Samples = ReadonlyMap<string, number>

export function readSamples (text: string): Samples {
  const lines = text.split('\n').filter(line => line !== '' && !line.startsWith('#'))
  return new Map(lines.map(line => {
    const at = line.lastIndexOf(' ')
    return [line.slice(0, at), Number(line.slice(at + 1))]
  }))
}

/** The whole relay on the sandbox, as `npm start` puts it together, with somebody who scrapes it; `channels` are further ones. */
export async function startScraped (t: Test, env: Record<string, string> = {}, channels: readonly object[] = []) {
  const portal = await startPortal(t)
  const lines: string[] = []
  const config = loadConfig({
    ...sandboxEnv(portal.url),
    HOST: '127.0.0.1',
    PORT: '0',
    WEBHOOK_SECRET: SECRET,
    ADMIN_TOKEN,
    SETTLE_MS: '0',
    DATABASE_URL: `file:${join(t.testdir(), 'relay.db')}`,
    CHANNELS_FILE: 'channels.json',
    ...env,
  }, () => JSON.stringify({ channels }))
  const relay = await startRelay({ config, version: '1.2.3', log: createLog('debug', { write: line => { lines.push(line) } }), onLost: error => { throw error } })
  t.teardown(() => relay.stop())

  const authorization = { authorization: `Bearer ${ADMIN_TOKEN}` }
  const scrapeText = async (): Promise<string> => {
    const response = await fetch(`${relay.url}/metrics`, { headers: authorization })
    if (!response.ok) throw new Error(`the scrape was answered with ${response.status}`)
    return await response.text()
  }
  const post = async (data: unknown, { type = 'message.edited', key = KEY, channel = 'default' } = {}) => {
    const body = JSON.stringify({ type, timestamp: Date.now(), data })
    const headers = { 'content-type': 'application/json', ...signStandardWebhook(key, body, Date.now()) }
    const response = await fetch(`${relay.url}/webhooks/${channel}`, { method: 'POST', headers, body })
    return { status: response.status, body: await response.json() as { edits: Array<{ id: string, outcome: string, reason?: string }> } }
  }
  return {
    portal,
    relay,
    lines,
    /** What an operator asks. */
    ask: async (path: string, method = 'GET') => {
      const response = await fetch(relay.url + path, { method, headers: authorization })
      return { status: response.status, body: await response.json() as Record<string, unknown> }
    },
    scrapeText,
    scrape: async (): Promise<Samples> => readSamples(await scrapeText()),
    /** Scrapes until a sample has the value. */
    scrapeUntil: async (sample: string, value: number): Promise<Samples> =>
      await eventually(async () => readSamples(await scrapeText()), samples => samples.get(sample) === value),
    /** A signed webhook, with its answer. */
    post,
    /** As `post`, for the status alone. */
    send: async (...webhook: Parameters<typeof post>): Promise<number> => (await post(...webhook)).status,
  }
}

export function edit (message: string, text: string, editedAt: number = Date.now(), user: object = { id: '79161234567', last_name: 'Petrova', name: 'Anna' }) {
  return { user, message: { id: message, text, edited_at: editedAt }, chat: { id: 'chat-4711', name: 'Support' } }
}
