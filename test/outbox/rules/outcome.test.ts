import t from 'tap'
import type { CallOutcome } from '../../../src/outbox/outbox.ts'
import { endCall, quarantine } from '../../../src/outbox/rules/outcome.ts'
import { freshHistory, type OutboxRow } from '../../../src/outbox/rules/row.ts'
import { heldRow } from '../edits.ts'

const inCall = (fields: Partial<OutboxRow> = {}) => heldRow({ callId: 'call', callVersion: 1, dueAt: null, history: { ...freshHistory(0), attempts: 2, flags: ['files-omitted'] }, ...fields })

/** A newer edit has come during the call. */
const withNewer = (fields: Partial<OutboxRow> = {}) => inCall({ version: 2, waitingSince: 3000, dueAt: 4000, ...fields })

const ID = { id: heldRow().id, version: 1 }
const DELIVERED: CallOutcome = { ...ID, result: 'delivered', flags: ['unknown-user'] }
const DEAD: CallOutcome = { ...ID, result: 'dead', reason: 'rejected', words: 'no', quarantineUntil: null }
const RETRY: CallOutcome = { ...ID, result: 'retry', dueAt: 9000, history: { ...freshHistory(0), suspicions: 1 }, quarantineUntil: null }

const RELEASED = { callId: null, callVersion: null, overtaken: false }

t.test('an outcome of another call or version says nothing of the row', async t => {
  for (const outcome of [DELIVERED, DEAD, RETRY]) {
    t.equal(endCall(inCall(), 'other', outcome, 5000), null)
    t.equal(endCall(inCall(), 'call', { ...outcome, version: 2 }, 5000), null)
    t.equal(endCall(heldRow(), 'call', outcome, 5000), null)
  }
})

t.test('a delivered edit is finished, with the flags of its delivery', async t => {
  const held = inCall()
  t.strictSame(endCall(held, 'call', DELIVERED, 5000), {
    row: { ...held, ...RELEASED, state: 'delivered', finishedAt: 5000, waitingSince: null, history: { ...held.history, attempts: 3, flags: ['unknown-user'] } },
    delta: { delivered: 1 },
  })
})

t.test('a dead edit is finished, with its reason and the flags that it had', async t => {
  const held = inCall()
  t.strictSame(endCall(held, 'call', DEAD, 5000), {
    row: { ...held, ...RELEASED, state: 'dead', reason: 'rejected', words: 'no', finishedAt: 5000, waitingSince: null, history: { ...held.history, attempts: 3 } },
    delta: { dead: 1 },
  })
})

t.test('an edit to be repeated is due again, with what was learnt', async t => {
  const held = inCall()
  t.strictSame(endCall(held, 'call', RETRY, 5000), { row: { ...held, ...RELEASED, dueAt: 9000, history: { ...freshHistory(0), suspicions: 1 } }, delta: {} })
})

t.test('a newer edit that waits goes on waiting, and the called one is counted', async t => {
  for (const [outcome, delta] of [[DELIVERED, { delivered: 1 }], [DEAD, { dead: 1 }], [RETRY, { superseded: 1 }]] as const) {
    t.strictSame(endCall(withNewer(), 'call', outcome, 5000), { row: { ...withNewer(), ...RELEASED }, delta })
  }
})

t.test('a delivery that was overtaken is made once more, after the quarantine', async t => {
  const held = inCall({ overtaken: true })
  t.strictSame(endCall(held, 'call', DELIVERED, 5000), { row: { ...held, ...RELEASED, dueAt: 5000 }, delta: {} })
  t.match(endCall({ ...held, quarantineUntil: 70_000 }, 'call', DELIVERED, 5000), { row: { state: 'pending', dueAt: 70_000 } })
  t.match(endCall({ ...held, quarantineUntil: 3000 }, 'call', DELIVERED, 5000), { row: { dueAt: 5000 } })
})

t.test('a repeat after an overtaken call waits for the quarantine, too', async t => {
  t.match(endCall(inCall({ overtaken: true, quarantineUntil: 70_000 }), 'call', RETRY, 5000), { row: { dueAt: 70_000, overtaken: false } })
  t.match(endCall(inCall({ overtaken: true, quarantineUntil: 3000 }), 'call', RETRY, 5000), { row: { dueAt: 9000 } })
  t.match(endCall(inCall({ overtaken: true }), 'call', RETRY, 5000), { row: { dueAt: 9000 } })
  t.match(endCall(inCall({ quarantineUntil: 70_000 }), 'call', RETRY, 5000), { row: { dueAt: 9000 } }, 'the same version need not wait')
})

t.test('an overtaken call that carried an older edit is the last of it', async t => {
  t.strictSame(endCall(withNewer({ overtaken: true }), 'call', DELIVERED, 5000), { row: { ...withNewer(), ...RELEASED }, delta: { delivered: 1 } })
})

t.test('a call of unknown outcome quarantines its version', async t => {
  for (const outcome of [DEAD, RETRY]) {
    t.match(endCall(inCall(), 'call', { ...outcome, quarantineUntil: 70_000 }, 5000), { row: { quarantineVersion: 1, quarantineUntil: 70_000 } })
    t.match(endCall(withNewer(), 'call', { ...outcome, quarantineUntil: 70_000 }, 5000), { row: { quarantineVersion: 1, quarantineUntil: 70_000, dueAt: 70_000 } })
  }
})

t.test('a quarantine keeps other versions waiting, and its own not', async t => {
  const outcome: CallOutcome = { ...RETRY, quarantineUntil: 70_000 }
  const ended = (row: OutboxRow) => quarantine(row, outcome)
  const quarantined = { quarantineVersion: 1, quarantineUntil: 70_000 }
  const other = heldRow({ version: 2, dueAt: 4000 })
  t.strictSame(ended(other), { ...other, ...quarantined, dueAt: 70_000 })
  t.strictSame(ended({ ...other, dueAt: 80_000 }), { ...other, ...quarantined, dueAt: 80_000 }, 'what is due later stays so')
  t.strictSame(ended({ ...other, dueAt: null }), { ...other, ...quarantined, dueAt: null }, 'what is not due stays so')
  const same = heldRow({ dueAt: 4000 })
  t.strictSame(ended(same), { ...same, ...quarantined })
  t.match(ended({ ...other, quarantineVersion: 1, quarantineUntil: 90_000 }), { quarantineUntil: 90_000, dueAt: 90_000 }, 'the longer quarantine counts')
  t.match(ended({ ...other, quarantineVersion: 1, quarantineUntil: 60_000 }), { quarantineUntil: 70_000 })
})

t.test('a known outcome quarantines nothing', async t => {
  const row = heldRow()
  for (const outcome of [DELIVERED, DEAD, RETRY]) t.equal(quarantine(row, outcome), row)
})
