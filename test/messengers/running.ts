import { join } from 'node:path'
import type { Test } from 'tap'
import { sandboxEnv } from '../../demo/processes.ts'
import { loadConfig } from '../../src/config/config.ts'
import { createLog } from '../../src/base/log.ts'
import { startRelay } from '../../src/relay.ts'
import { eventually, original, startPortal, type PortalMessage } from '../portal.ts'

const ADMIN_TOKEN = 'an-admin-token-of-the-test'
const CHANNELS_FILE = 'channels.json'

/** What a sender of webhooks gets back. */
export interface Answer {
  readonly status: number
  readonly contentType: string | null
  readonly text: string
}

/** The ids that the original connector used, which an edit must come to. */
export interface OriginalIds {
  readonly message: string
  readonly chat: string
  readonly user: string
}

/**
 * The whole relay on a sandbox with these channels (entries of a CHANNELS_FILE, `${NAME}` from `env`), as `npm start` puts it together.
 * It lives in the test's directory and ends with the test; one serves many cases, if each has a message of its own. The relay takes 60
 * failed authentications a minute, so that many forgeries go to the messenger's `verify` instead.
 */
export async function startMessengers (t: Test, channels: readonly object[], env: Readonly<Record<string, string>> = {}) {
  const portal = await startPortal(t)
  const connector = await portal.connector()
  const lines: Array<Record<string, unknown>> = []
  const config = loadConfig({
    ...sandboxEnv(portal.url),
    HOST: '127.0.0.1',
    PORT: '0',
    CHANNELS_FILE,
    ADMIN_TOKEN,
    SETTLE_MS: '0',
    WEBHOOK_RATE_LIMIT: '0',
    // Enough calls at once that no test waits for the bucket.
    BITRIX24_PLAN: 'enterprise',
    BITRIX24_SHARE: '1',
    DATABASE_URL: `file:${join(t.testdir(), 'relay.db')}`,
    ...env,
  }, path => {
    if (path !== CHANNELS_FILE) throw new Error('no other files')
    return JSON.stringify({ channels })
  })
  const log = createLog('debug', { write: line => { lines.push(JSON.parse(line)) } })
  const relay = await startRelay({ config, version: '1.2.3', log, onLost: error => { throw error } })
  t.teardown(() => relay.stop())

  const request = async (path: string, init: RequestInit): Promise<Answer> => {
    const response = await fetch(relay.url + path, init)
    return { status: response.status, contentType: response.headers.get('content-type'), text: await response.text() }
  }
  const pending = async (): Promise<number> => {
    const { text } = await request('/api/status', { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } })
    return (JSON.parse(text) as { ledger: { pending: number } }).ledger.pending
  }

  return {
    portal,
    connector,
    relay,
    /** The log so far. */
    lines,
    /** The connector sends an original to the open line, with exactly these ids. */
    sendOriginal: async ({ message, chat, user }: OriginalIds, text = 'original'): Promise<void> => {
      await connector.send([original(message, text, { chat, user })])
    },
    /** A webhook as the messenger sends it: an object goes out as JSON, bytes and strings as they are. */
    post: async (channel: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> =>
      await request(`/webhooks/${channel}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' || body instanceof Uint8Array ? body as string | Uint8Array<ArrayBuffer> : JSON.stringify(body),
      }),
    /** A GET of the channel's address; `query` stands after the question mark. */
    get: async (channel: string, query: string): Promise<Answer> => await request(`/webhooks/${channel}?${query}`, {}),
    /** Waits until nothing accepted waits for the portal any more: what an older edit could do, it has done. */
    drained: async (): Promise<void> => {
      const left = await eventually(pending, count => count === 0)
      if (left !== 0) throw new Error(`${left} edits are still pending`)
    },
    /** The message as the operator sees it, once its text is the one given, or as it is after 10 s; then the test's own assertion tells. */
    shown: async (message: string, text: string, chat?: string): Promise<PortalMessage | undefined> => {
      const query = new URLSearchParams({ message, ...(chat === undefined ? {} : { chat }) })
      return await eventually(async () => (await portal.messages(`?${query}`))[0], found => found?.text === text)
    },
  }
}
