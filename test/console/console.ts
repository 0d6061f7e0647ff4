import type { Test } from 'tap'
import type { EditRow } from '../../src/outbox/outbox.ts'
import { buildRelay, webhook, type RelayChanges } from '../relay.ts'

export const ADMIN_TOKEN = 'an-admin-token-of-the-test'
export const VIEWER_TOKEN = 'a-viewer-token-of-the-test'

const FORM = { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin' }

/** A relay with a console, and a browser's requests to it. */
export async function startConsole (t: Test, changes: RelayChanges = {}) {
  const relay = await buildRelay(t, { ...changes, env: { ADMIN_TOKEN, VIEWER_TOKEN, ...changes.env } })
  const { app, store } = relay

  const post = async (url: string, fields: Record<string, string> = {}, headers: Record<string, string> = {}, remoteAddress = '127.0.0.1') =>
    await app.inject({ method: 'POST', url, headers: { ...FORM, ...headers }, payload: new URLSearchParams(fields).toString(), remoteAddress })

  async function signIn (token = ADMIN_TOKEN): Promise<string> {
    const answer = await post('/console/sign-in', { token })
    return String(answer.headers['set-cookie']).split(';')[0] as string
  }

  /** Requests of one session. */
  async function browser (token = ADMIN_TOKEN) {
    const cookie = await signIn(token)
    return {
      cookie,
      get: async (url: string, headers: Record<string, string> = {}) => await app.inject({ url, headers: { cookie, ...headers } }),
      post: async (url: string, fields: Record<string, string> = {}) => await post(url, fields, { cookie }),
    }
  }

  /** An edit's id. */
  async function send (message: string, text = 'Hello', chat = 'c1', user: object = { id: '42', name: 'Ivan' }): Promise<string> {
    const answer = await app.inject(webhook({ user, message: { id: message, text, edited_at: 1_790_000_000 }, chat: { id: chat } }))
    return answer.json().edits[0].id as string
  }

  async function finish (id: string, result: 'delivered' | 'dead', { code = 'ok', words = null as string | null } = {}): Promise<void> {
    const row = await store.outbox.find(id) as EditRow
    const { portal } = store
    const lane = { connector: row.connector, line: row.line, channel: row.channel }
    for (const edit of await store.outbox.claim({ portal, epoch: 0, lane, callId: `call ${id}`, now: Number.MAX_SAFE_INTEGER, limit: 1, bucket: { level: 0, at: 0 } })) {
      const ending = result === 'dead' ? { result, reason: 'rejected' as const, words, quarantineUntil: null } : { result, flags: [] }
      await store.outbox.record({ portal, epoch: 0, callId: `call ${id}`, outcomes: [{ id: edit.id, version: edit.version, ...ending }], attempt: { at: 1_790_000_100_000, durationMs: 12, code, words }, now: 1_790_000_200_000 })
    }
  }

  return { ...relay, post, signIn, browser, send, finish }
}

/** What the log says of the console. */
export function consoleLines (lines: ReadonlyArray<Record<string, unknown>>): Array<Record<string, unknown>> {
  return lines.filter(({ event }) => String(event).startsWith('console.'))
}
