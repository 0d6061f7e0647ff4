import type { EditFilter, Outbox, RedeliveryOutcome } from '../outbox/outbox.ts'

/** Rows in one transaction. Webhooks wait during it. */
const BATCH = 500

interface RedeliveryOptions {
  readonly outbox: Pick<Outbox, 'list' | 'redeliver'>
  readonly now: () => number
  /** Called when edits have become due, with the time. */
  readonly onDue: (dueAt: number) => void
}

export type Redelivery = ReturnType<typeof createRedelivery>

/** Sends finished edits again for an operator. The content that the row holds is sent, which is never older than what was sent before. */
export function createRedelivery ({ outbox, now, onDue }: RedeliveryOptions) {
  return {
    async one (id: string): Promise<RedeliveryOutcome> {
      const [outcome] = await outbox.redeliver([id], now())
      if (outcome === 'redelivered') onDue(now())
      return outcome ?? 'not-found'
    },

    /** `skipped`: matching rows that already wait for a call, or have nothing that may be sent again. */
    async matching (filter: EditFilter): Promise<{ redelivered: number, skipped: number }> {
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
