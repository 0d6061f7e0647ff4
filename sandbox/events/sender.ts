import { Agent, request } from 'undici'
import type { Clock } from '../clock.ts'
import { createNewest } from '../newest.ts'
import { encodeForm, formHeaders } from './form.ts'

/** One attempt to reach a handler. `status` is null until it answers; `error` says why it did not. */
export interface Sent {
  readonly atMs: number
  readonly event: string
  readonly application: string
  readonly handler: string
  readonly fault: string | null
  status: number | null
  error: string | null
}

export interface Sender {
  /** Makes one attempt in the background. Nobody waits for it, and it is never repeated. */
  send (attempt: Pick<Sent, 'event' | 'application' | 'handler' | 'fault'>, form: object): void
  /** Puts an event that is never sent into the log. */
  lose (attempt: Pick<Sent, 'event' | 'application' | 'handler' | 'fault'>): void
  list (): readonly Sent[]
  /** Cuts the attempts under way and empties the log. */
  reset (): Promise<void>
}

const answerTimeoutMs = 30_000
/** A slow handler gets its events later. */
const connectionsPerHandler = 16

export function createSender (clock: Clock): Sender {
  const sent = createNewest<Sent>()
  let agent = createAgent()

  async function attempt (entry: Sent, form: object): Promise<void> {
    try {
      const { statusCode, body } = await request(entry.handler, { method: 'POST', headers: formHeaders, body: encodeForm(form), dispatcher: agent })
      entry.status = statusCode
      await body.dump()
    } catch (error) {
      entry.error = error instanceof Error ? error.message : String(error)
    }
  }

  const note = (details: Pick<Sent, 'event' | 'application' | 'handler' | 'fault'>): Sent =>
    sent.add({ atMs: clock.now(), ...details, status: null, error: null })

  return {
    send (details, form) {
      attempt(note(details), form)
    },
    lose (details) {
      note(details)
    },
    list: sent.list,
    async reset () {
      sent.clear()
      const before = agent
      agent = createAgent()
      await before.destroy()
    },
  }
}

function createAgent (): Agent {
  return new Agent({ connections: connectionsPerHandler, headersTimeout: answerTimeoutMs, bodyTimeout: answerTimeoutMs })
}
