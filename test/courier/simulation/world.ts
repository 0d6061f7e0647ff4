import type { SessionResult } from '../../../src/bitrix24/session.ts'
import { createCourier, type Courier } from '../../../src/courier/courier.ts'
import type { MessageEdit, MessageKey } from '../../../src/edit/edit.ts'
import type { IncomingEdit, Outbox } from '../../../src/outbox/outbox.ts'
import type { PortalRecord, Portals } from '../../../src/outbox/portals.ts'
import { HELD } from '../lease.ts'
import { createLife, quiet, type Life } from './steps.ts'
import { createModelPortal, type Ending } from './portal.ts'
import { portalEdit } from '../../portal-edit.ts'

export interface SentEdit {
  readonly message: number
  readonly at: number
  readonly tie: number
  readonly text: string
  /** A guard's word: the edit is recorded and nothing of it is sent. */
  readonly refused: boolean
}

export type Event =
  | { readonly kind: 'arrive', readonly together: number }
  | { readonly kind: 'step', readonly which: number, readonly choice: number }
  | { readonly kind: 'wait', readonly ms: number }
  | { readonly kind: 'crash' }
  /** The portal applies a call whose client has gone. */
  | { readonly kind: 'late', readonly which: number }

/** So few that nothing can be taken for poison, which would be another property. */
const MAX_FAILURES = 4

const ENDINGS: readonly Ending[] = ['ok', 'ok', 'ok', 'answer-lost', 'cut', 'late', 'late', 'refused', 'partly', 'too-many']

const log = { info () {}, warn () {}, error () {} }
const record = { tokens: { accessToken: 'a', refreshToken: 'r', accessExpiresAt: null }, parked: null, parkedLines: [], bucket: null, restsUntil: null } as unknown as PortalRecord
const portals: Portals = { read: async () => record, write: async () => true }

export type World = ReturnType<typeof createWorld>

/**
 * The real courier and the real rules of the outbox between senders and a portal that are models, with a clock of its own. What was
 * committed and what was shown is noted as it happens; `faults` names each promise that was broken.
 */
export function createWorld (outbox: Outbox, portalName: string, sent: readonly SentEdit[], settleMs: number) {
  let time = 1_000_000
  const now = (): number => time
  const faults: string[] = []
  const toSend = sent.map(toIncoming)
  /** In which order the edits were accepted: the outbox accepts only what is newer than all that it holds of the message. */
  const ranks = new Map<string, number>()
  const committed: IncomingEdit[] = []
  const shownRanks = new Map<string, number>()
  const portal = createModelPortal(now, (message, { tag, text }) => {
    const rank = ranks.get(tag)
    if (rank === undefined) return faults.push(`${message} shows ${text}, which was never accepted`)
    if (rank < (shownRanks.get(message) ?? -1)) faults.push(`${message} shows the older ${text} (${tag}) again`)
    shownRanks.set(message, rank)
  })
  let failures = 0
  let life: Life = createLife()
  let courier: Courier | null = null
  let accepted = 0
  let refused = 0
  /** What senders have no answer to yet. */
  let unanswered: IncomingEdit[][] = []

  function toIncoming ({ message, at, tie, text, refused }: SentEdit, index: number): IncomingEdit {
    const key: MessageKey = { portal: portalName, connector: 'relay_demo', line: message % 2 + 1, chat: 'c1', message: `m${message}` }
    const edit: MessageEdit = {
      user: { id: 'u1', name: 'Anna' }, message: { id: `m${message}`, text, files: [] }, chat: { id: 'c1', name: `e${index}` }, revision: { at, tie: BigInt(tie) },
    }
    return { key, channel: 'default', edit: portalEdit(edit), refusal: refused ? 'empty-text' : null, now: 0, settleMs }
  }

  /** A sender that gets no answer sends again; what is committed counts, answered or not. */
  function arrive (together: number): void {
    const edits = toSend.splice(0, together)
    unanswered.push(edits)
    life.durably(async () => {
      const results = await outbox.accept(edits.map(edit => ({ ...edit, now: now() })))
      results.forEach(({ outcome }, index) => {
        const edit = edits[index] as IncomingEdit
        if (outcome === 'accepted') ranks.set(edit.edit.chat.name as string, ranks.size)
        if (outcome === 'accepted' || outcome === 'refused') accepted++
        if (outcome === 'refused') refused++
        committed.push(edit)
      })
    }).then(() => {
      unanswered = unanswered.filter(each => each !== edits)
      courier?.wake()
    }, (error: unknown) => faults.push(String(error)))
  }

  async function call (mine: Life, params: Readonly<Record<string, unknown>>): Promise<SessionResult> {
    const received = await mine.step(() => portal.receive(params))
    const result = await mine.step(choice => {
      const ending = failures < MAX_FAILURES ? ENDINGS[choice % ENDINGS.length] as Ending : 'ok'
      if (ending !== 'ok') failures++
      return portal.end(received, ending)
    })
    await mine.step(() => {})
    return result
  }

  function begin (): void {
    const mine = createLife()
    life = mine
    const gated: Outbox = {
      ...outbox,
      lanes: name => mine.step(() => outbox.lanes(name)),
      claim: request => mine.durably(() => outbox.claim(request)),
      giveBack: call => mine.durably(() => outbox.giveBack(call)),
      record: call => mine.durably(() => outbox.record(call)),
      recover: recovery => mine.durably(() => outbox.recover(recovery)),
    }
    createCourier({
      portal: portalName, lease: HELD, outbox: gated, portals, session: { call: (_method, params) => call(mine, params), authorizeUrl: () => null }, bucket: { ratePerSecond: 1000, burst: 1000 }, log, now, wallTime: now, clock: { time: now, presentFor: now }, random: () => 0,
    }).then(created => {
      if (mine !== life) return
      courier = created
      courier.start()
    }, (error: unknown) => faults.push(String(error)))
  }

  async function crash (): Promise<void> {
    life.end()
    // What is left of the courier can do nothing any more; this only ends its timer.
    courier?.stop(0).catch(() => {})
    courier = null
    portal.abandon()
    toSend.push(...unanswered.flat())
    unanswered = []
    begin()
    await quiet()
  }

  async function wait (ms: number): Promise<void> {
    portal.catchUp(time + ms)
    time += ms
    courier?.wake()
    await quiet()
  }

  return {
    faults,
    committed,
    portal,
    counts: () => ({ accepted, refused }),

    async begin (): Promise<void> {
      begin()
      await quiet()
    },

    async play (event: Event): Promise<void> {
      if (event.kind === 'crash') return await crash()
      if (event.kind === 'wait') return await wait(event.ms)
      if (event.kind === 'arrive') {
        if (toSend.length > 0) arrive(event.together)
        return await quiet()
      }
      if (event.kind === 'late') {
        const late = portal.lateCalls()
        return late[event.which % late.length]?.()
      }
      const steps = life.waiting().length
      if (steps > 0) await life.run(event.which % steps, event.choice)
    },

    /** Lets everything come to its end: all edits arrive, every call is answered, and what was applied late is applied. */
    async finish (isDone: () => Promise<boolean>): Promise<void> {
      failures = MAX_FAILURES
      for (let turns = 0; turns < 5000; turns++) {
        if (life.waiting().length > 0) await life.run(0, 0)
        else if (toSend.length > 0) await this.play({ kind: 'arrive', together: 3 })
        else if (await isDone()) break
        else await wait(10_000)
      }
      for (const apply of portal.lateCalls()) apply()
      life.end()
      courier?.stop(0).catch(() => {})
      await quiet()
    },
  }
}
