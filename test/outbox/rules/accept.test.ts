import t from 'tap'
import fc from 'fast-check'
import { accept, type IdentifiedEdit } from '../../../src/outbox/rules/accept.ts'
import { endCall } from '../../../src/outbox/rules/outcome.ts'
import { freshHistory, pendingRevisions, type LedgerDelta, type OutboxRow } from '../../../src/outbox/rules/row.ts'
import { incoming } from '../edits.ts'

/** Applies the rules to one row and counts as a store does. */
function createRow () {
  let row: OutboxRow | null = null
  const ledger = { accepted: 0, superseded: 0, delivered: 0, dead: 0 }
  const add = (delta: LedgerDelta) => {
    for (const name of Object.keys(delta) as Array<keyof LedgerDelta>) ledger[name] += delta[name] ?? 0
  }
  return {
    ledger,
    row: () => row as OutboxRow | null,
    take (edit: IdentifiedEdit) {
      const accepted = accept(row, edit)
      row = accepted.row ?? row
      add(accepted.delta)
      return accepted.result.outcome
    },
    claim (callId: string) {
      if (row === null || row.callId !== null || row.dueAt === null) return
      row = { ...row, callId, callVersion: row.version, dueAt: null }
    },
    end (callId: string, result: 'delivered' | 'dead' | 'retry') {
      if (row === null || row.callId === null) return
      const base = { id: row.id, version: row.callVersion as number }
      const change = endCall(row, callId, result === 'delivered'
        ? { ...base, result, flags: [] }
        : result === 'dead'
          ? { ...base, result, reason: 'rejected', words: null, quarantineUntil: null }
          : { ...base, result, dueAt: 1, history: freshHistory(0), quarantineUntil: null }, 1)
      row = change?.row ?? row
      add(change?.delta ?? {})
    },
  }
}

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('edit' as const), at: fc.integer({ min: 1, max: 6 }), text: fc.constantFrom('a', 'b', 'c') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('refused' as const), at: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 3, arbitrary: fc.constant({ kind: 'claim' as const }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('end' as const), result: fc.constantFrom('delivered' as const, 'dead' as const, 'retry' as const) }) }
)

t.test('after every step, whatever the order, accepted = superseded + delivered + dead + pending', async t => {
  t.doesNotThrow(() => fc.assert(fc.property(fc.array(step, { maxLength: 40 }), steps => {
    const held = createRow()
    for (const each of steps) {
      if (each.kind === 'edit') held.take(incoming({ at: each.at, text: each.text }))
      if (each.kind === 'refused') held.take(incoming({ at: each.at, text: '', refusal: 'empty-text' }))
      if (each.kind === 'claim') held.claim('call')
      if (each.kind === 'end') held.end('call', each.result)
      const row = held.row()
      const pending = row === null ? 0 : pendingRevisions(row)
      const { accepted, superseded, delivered, dead } = held.ledger
      if (accepted !== superseded + delivered + dead + pending) return false
    }
    return true
  }), { numRuns: 2000 }))
})

t.test('whatever the order of arrival, the greatest revision is held, and its last new content', async t => {
  const edits = fc.uniqueArray(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 12 })
  t.doesNotThrow(() => fc.assert(fc.property(edits, fc.infiniteStream(fc.nat()), (ats, order) => {
    const held = createRow()
    const shuffled = ats.map(at => ({ at, key: order.next().value as number })).sort((a, b) => a.key - b.key)
    for (const { at } of [...shuffled, ...shuffled]) held.take(incoming({ at, text: `text ${at}` }))
    const greatest = Math.max(...ats)
    return held.row()?.revision?.at === greatest && held.row()?.edit?.message.text === `text ${greatest}`
  })))
})

t.test('every content of a crowded revision is remembered for as long as a clock of one second needs', async t => {
  const held = createRow()
  const texts = Array.from({ length: 30 }, (_, index) => `text ${index}`)
  for (const text of texts) t.equal(held.take(incoming({ at: 1, text })), 'accepted')
  for (const text of texts) t.equal(held.take(incoming({ at: 1, text })), 'duplicate')
})
