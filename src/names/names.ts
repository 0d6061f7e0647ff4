import { randomUUID } from 'node:crypto'
import { createLoop } from '../base/loop.ts'
import type { Log } from '../base/log.ts'
import type { PortalClock } from '../base/portal-clock.ts'
import { addressProfile } from '../edit/address.ts'
import { type ClientProfile, type DeadReason, isNamed } from '../edit/edit.ts'
import { guard, timesOf } from '../edit/guard.ts'
import type { LookUpAnswer } from '../messengers/profile-lookup.ts'
import type { HeldLease } from '../outbox/leases.ts'
import type { Attempt, NamelessEdit, NameOutcome, Outbox } from '../outbox/outbox.ts'
import type { Profiles } from '../outbox/profiles.ts'
import type { AskApi } from './api.ts'
import { createInquiry, type Inquiry } from './inquiry.ts'
import type { NameSource } from './sources.ts'

/** The most edits of a lane that one query returns. */
const MAX_EDITS = 100

/** The pause after a failure of the database. */
const AGAIN_MS = 5_000

/** The outcome of one question: it asked about `clients`, and `found` of them now have names. */
export interface LookUpReport {
  readonly channel: string
  readonly outcome: LookUpAnswer['kind']
  readonly clients: number
  readonly found: number
}

export interface NamesOptions {
  readonly portal: string
  readonly lease: HeldLease
  readonly outbox: Pick<Outbox, 'nameless' | 'recordNames'>
  readonly profiles: Pick<Profiles, 'find' | 'remember'>
  /** By the channel's id. */
  readonly sources: ReadonlyMap<string, NameSource>
  readonly askApi: AskApi
  readonly log: Log
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number
  /** Milliseconds of the wall clock. */
  readonly wallTime: () => number
  readonly clock: Pick<PortalClock, 'time' | 'presentFor'>
  /** In [0, 1), for jitter. */
  readonly random: () => number
  readonly onLookUp?: ((report: LookUpReport) => void) | undefined
  /** An edit has ended as dead. */
  readonly onDead?: ((channel: string, reason: DeadReason) => void) | undefined
  /** Called when edits have become due because their clients have names now. */
  readonly onNamed: () => void
}

/**
 * Asks messengers for the names of clients whose edits would otherwise rename them to "Guest". If the client is found, its profile is stored and the
 * edit becomes due. If not, the edit is dead. While the API fails, the edits wait. Channels are asked in parallel, so a slow API delays no other. A
 * question is recorded only after its answer, so it is asked again after a crash.
 */
export function createNames ({ portal, lease, outbox, profiles, sources, askApi, log, now, wallTime, clock, random, onLookUp, onDead, onNamed }: NamesOptions) {
  const { epoch } = lease
  const halt = new AbortController()
  const inquiries = new Map([...sources].map(([id, { lookUp }]) => [id, createInquiry({ lookUp, askApi, now, random, halt: halt.signal })]))
  /** The work for each channel that is being served. */
  const running = new Map<string, Promise<void>>()

  async function record (channel: string, outcomes: readonly NameOutcome[], attempt: Attempt | null = null): Promise<void> {
    if (outcomes.length === 0) return
    await outbox.recordNames({ portal, epoch, questionId: randomUUID(), outcomes, attempt, now: now() })
    for (const outcome of outcomes) if (outcome.result === 'dead') onDead?.(channel, outcome.reason)
    if (outcomes.some(({ result }) => result === 'named')) onNamed()
  }

  /** Serves all channels with due edits. Returns when to look again, unless the alarm rings earlier. */
  async function tick (): Promise<number> {
    const { edits, nextAt } = await outbox.nameless(portal, now(), MAX_EDITS)
    for (const [channel, waiting] of Map.groupBy(edits, edit => edit.channel)) {
      if (!running.has(channel)) start(channel, waiting)
    }
    // The end of a channel's work rings the alarm, and edits of it that are due by then are found.
    return nextAt ?? Infinity
  }

  function start (channel: string, edits: readonly NamelessEdit[]): void {
    running.set(channel, serve(channel, edits)
      .catch(async (error: unknown) => {
        reportFailure(error, channel)
        await record(channel, edits.map(edit => postponed(edit, now() + AGAIN_MS)))
      })
      .catch((error: unknown) => reportFailure(error, channel))
      .finally(() => {
        running.delete(channel)
        loop.ring()
      }))
  }

  function reportFailure (error: unknown, channel?: string): void {
    log.error({ event: 'lookup.failed', channel, err: error }, 'lookup.failed')
  }

  async function serve (channel: string, edits: readonly NamelessEdit[]): Promise<void> {
    const expired = edits.flatMap(({ id, version, edit, acceptedAt }): NameOutcome[] => {
      const reason = guard(edit, timesOf(acceptedAt, clock))
      return reason === null ? [] : [{ id, version, result: 'dead', reason, words: null }]
    })
    await record(channel, expired)
    const waiting = edits.filter(({ id }) => !expired.some(outcome => outcome.id === id))
    const inquiry = inquiries.get(channel)
    if (inquiry === undefined) return await record(channel, waiting.map(edit => notFound(edit, 'the channel has no apiToken any more')))
    if (inquiry.restsUntil() > now()) return await record(channel, waiting.map(edit => postponed(edit, inquiry.restsUntil())))

    // Another webhook may have brought the name meanwhile.
    const known = await Promise.all(waiting.map(({ connector, edit }) => profiles.find(portal, connector, edit.user.id)))
    await record(channel, waiting.filter((_, index) => known[index] !== null).map(named))
    const nameless = waiting.filter((_, index) => known[index] === null)
    const ids = [...new Set(nameless.map(lookUpId))]
    for (let at = 0; at < ids.length; at += inquiry.batchSize) {
      const asked = ids.slice(at, at + inquiry.batchSize)
      await ask(channel, inquiry, asked, nameless.filter(edit => asked.includes(lookUpId(edit))))
    }
  }

  async function ask (channel: string, inquiry: Inquiry, ids: readonly string[], edits: readonly NamelessEdit[]): Promise<void> {
    const startedAt = now()
    const at = wallTime()
    const answer = await inquiry.ask(ids)
    // After a stop the edits wait as before; else the API rests.
    if (answer === null) return halt.signal.aborted ? undefined : await record(channel, edits.map(edit => postponed(edit, inquiry.restsUntil())))
    const attempt = (code: string): Attempt => ({ at, durationMs: Math.round(now() - startedAt), code, words: null })
    const found = answer.kind === 'answered' ? findProfiles(answer.profiles, edits, sources.get(channel) as NameSource) : new Map<string, ClientProfile>()
    await profiles.remember(edits.flatMap(({ connector, edit }) => {
      const profile = found.get(edit.user.id)
      return profile === undefined ? [] : [{ portal, connector, profile, revision: { at, tie: 0n }, now: now() }]
    }))
    const isFound = ({ edit }: NamelessEdit): boolean => found.has(edit.user.id)
    report(channel, answer, ids.length, new Set(edits.filter(isFound).map(lookUpId)).size, Math.round(now() - startedAt))
    if (answer.kind !== 'answered') return await record(channel, edits.map(edit => postponed(edit, inquiry.restsUntil())), attempt(answer.code))
    const code = answer.code === 'ok' ? 'PROFILE_NOT_FOUND' : answer.code
    await record(channel, edits.filter(isFound).map(named))
    await record(channel, edits.filter(edit => !isFound(edit)).map(edit => notFound(edit, code)), attempt(code))
  }

  function report (channel: string, { kind: outcome, code }: LookUpAnswer, clients: number, found: number, durationMs: number): void {
    onLookUp?.({ channel, outcome, clients, found })
    const line = { event: 'lookup.attempted', channel, outcome, code, clients, found, durationMs }
    if (outcome === 'answered') log.info(line, line.event)
    else if (outcome === 'unavailable') log.warn(line, line.event)
    else log.error({ ...line, remedy: 'the messenger refuses the apiToken of this channel: set a valid one in CHANNELS_FILE that may read profiles' }, line.event)
  }

  const loop = createLoop(async () => {
    const next = !lease.isHeld()
      ? Infinity
      : await tick().catch((error: unknown) => {
        reportFailure(error)
        return now() + AGAIN_MS
      })
    return Math.max(0, next - now())
  })

  return {
    start: loop.start,

    /** A name may be due for look-up at `dueAt`, or now. */
    wake (dueAt?: number): void {
      loop.ring(dueAt === undefined ? 0 : dueAt - now())
    },

    /** Aborts all questions. */
    async stop (): Promise<void> {
      halt.abort()
      await loop.stop()
      while (running.size > 0) await Promise.all(running.values())
    },
  }
}

function named ({ id, version }: NamelessEdit): NameOutcome {
  return { id, version, result: 'named' }
}

function postponed ({ id, version }: NamelessEdit, askAt: number): NameOutcome {
  return { id, version, result: 'retry', askAt }
}

function notFound ({ id, version }: NamelessEdit, words: string): NameOutcome {
  return { id, version, result: 'dead', reason: 'anonymous-user', words }
}

/** The clients who were found with a name, as the portal gets them, by the portal's ids. */
function findProfiles (answered: ReadonlyMap<string, ClientProfile>, edits: readonly NamelessEdit[], { channel }: NameSource): Map<string, ClientProfile> {
  const found = new Map<string, ClientProfile>()
  for (const edit of edits) {
    const profile = answered.get(lookUpId(edit))
    const { id } = edit.edit.user
    const addressed = profile === undefined ? null : addressProfile(profile, id, channel)
    if (addressed !== null && isNamed(addressed)) found.set(id, addressed)
  }
  return found
}

function lookUpId ({ edit }: NamelessEdit): string {
  return edit.user.lookUpId ?? ''
}
