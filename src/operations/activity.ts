import { createLoop } from '../base/loop.ts'
import type { Log } from '../base/log.ts'
import type { Channel } from '../config/channels.ts'
import { ACTIVITY_OUTCOMES, HOUR_MS, type Activity, type ActivityCount, type ActivityOutcome } from '../outbox/activity.ts'
import { storable } from '../text/storable.ts'
import type { Observers } from './observers.ts'

interface ActivityOptions {
  readonly channels: Iterable<Pick<Channel, 'id' | 'messenger'>>
  readonly store: Pick<Activity, 'add' | 'read' | 'latest'>
  /** Milliseconds of the outbox's clock, which never jumps. */
  readonly now: () => number
  readonly log: Log
}

export type Counts = Readonly<Record<ActivityOutcome, number>>

/** What happened on a channel, in all relays on the database together. */
export interface ChannelActivity {
  readonly id: string
  readonly messenger: string
  /** The last authentic webhook; null if none came within RETENTION_DAYS. */
  readonly lastWebhookAt: number | null
  readonly lastUnreadable: Occurrence | null
  readonly lastForwardFailure: Occurrence | null
  /** The present clock hour and the one before. */
  readonly hour: Counts
  /** The present clock hour and the 23 before. */
  readonly day: Counts
}

/** What became of edits in a clock hour, on all channels together. As in the ledger, those that a guard refused are accepted and dead. */
export interface HourActivity {
  readonly hour: number
  readonly accepted: number
  readonly delivered: number
  readonly dead: number
  readonly confirmed: number
}

interface Occurrence {
  readonly at: number
  readonly detail: string
}

/** A crash loses the counts of this time. */
const FLUSH_EVERY_MS = 2000

const MAX_DETAIL = 500

const NOTHING = Object.fromEntries(ACTIVITY_OUTCOMES.map(outcome => [outcome, 0])) as Counts

/** Counts what happens on each channel in memory, and adds it to the database every two seconds. No webhook waits for that. */
export function createActivity ({ channels, store, now, log }: ActivityOptions) {
  const known = new Map([...channels].map(({ id, messenger }) => [id, messenger]))
  /** At most one for each outcome of a configured channel and an hour, also while the database cannot be written. */
  let counted = new Map<string, ActivityCount>()
  let isFailing = false

  function count (channel: string, outcome: ActivityOutcome, detail: string | null = null): void {
    if (!known.has(channel)) return
    const lastAt = now()
    add({ channel, outcome, hour: hourOf(lastAt), count: 1, lastAt, detail: detail && storable(detail).slice(0, MAX_DETAIL) })
  }

  function add (one: ActivityCount): void {
    const key = `${one.hour} ${one.outcome} ${one.channel}`
    const held = counted.get(key)
    counted.set(key, held === undefined ? one : { ...one.lastAt >= held.lastAt ? one : held, count: held.count + one.count })
  }

  async function flush (): Promise<void> {
    if (counted.size === 0) return
    const flushed = counted
    counted = new Map()
    try {
      await store.add([...flushed.values()])
      isFailing = false
    } catch (error) {
      for (const one of flushed.values()) add(one)
      if (!isFailing) log.error({ event: 'activity.failed', err: error }, 'activity.failed')
      isFailing = true
    }
  }

  const loop = createLoop(async () => {
    await flush()
    return FLUSH_EVERY_MS
  })

  return {
    flush,

    /** Observers that also count here. */
    observe ({ webhooks, courier, onForwarded, onDead, onEvent, ...others }: Observers): Observers {
      return {
        ...others,
        webhooks: {
          onVerified (channel) {
            webhooks.onVerified(channel)
            count(channel, 'webhooks')
          },
          onReceived (channel, edits) {
            webhooks.onReceived(channel, edits)
            for (const { result, detail } of edits) {
              if (result.reason === 'unreadable') count(channel, 'unreadable', detail)
              else count(channel, result.outcome)
            }
          },
          onRejected (channel, status, unreadable) {
            webhooks.onRejected(channel, status, unreadable)
            if (channel === null) return
            if (unreadable !== null) count(channel, 'unreadable', unreadable)
            else count(channel, status === 401 ? 'unauthentic' : 'rejected')
          },
        },
        courier: {
          ...courier,
          onRecorded (claimed, outcomes, at) {
            courier.onRecorded(claimed, outcomes, at)
            const channelOf = new Map(claimed.map(({ id, channel }) => [id, channel]))
            for (const { id, result } of outcomes) if (result !== 'retry') count(channelOf.get(id) ?? '', result)
          },
        },
        onForwarded (channel, passage) {
          onForwarded(channel, passage)
          if (passage.outcome !== 'answered') count(channel, 'forwardFailed', `${passage.outcome}: ${passage.cause}`)
          else if (passage.status >= 500) count(channel, 'forwardFailed', `the connector answered ${passage.status}`)
          else count(channel, 'forwarded')
        },
        onDead (channel, reason) {
          onDead(channel, reason)
          count(channel, 'dead')
        },
        onEvent (outcome, confirmedAfterMs, channel) {
          onEvent(outcome, confirmedAfterMs, channel)
          if (channel !== null) count(channel, 'confirmed')
        },
      }
    },

    /** The configured channels. Counts of a relay that is ahead of us by a wrong clock are left out. */
    async summary (): Promise<ChannelActivity[]> {
      const hour = hourOf(now())
      const [counts, latest] = await Promise.all([store.read(hour - 23 * HOUR_MS, hour), store.latest(hour)])
      return [...known].map(([id, messenger]) => {
        const own = counts.filter(({ channel }) => channel === id)
        const last = (outcome: ActivityOutcome) => latest.find(one => one.channel === id && one.outcome === outcome)
        return {
          id,
          messenger,
          lastWebhookAt: last('webhooks')?.lastAt ?? null,
          lastUnreadable: toOccurrence(last('unreadable')),
          lastForwardFailure: toOccurrence(last('forwardFailed')),
          hour: sum(own.filter(one => one.hour >= hour - HOUR_MS)),
          day: sum(own),
        }
      })
    },

    /** The present clock hour and the 23 before, the oldest first. */
    async hours (): Promise<HourActivity[]> {
      const last = hourOf(now())
      const counts = await store.read(last - 23 * HOUR_MS, last)
      return Array.from({ length: 24 }, (_, index) => {
        const hour = last - (23 - index) * HOUR_MS
        const { accepted, delivered, dead, refused, confirmed } = sum(counts.filter(one => one.hour === hour))
        return { hour, accepted: accepted + refused, delivered, dead: dead + refused, confirmed }
      })
    },

    start: loop.start,

    /** Stores what is left. */
    async stop (): Promise<void> {
      await loop.stop()
      await flush()
    },
  }
}

function hourOf (time: number): number {
  return time - time % HOUR_MS
}

function toOccurrence (count: ActivityCount | undefined): Occurrence | null {
  return count === undefined ? null : { at: count.lastAt, detail: count.detail ?? '' }
}

function sum (counts: readonly ActivityCount[]): Counts {
  const total = { ...NOTHING }
  for (const { outcome, count } of counts) total[outcome] += count
  return total
}
