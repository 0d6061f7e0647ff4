import { Unauthenticated } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { isSameSecret } from '../base/secret.ts'
import type { Outbox, ReportOutcome } from '../outbox/outbox.ts'
import type { PortalPatch, PortalRecord, Portals } from '../outbox/portals.ts'
import { readEvent, type PortalEvent } from './event-form.ts'

/** What came of an authentic event. `foreign`: of a connector that no channel feeds. */
export type EventOutcome = ReportOutcome | 'foreign' | 'operator' | 'other' | 'unknown'

interface EventsOptions {
  readonly portalId: string
  readonly portals: Portals
  readonly outbox: Pick<Outbox, 'confirm'>
  /** The connectors that channels feed. */
  readonly connectors: ReadonlySet<string>
  /** `confirmedAfterMs` and `channel` are those of an edit that is confirmed now. */
  readonly onEvent: (outcome: EventOutcome, confirmedAfterMs: number | null, channel: string | null) => void
  /** Milliseconds of the outbox's clock, which never jumps. */
  readonly now: () => number
  readonly log: Log
}

export type Events = ReturnType<typeof createEvents>

/** The record is read again after this long, because any relay may change it. */
const RECORD_MS = 10_000

/** For a wrong key sooner, because another relay may just have made the key, but not for each one. */
const STRANGER_MS = 1000

/** The time of the last event is stored this often. */
const NOTE_EVERY_MS = 5000

/**
 * Takes the events that the portal sends to PUBLIC_URL. The key in the address authenticates them: it is the one secret in a URL, because a relay that
 * was authorized by a code or a refresh token never learns an `application_token`. Where that and `member_id` are known, they must be right too; where
 * not, the first event with the right key teaches them.
 */
export function createEvents ({ portalId, portals, outbox, connectors, onEvent, now, log }: EventsOptions) {
  let record: PortalRecord | null = null
  let readAt = -Infinity
  let notedAt = -Infinity

  async function readRecord (maxAgeMs = RECORD_MS): Promise<PortalRecord> {
    if (record !== null && now() - readAt < maxAgeMs) return record
    record = await portals.read(portalId)
    readAt = now()
    return record
  }

  async function change (patch: PortalPatch): Promise<void> {
    await portals.write(portalId, patch)
    record = null
  }

  /** Compares and, where nothing is known yet, learns. */
  async function checkSender ({ applicationToken, memberId }: PortalEvent): Promise<void> {
    const known = await readRecord()
    const isForeign = (known.applicationToken !== null && !isSameSecret(known.applicationToken, applicationToken ?? '')) || (known.memberId !== null && known.memberId !== memberId)
    if (isForeign) throw new Unauthenticated('the application_token or the member_id is not the known one')
    const lessons = { ...known.applicationToken === null && applicationToken !== null ? { applicationToken } : {}, ...known.memberId === null && memberId !== null ? { memberId } : {} }
    if (Object.keys(lessons).length > 0) await change(lessons)
  }

  /** Every authentic event shows that the portal reaches us. */
  async function note (time: number): Promise<void> {
    if (time - notedAt < NOTE_EVERY_MS) return
    notedAt = time
    await change({ lastEventAt: time })
  }

  return {
    /** Throws Unauthenticated unless `key` is ours. Reads no body. */
    async verify (key: string): Promise<void> {
      for (const maxAgeMs of [RECORD_MS, STRANGER_MS]) {
        const { eventKey } = await readRecord(maxAgeMs)
        if (eventKey !== null && isSameSecret(eventKey, key)) return
      }
      throw new Unauthenticated('the key of the event address is not ours')
    },

    /** Fulfilled when all that follows from the event is durable. Rejects with Unauthenticated or StoreUnavailable. */
    async take (body: Buffer): Promise<EventOutcome> {
      const receivedAt = now()
      const event = readEvent(body)
      await checkSender(event)
      await note(receivedAt)
      if (event.kind === 'unknown') log.warn({ event: 'events.unknown', fields: event.fields }, 'an event of the portal has a form that is new to the relay; please report these field names')
      if (event.kind !== 'edit') return told(event.kind)
      const { connector, line, chat, message, text } = event
      if (!connectors.has(connector)) return told('foreign')
      const [result] = await outbox.confirm([{ key: { portal: portalId, connector, line, chat, message }, text, receivedAt }])
      return told(result?.outcome ?? 'unmatched', result?.confirmedAfterMs, result?.channel)
    },
  }

  function told (outcome: EventOutcome, confirmedAfterMs: number | null = null, channel: string | null = null): EventOutcome {
    onEvent(outcome, confirmedAfterMs, channel)
    return outcome
  }
}
