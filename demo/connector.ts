import { setTimeout as sleep } from 'node:timers/promises'

/** A client's original message, as a connector sends it. */
export interface Original {
  readonly user: Readonly<Record<string, unknown>> & { readonly id: string }
  readonly message: { readonly id: string, readonly date?: number, readonly text: string }
  readonly chat: { readonly id: string, readonly name?: string }
}

export interface ConnectorOptions {
  readonly portalUrl: string
  readonly connector?: string
  readonly line?: number
}

/** The portal's bucket drains two requests a second. */
const LIMIT_WAIT_MS = 600

/** The connector that sent the original messages. It authorises itself at the sandbox and waits if the portal answers "too many requests". */
export async function createConnector ({ portalUrl, connector = 'relay_demo', line = 1 }: ConnectorOptions) {
  const token = await postJson(`${portalUrl}/oauth/token/`, new URLSearchParams({
    grant_type: 'refresh_token',
    client_id: 'local.connector',
    client_secret: 'connector-secret',
    refresh_token: 'connector-refresh',
  }))
  if (typeof token.access_token !== 'string') throw new Error(`the sandbox did not authorise the connector: ${JSON.stringify(token)}`)
  const auth = token.access_token

  async function call (method: string, params: object): Promise<Record<string, unknown>> {
    for (;;) {
      const answer = await postJson(`${portalUrl}/rest/${method}`, JSON.stringify({ ...params, auth }))
      if (answer.error === undefined) return answer
      if (answer.error !== 'QUERY_LIMIT_EXCEEDED') throw new Error(`${method}: ${String(answer.error)} ${String(answer.error_description)}`)
      await sleep(LIMIT_WAIT_MS)
    }
  }

  return {
    call,
    /** For direct calls with the connector's access token. */
    token: auth,
    /** Sends originals to the open line, as `imconnector.send.messages` does. */
    async send (originals: readonly Original[]): Promise<void> {
      await call('imconnector.send.messages', { CONNECTOR: connector, LINE: line, MESSAGES: originals })
    },
  }
}

async function postJson (url: string, body: string | URLSearchParams): Promise<Record<string, unknown>> {
  const headers = typeof body === 'string' ? { 'content-type': 'application/json' } : undefined
  const response = await fetch(url, { method: 'POST', body, ...(headers === undefined ? {} : { headers }) })
  return await response.json() as Record<string, unknown>
}
