import { addressProfile } from '../edit/address.ts'
import type { ClientProfile } from '../edit/edit.ts'
import type { AskApi } from './api.ts'
import type { NameSource } from './sources.ts'
import type { LookUpAnswer } from '../messengers/profile-lookup.ts'
import { isNamed } from '../edit/profile.ts'
import type { Attempt, ClaimedEdit, Lane } from '../outbox/outbox.ts'
import type { Profiles } from '../outbox/profiles.ts'
import { createInquiry, type Inquiry } from './inquiry.ts'
import { createRecord, type RecordOptions } from '../courier/record.ts'

/** Edits of a channel that may wait for their question; more are claimed again later. */
const MAX_WAITING = 500

/** When to come back to those, and to any when the database failed. */
const AGAIN_MS = 5_000

/** What one question came to: `clients` were asked for, and `found` of them are known by name now. */
export interface LookUpReport {
  readonly channel: string
  readonly outcome: LookUpAnswer['kind']
  readonly clients: number
  readonly found: number
}

/** Who can be asked for names, and where they are kept. */
export interface Names {
  readonly profiles: Pick<Profiles, 'find' | 'remember'>
  /** By the channel's id. */
  readonly sources: ReadonlyMap<string, NameSource>
  readonly askApi: AskApi
  readonly onLookUp: (report: LookUpReport) => void
}

export interface NamingOptions extends RecordOptions {
  /** Without it nobody can be asked. */
  readonly names?: Names
  readonly wallTime: () => number
  readonly random: () => number
  /** Ends every question, so that what was claimed is given back at once. */
  readonly halt: AbortSignal
}

/** Edits of one channel that were claimed together. */
interface Claim {
  readonly connector: string
  readonly channel: string
  readonly callId: string
}

/** What one channel's edits wait for. */
interface Desk extends Names {
  readonly source: NameSource
  readonly inquiry: Inquiry
  waiting: number
}

/** Whether an edit must not be sent before its client's name has been asked for. */
export function lacksName ({ edit }: ClaimedEdit): boolean {
  return edit.user.lookUpId !== undefined && !isNamed(edit.user)
}

/**
 * Asks messengers for the names of clients whose edits would else rename them to "Guest". The edits stay claimed while the question is
 * under way, beside the calls and not in their number, so that a slow API delays nobody else's. Of a client who is found the edits are due
 * at once, with the profile that is remembered; of one who is not they are dead; while the API is in trouble they wait.
 */
export function createNaming (options: NamingOptions) {
  const { portal, names, log, now, wallTime, halt } = options
  const record = createRecord(options)
  const desks = new Map<string, Desk>()
  if (names !== undefined) {
    for (const [id, source] of names.sources) desks.set(id, { ...names, source, inquiry: createInquiry({ ...options, ...source, askApi: names.askApi }), waiting: 0 })
  }

  async function postpone ({ callId }: Claim, edits: readonly ClaimedEdit[], dueAt: number, attempt: Attempt | null): Promise<void> {
    if (edits.length === 0) return
    await record(callId, edits, edits.map(({ id, version, history }) => ({ id, version, result: 'retry', dueAt, history, quarantineUntil: null })), attempt)
  }

  async function bury ({ callId }: Claim, edits: readonly ClaimedEdit[], words: string, attempt: Attempt | null): Promise<void> {
    if (edits.length === 0) return
    await record(callId, edits, edits.map(({ id, version }) => ({ id, version, result: 'dead', reason: 'anonymous-user', words, quarantineUntil: null })), attempt)
  }

  async function lookUp (desk: Desk, claim: Claim, edits: readonly ClaimedEdit[]): Promise<void> {
    // Another edit of the client, or an event of his, may have brought the name while this one waited for its turn.
    const known = await Promise.all(edits.map(({ edit }) => desk.profiles.find(portal, claim.connector, edit.user.id)))
    await postpone(claim, edits.filter((_, index) => known[index] !== null), now(), null)
    const nameless = edits.filter((_, index) => known[index] === null)
    const ids = [...new Set(nameless.map(idOf))]
    for (let at = 0; at < ids.length; at += desk.inquiry.batchSize) {
      const asked = ids.slice(at, at + desk.inquiry.batchSize)
      await ask(desk, claim, asked, nameless.filter(edit => asked.includes(idOf(edit))))
    }
  }

  async function ask (desk: Desk, claim: Claim, ids: readonly string[], edits: readonly ClaimedEdit[]): Promise<void> {
    const startedAt = now()
    const at = wallTime()
    const answer = await desk.inquiry.ask(ids)
    if (answer === null) return await postpone(claim, edits, halt.aborted ? now() : desk.inquiry.restsUntil(), null)
    const durationMs = Math.round(now() - startedAt)
    const attempt = (code: string): Attempt => ({ at, durationMs, code, words: null })
    const found = answer.kind === 'answered' ? profilesOf(answer.profiles, edits, desk.source) : []
    if (found.length > 0) {
      await desk.profiles.remember(found.map(profile => ({ portal, connector: claim.connector, profile, revision: { at, tie: 0n }, now: now() })))
    }
    const isFound = (edit: ClaimedEdit) => found.some(profile => profile.id === edit.edit.user.id)
    report(desk, claim, answer, ids.length, new Set(edits.filter(isFound).map(idOf)).size, durationMs)
    if (answer.kind !== 'answered') return await postpone(claim, edits, desk.inquiry.restsUntil(), attempt(answer.code))
    const code = answer.code === 'ok' ? 'PROFILE_NOT_FOUND' : answer.code
    await postpone(claim, edits.filter(isFound), now(), null)
    await bury(claim, edits.filter(edit => !isFound(edit)), code, attempt(code))
  }

  function report ({ onLookUp }: Desk, { channel }: Claim, { kind: outcome, code }: LookUpAnswer, clients: number, found: number, durationMs: number): void {
    onLookUp({ channel, outcome, clients, found })
    const line = { event: 'lookup.attempted', channel, outcome, code, clients, found, durationMs }
    if (outcome === 'answered') log.info(line, line.event)
    else if (outcome === 'unavailable') log.warn(line, line.event)
    else log.error({ ...line, remedy: 'the messenger turns away the apiToken of this channel: set one in CHANNELS_FILE that is valid and may read profiles' }, line.event)
  }

  async function serve (claim: Claim, edits: readonly ClaimedEdit[]): Promise<void> {
    const { channel } = claim
    const desk = desks.get(channel)
    if (desk === undefined) return await bury(claim, edits, 'the channel has no apiToken any more', null)
    if (desk.inquiry.restsUntil() > now()) return await postpone(claim, edits, desk.inquiry.restsUntil(), null)
    if (desk.waiting >= MAX_WAITING) return await postpone(claim, edits, now() + AGAIN_MS, null)
    desk.waiting += edits.length
    try {
      await desk.inquiry.inTurn(() => lookUp(desk, claim, edits))
    } catch (error) {
      log.error({ event: 'lookup.failed', channel, err: error }, 'lookup.failed')
      // What is settled already is no longer in this call and stays as it is.
      await postpone(claim, edits, now() + AGAIN_MS, null)
    } finally {
      desk.waiting -= edits.length
    }
  }

  /**
   * Settles all of `edits`, which are claimed under `callId` and lack a name. A message stays in the lane of the channel that its first edit
   * came through; it is the edit's own channel that knows its client.
   */
  return async function name ({ connector }: Lane, callId: string, edits: readonly ClaimedEdit[]): Promise<void> {
    const channels = Map.groupBy(edits, edit => edit.channel)
    await Promise.all([...channels].map(([channel, edits]) => serve({ connector, channel, callId }, edits)))
  }
}

/** Those who were found and have a name, as the portal is to be shown them. */
function profilesOf (answered: ReadonlyMap<string, ClientProfile>, edits: readonly ClaimedEdit[], { channel }: NameSource): ClientProfile[] {
  const found = new Map<string, ClientProfile>()
  for (const edit of edits) {
    const profile = answered.get(idOf(edit))
    const { id } = edit.edit.user
    const addressed = profile === undefined ? null : addressProfile(profile, id, channel)
    if (addressed !== null && isNamed(addressed)) found.set(id, addressed)
  }
  return [...found.values()]
}

function idOf ({ edit }: ClaimedEdit): string {
  return edit.user.lookUpId ?? ''
}
