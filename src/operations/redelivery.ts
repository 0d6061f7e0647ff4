import type { EditFilter, Outbox, RedeliveryOutcome } from '../outbox/outbox.ts'

/** Rows in one transaction. Webhooks wait during it. */
const BATCH = 500

interface RedeliveryOptions {
  readonly outbox: Pick<Outbox, 'list' | 'count' | 'redeliver'>
  readonly now: () => number
  /** Called when edits have become due, with the time. */
  readonly onDue: (dueAt: number) => void
}

/** What became of the rows that were taken. `next`: the cursor of the rows that are left, `remain` of them, counted up to the limit and one more. */
export type RedeliveryReport = Readonly<Record<RedeliveryOutcome, number>> & { readonly next: number | null, readonly remain: number }

export type Redelivery = ReturnType<typeof createRedelivery>

/** Sends finished edits again for an operator. The content that the row holds is sent, which is never older than what was sent before. */
export function createRedelivery ({ outbox, now, onDue }: RedeliveryOptions) {
  /** Takes at most `limit` matching rows after the cursor, the newest first. */
  async function some (filter: EditFilter, { after, limit }: { readonly after: number | null, readonly limit: number }): Promise<RedeliveryReport> {
    const found = { redelivered: 0, pending: 0, 'nothing-held': 0, 'not-found': 0 }
    let next = after
    let taken = 0
    do {
      const page = await outbox.list(filter, { after: next, limit: Math.min(BATCH, limit - taken) })
      for (const outcome of await outbox.redeliver(page.edits.map(edit => edit.id), now())) found[outcome]++
      taken += page.edits.length
      next = page.next
      if (page.edits.length > 0) onDue(now())
    } while (next !== null && taken < limit)
    return { ...found, next, remain: next === null ? 0 : await outbox.count(filter, { after: next, upTo: limit + 1 }) }
  }

  return {
    some,

    async one (id: string): Promise<RedeliveryOutcome> {
      const [outcome] = await outbox.redeliver([id], now())
      if (outcome === 'redelivered') onDue(now())
      return outcome ?? 'not-found'
    },

    /** Takes all. `skipped`: matching rows that already wait for a call, or have nothing that may be sent again. */
    async matching (filter: EditFilter): Promise<{ redelivered: number, skipped: number }> {
      const report = await some(filter, { after: null, limit: Infinity })
      return { redelivered: report.redelivered, skipped: report.pending + report['nothing-held'] + report['not-found'] }
    },
  }
}
