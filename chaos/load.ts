import { setTimeout as sleep } from 'node:timers/promises'
import { readSecret, signStandardWebhook } from '../src/signatures/standard-webhooks.ts'
import type { Arena } from './arena.ts'
import { until } from './verdict.ts'

/** What senders know of their webhooks. */
export interface Tally {
  webhooks: number
  /** Webhooks answered with 202. */
  acknowledged: number
  /** Edits answered as `accepted`. */
  accepted: number
  /** Answered with 503: not stored, unless the answer to the commit was lost. */
  turnedAway: number
  /** Sent and never answered: perhaps stored. */
  unanswered: number
  /** Answers that no promise allows. */
  readonly unexpected: string[]
}

export interface Answer {
  readonly status: number | 'unanswered' | 'unsent'
  readonly outcome: string | null
}

const ANSWER_TIMEOUT_MS = 20_000

/** The share of edits that senders send again, later or out of order. */
const REPEATED = 0.15

/** The parts of an arena that senders use. */
export type Served = Pick<Arena, 'names' | 'secret' | 'now' | 'target' | 'isDoubtful' | 'isClosed'>

export type Senders = ReturnType<typeof createSenders>

/**
 * Senders of edits that remember the answers. The n-th edit of a message has the text "<message> #<n>" and revision n. Several senders edit the same
 * messages, so edits overtake each other.
 */
export function createSenders (arena: Served) {
  const key = readSecret(arena.secret)
  if (key === null) throw new Error('the generated secret cannot be read')
  const signingKey = key
  const startedAt = arena.now()
  const tally: Tally = { webhooks: 0, acknowledged: 0, accepted: 0, turnedAway: 0, unanswered: 0, unexpected: [] }
  const newest = new Map<string, number>()
  const acknowledged = new Map<string, number>()
  const doubtful = new Map<string, Set<number>>()

  async function post (body: string, url: string): Promise<Answer> {
    const headers = { 'content-type': 'application/json', ...signStandardWebhook(signingKey, body, arena.now()) }
    try {
      const response = await fetch(`${url}/webhooks/default`, { method: 'POST', headers, body, signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) })
      const answer = await response.json() as { edits?: Array<{ outcome: string }>, detail?: string }
      return { status: response.status, outcome: answer.edits?.[0]?.outcome ?? answer.detail ?? null }
    } catch (error) {
      return { status: isRefused(error) ? 'unsent' : 'unanswered', outcome: null }
    }
  }

  async function send (message: string, number: number, url = arena.target()): Promise<Answer> {
    const data = { user: { id: 'u1', last_name: 'Petrova', name: 'Anna' }, message: { id: message, edited_at: startedAt + number, text: `${message} #${number}` }, chat: { id: 'c1' } }
    const answer = await post(JSON.stringify({ type: 'message.edited', data }), url)
    if (answer.status !== 'unsent') tally.webhooks++
    if (answer.status === 202) {
      tally.acknowledged++
      if (answer.outcome === 'accepted') tally.accepted++
      else if (answer.outcome !== 'duplicate' && answer.outcome !== 'stale') tally.unexpected.push(`outcome ${answer.outcome}`)
      acknowledged.set(message, Math.max(acknowledged.get(message) ?? 0, number))
    } else if (answer.status === 503) {
      tally.turnedAway++
      if (arena.isDoubtful()) doubt(message, number)
    } else if (answer.status === 'unanswered') {
      tally.unanswered++
      doubt(message, number)
    } else if (answer.status !== 'unsent') {
      tally.unexpected.push(`${answer.status} ${answer.outcome}`)
    }
    return answer
  }

  function doubt (message: string, number: number): void {
    doubtful.set(message, (doubtful.get(message) ?? new Set()).add(number))
  }

  function next (message: string): number {
    const number = (newest.get(message) ?? 0) + 1
    newest.set(message, number)
    return number
  }

  return {
    tally,
    /** Sends the next edit of a message. */
    edit: (message: string, url?: string) => send(message, next(message), url),

    /** Waits for this many more acknowledged webhooks, so a slow machine has as much to lose as a fast one. */
    async acknowledged (more: number): Promise<void> {
      const enough = tally.acknowledged + more
      await until(async () => tally.acknowledged >= enough)
    },

    /** Whether the portal may show the n-th edit in the end: it is the newest acknowledged one, or a newer one in doubt. */
    mayEndWith (message: string, number: number): boolean {
      const least = acknowledged.get(message) ?? 0
      return number === least || (number > least && doubtful.get(message)?.has(number) === true)
    },

    /** Runs `senders` until the returned function is called or the arena closes. */
    run (senders: number, pauseMs = 8): () => Promise<void> {
      const halt = new AbortController()
      const loops = Array.from({ length: senders }, async () => {
        while (!halt.signal.aborted && !arena.isClosed()) {
          const message = arena.names[Math.floor(Math.random() * arena.names.length)] as string
          const known = newest.get(message) ?? 0
          const { status } = known > 0 && Math.random() < REPEATED ? await send(message, 1 + Math.floor(Math.random() * known)) : await send(message, next(message))
          await sleep(status === 'unsent' ? 250 : pauseMs * Math.random())
        }
      })
      return async () => {
        halt.abort()
        await Promise.all(loops)
      }
    },
  }
}

/** The connection was refused, so nothing was sent. */
function isRefused (error: unknown): boolean {
  return error instanceof Error && error.cause instanceof Error && 'code' in error.cause && error.cause.code === 'ECONNREFUSED'
}
