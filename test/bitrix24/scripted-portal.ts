import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ServerResponse } from 'node:http'
import { pino } from 'pino'
import { createClient } from '../../src/bitrix24/client.ts'
import { createOAuth } from '../../src/bitrix24/oauth.ts'
import { createSession } from '../../src/bitrix24/session.ts'
import type { PortalConfig } from '../../src/bitrix24/hosts.ts'
import type { PortalRecord } from '../../src/outbox/portals.ts'
import { HELD } from '../courier/lease.ts'
import { createMemoryPortals } from './memory-portals.ts'
import { testDispatcher } from './raw-server.ts'

interface Test { teardown (after: () => unknown): unknown }

export interface Reply { readonly status?: number, readonly headers?: Readonly<Record<string, string>>, readonly json?: unknown, readonly text?: string, readonly afterMs?: number }

type Script = (request: { readonly method: string, readonly params: Readonly<Record<string, unknown>>, readonly response: ServerResponse }) => Reply | null

export const grantOf = (n: number, more: Readonly<Record<string, unknown>> = {}) =>
  ({ json: { access_token: `access-${n}`, refresh_token: `refresh-${n}`, expires_in: 3600, member_id: 'member', ...more } })

export const expired: Reply = { status: 401, json: { error: 'expired_token', error_description: 'The access token provided has expired.' } }

/**
 * A portal and its OAuth server whose every answer a test writes itself; null keeps silent. `calls` are the requests as they came,
 * `oauth.token` among them, with the token or grant they used.
 */
export async function startScriptedPortal (t: Test, script: Script) {
  const calls: { method: string, used: unknown, params: Record<string, unknown> }[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const text = Buffer.concat(chunks).toString('utf8')
    const isToken = request.url === '/oauth/token/'
    const params: Record<string, unknown> = isToken ? Object.fromEntries(new URLSearchParams(text)) : JSON.parse(text)
    const method = isToken ? 'oauth.token' : (request.url ?? '').replace('/rest/', '')
    calls.push({ method, used: isToken ? params.refresh_token ?? params.code : params.auth, params })
    const reply = script({ method, params, response })
    if (reply === null) return
    setTimeout(() => {
      response.writeHead(reply.status ?? 200, reply.headers)
      response.end(reply.text ?? JSON.stringify(reply.json))
    }, reply.afterMs ?? 0)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, host: `127.0.0.1:${port}`, calls, used: (method: string) => calls.filter(call => call.method === method).map(call => call.used) }
}

export function portalConfig (url: string, more: Partial<PortalConfig> = {}): PortalConfig {
  return {
    url,
    clientId: 'local.relay',
    clientSecret: 'relay-secret',
    refreshToken: null,
    oauthUrl: null,
    bucket: { ratePerSecond: 1, burst: 25 },
    ...more,
  }
}

/** A logger whose lines are kept as objects. */
export function recordingLog () {
  const lines: { event: string, level: number, msg: string }[] = []
  return { lines, log: pino({ base: null }, { write: line => { lines.push(JSON.parse(line)) } }) }
}

interface SessionSetup { readonly config?: Partial<PortalConfig>, readonly record?: Partial<PortalRecord>, readonly responseTimeoutMs?: number }

/** A session with the portal at `url`, its parts, and what it holds and logs. */
export function openSession (t: Test, url: string, { config = {}, record = {}, responseTimeoutMs = 5000 }: SessionSetup = {}) {
  const dispatcher = testDispatcher(t)
  const memory = createMemoryPortals({ tokens: { accessToken: 'access-1', refreshToken: 'refresh-1', accessExpiresAt: null }, ...record })
  const portal = portalConfig(url, config)
  const { lines, log } = recordingLog()
  const common = { dispatcher, now: Date.now, userAgent: 'imconnector-relay/test', responseTimeoutMs }
  const client = createClient(common)
  const oauth = createOAuth(common)
  const parts = { portalId: 'portal', portal, portals: memory.portals, client, oauth, lease: HELD, now: Date.now, log }
  return { ...parts, memory, lines, session: createSession(parts) }
}
