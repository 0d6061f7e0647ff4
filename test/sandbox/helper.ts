import type { Test } from 'tap'
import { startSandbox, type RunningSandbox } from '../../sandbox/sandbox.ts'
import type { SandboxOptions } from '../../sandbox/state.ts'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly json: unknown
}

export interface Message {
  readonly connector: string
  readonly line: number | string
  readonly chat: string
  readonly user: string
  readonly message: string
  readonly text: string
  readonly edited: boolean
  readonly deleted: boolean
  readonly files: readonly string[]
  readonly createdAt: string
  readonly history: ReadonlyArray<{ at: string, text: string }>
}

export interface User {
  readonly id: number
  readonly externalId: string
  readonly name: string
  readonly lastName: string
  readonly url: string
  readonly gender: string
  readonly email: string
  readonly phone: string
  readonly picture: string
  readonly writes: number
}

export interface Call {
  readonly at: string
  readonly application: string | null
  readonly method: string
  readonly status: number | null
  readonly error: string | null
  readonly messages: number
  readonly durationMs: number | null
  readonly fault: string | null
}

export interface Fixture extends RunningSandbox {
  /** An access token of the connector application. */
  readonly token: string
  get (path: string): Promise<Answer>
  post (path: string, body: unknown, headers?: Record<string, string>): Promise<Answer>
  /** A call with the fixture's token in the body, the documented place. */
  call (method: string, parameters?: Record<string, unknown>): Promise<Answer>
  send (...items: unknown[]): Promise<Answer>
  update (...items: unknown[]): Promise<Answer>
  messages (query?: string): Promise<Message[]>
  /** The one message with this id, which must exist. */
  message (id: string): Promise<Message>
  users (): Promise<User[]>
  calls (): Promise<Call[]>
  fault (...faults: unknown[]): Promise<void>
  advance (ms: number): Promise<void>
  /** The same portal with a new access token: an hour of the sandbox's time makes the first one expire. */
  renewed (): Promise<Pick<Fixture, 'token' | 'call' | 'send' | 'update'>>
}

export const day = 86_400_000

export function item (text: unknown, { id = 'm1', user = ivan as unknown, chat = { id: 'c1', name: 'Support' } as unknown, ...rest }:
{ id?: unknown, user?: unknown, chat?: unknown, [key: string]: unknown } = {}): Record<string, unknown> {
  return { user, message: { id, date: 1773266050, text, ...rest }, chat }
}

export const ivan = { id: '42', last_name: 'Petrov', name: 'Ivan', url: 'https://example.com/42', gender: 'male' }

/** A sandbox of its own on a free port, closed after the test. Limits are off unless asked for. */
export async function build (t: Test, options: SandboxOptions = {}): Promise<Fixture> {
  const sandbox = await startSandbox({ limits: false, ...options })
  t.teardown(() => sandbox.close())
  const get = async (path: string): Promise<Answer> => await read(await fetch(sandbox.url + path, { redirect: 'manual' }))
  const post = async (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
    await read(await fetch(sandbox.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' || body instanceof URLSearchParams ? body : JSON.stringify(body),
      redirect: 'manual',
    }))
  let refreshToken = 'connector-refresh'
  const renewed: Fixture['renewed'] = async () => {
    const { json } = await refresh(sandbox.url, 'local.connector', 'connector-secret', refreshToken)
    const pair = json as { access_token: string, refresh_token: string }
    refreshToken = pair.refresh_token
    const call: Fixture['call'] = async (method, parameters = {}) => await post(`/rest/${method}`, { ...parameters, auth: pair.access_token })
    const onLine = (method: string) => async (...items: unknown[]): Promise<Answer> =>
      await call(method, { CONNECTOR: 'relay_demo', LINE: 1, MESSAGES: items })
    return { token: pair.access_token, call, send: onLine('imconnector.send.messages'), update: onLine('imconnector.update.messages') }
  }
  const messages = async (query = ''): Promise<Message[]> => (await get(`/sandbox/messages${query}`)).json as Message[]

  return {
    ...sandbox,
    ...await renewed(),
    renewed,
    get,
    post,
    messages,
    message: async id => {
      const [found, ...more] = await messages(`?message=${encodeURIComponent(id)}`)
      if (found === undefined || more.length > 0) throw new Error(`${more.length + (found ? 1 : 0)} messages have the id ${id}`)
      return found
    },
    users: async () => (await get('/sandbox/users')).json as User[],
    calls: async () => (await get('/sandbox/calls')).json as Call[],
    fault: async (...faults) => {
      const { status, text } = await post('/sandbox/faults', faults)
      if (status !== 200) throw new Error(text)
    },
    advance: async ms => {
      await post('/sandbox/clock', { advanceMs: ms })
    },
  }
}

export async function refresh (url: string, clientId: string, secret: string, token: string): Promise<Answer> {
  return await read(await fetch(`${url}/oauth/token/`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'refresh_token', client_id: clientId, client_secret: secret, refresh_token: token }),
  }))
}

async function read (response: Response): Promise<Answer> {
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, json: parsed(text) }
}

function parsed (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The echo of one item of an answer to send, update or delete. */
export function echo (answer: Answer, index: number | string = 0): Record<string, unknown> {
  const { result } = answer.json as { result: { DATA: { RESULT: Record<string, Record<string, unknown>> } } }
  return result.DATA.RESULT[index] ?? {}
}
