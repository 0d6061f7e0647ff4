import type { EditFilter, Outbox, RedeliveryOutcome } from '../outbox/outbox.ts'

/** Rows in one transaction: webhooks wait for the writer meanwhile. */
const BATCH = 500

export interface RedeliveryOptions {
  readonly outbox: Pick<Outbox, 'list' | 'redeliver'>
  readonly now: () => number
  /** Called with the time at which something has become due. */
  readonly onDue: (dueAt: number) => void
}

export interface RedeliveryCount {
  readonly redelivered: number
  /** Rows that matched and have nothing that may be sent again, or wait for a call already. */
  readonly skipped: number
}

export type Redelivery = ReturnType<typeof createRedelivery>

/** Sends finished edits again, at an operator's word. What the row holds is sent, which is never older than what was sent before. */
export function createRedelivery ({ outbox, now, onDue }: RedeliveryOptions) {
  return {
    async one (id: string): Promise<RedeliveryOutcome> {
      const [outcome] = await outbox.redeliver([id], now())
      if (outcome === 'redelivered') onDue(now())
      return outcome ?? 'not-found'
    },

    async matching (filter: EditFilter): Promise<RedeliveryCount> {
      let redelivered = 0
      let skipped = 0
      let after: number | null = null
      do {
        const page = await outbox.list(filter, { after, limit: BATCH })
        const outcomes = await outbox.redeliver(page.edits.map(edit => edit.id), now())
        redelivered += outcomes.filter(outcome => outcome === 'redelivered').length
        skipped += outcomes.filter(outcome => outcome !== 'redelivered').length
        after = page.next
        onDue(now())
      } while (after !== null)
      return { redelivered, skipped }
    },
  }
}
