import type { Test } from 'tap'
import { createConnector, type Original } from '../demo/connector.ts'
import { startSandbox } from '../sandbox/sandbox.ts'

export interface PortalMessage {
  readonly line: string
  readonly chat: string
  readonly user: string
  readonly message: string
  readonly text: string
  readonly edited: boolean
  readonly deleted: boolean
  readonly history: ReadonlyArray<{ readonly at: string, readonly text: string }>
}

export interface PortalCall {
  readonly method: string
  readonly application: string
  readonly status: number
  readonly error: string | null
  readonly messages: number
}

/** A sandbox on loopback with the controls that tests look through and turn; it stops when the test ends. */
export async function startPortal (t: Test, options: { limits?: boolean, memberId?: string } = {}) {
  const sandbox = await startSandbox({ limits: false, ...options })
  t.teardown(() => sandbox.close())
  const { url } = sandbox

  const read = async <Body> (path: string): Promise<Body> => await (await fetch(`${url}/sandbox/${path}`)).json() as Body
  const control = async (path: string, body: unknown): Promise<void> => {
    const response = await fetch(`${url}/sandbox/${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
    if (!response.ok) throw new Error(`the sandbox refuses ${path}: ${await response.text()}`)
  }

  return {
    url,
    host: new URL(url).host,
    messages: async (query = '') => await read<PortalMessage[]>(`messages${query}`),
    text: async (message: string) => (await read<PortalMessage[]>(`messages?message=${encodeURIComponent(message)}`))[0]?.text,
    users: async () => await read<Array<Record<string, unknown>>>('users'),
    calls: async (method = 'imconnector.update.messages') => (await read<PortalCall[]>('calls')).filter(call => call.method === method),
    fault: async (faults: object | object[]) => await control('faults', Array.isArray(faults) ? faults : [faults]),
    advance: async (advanceMs: number) => await control('clock', { advanceMs }),
    /** What befalls the next events. */
    eventFaults: async (faults: object[]) => await control('events', faults),
    sentEvents: async () => (await read<{ sent: Array<Record<string, unknown>> }>('events')).sent,
    bindings: async () => (await read<{ bindings: Array<{ readonly event: string, readonly handler: string }> }>('events')).bindings,
    operatorEdit: async (edit: object) => await control('operator-edit', edit),
    /** The next message of a client begins another session. */
    closeSession: async (chat?: string) => await control('close-session', { chat }),
    rename: async (address: string) => await control('rename', { address }),
    load: async (load: object) => await control('load', load),
    connector: async (line = 1) => await createConnector({ portalUrl: url, line }),
  }
}

/** A message as the connector sent it. */
export function original (message: string, text = 'original', options: { user?: string, chat?: string } = {}): Original {
  const { user = 'u1', chat = 'c1' } = options
  return { user: { id: user, last_name: 'Petrova', name: 'Anna' }, message: { id: message, text }, chat: { id: chat, name: 'Support' } }
}

/** Asks, less and less often, until the answer is what was waited for, or 10 s have gone by; then the test's own assertion tells. */
export async function eventually<Value> (ask: () => Promise<Value>, isThere: (value: Value) => boolean): Promise<Value> {
  const deadline = performance.now() + 10_000
  for (let pauseMs = 5; ; pauseMs = Math.min(1.3 * pauseMs, 200)) {
    const value = await ask()
    if (isThere(value) || performance.now() > deadline) return value
    await new Promise(resolve => setTimeout(resolve, pauseMs))
  }
}
