import t from 'tap'
import type { CallOutcome } from '../../../src/outbox/outbox.ts'
import { lateOutcome, recover } from '../../../src/outbox/rules/fencing.ts'
import { freshHistory, type OutboxRow } from '../../../src/outbox/rules/row.ts'
import { deliveredRow, heldRow } from '../edits.ts'

const ID = { id: heldRow().id, version: 1 }
const DELIVERED: CallOutcome = { ...ID, result: 'delivered', flags: [] }
const UNKNOWN: CallOutcome = { ...ID, result: 'retry', dueAt: 9000, history: freshHistory(0), quarantineUntil: 70_000 }

const TIMES = { now: 5000, quarantineUntil: 75_000, latestDueAt: 900_000 }

const late = (held: OutboxRow, outcome: CallOutcome = DELIVERED) => lateOutcome(held, outcome, 5000)

t.test('a call that was left open ends with unknown outcome, and may be repeated at once', async t => {
  const held = heldRow({ callId: 'call', callVersion: 1, dueAt: null, history: { ...freshHistory(0), attempts: 2, suspicions: 1 } })
  t.strictSame(recover(held, TIMES), {
    row: { ...held, callId: null, callVersion: null, dueAt: 5000, quarantineVersion: 1, quarantineUntil: 75_000, history: { ...held.history, attempts: 3 } },
    delta: {},
  })
})

t.test('a newer edit supersedes the one in the open call, and waits until that can no longer be applied', async t => {
  const held = heldRow({ version: 2, callId: 'call', callVersion: 1, dueAt: 3000 })
  t.strictSame(recover(held, TIMES), {
    row: { ...held, callId: null, callVersion: null, dueAt: 75_000, quarantineVersion: 1, quarantineUntil: 75_000 },
    delta: { superseded: 1 },
  })
})

t.test('an edit that waits behind the open call is brought forward, too, after the clock was moved back', async t => {
  t.match(recover(heldRow({ version: 2, callId: 'call', callVersion: 1, dueAt: 3_600_000 }), TIMES), { row: { dueAt: 900_000 } })
})

t.test('an edit that waits for a name behind the open call goes on waiting for it', async t => {
  t.match(recover(heldRow({ version: 2, callId: 'call', callVersion: 1, dueAt: null, askAt: 3000 }), TIMES), { row: { dueAt: null, askAt: 3000 } })
})

t.test('where no call is open nothing is recovered', async t => {
  t.equal(recover(heldRow(), TIMES), null)
})

t.test('a late end of the version that is held changes nothing', async t => {
  t.equal(late(deliveredRow()), null)
  t.equal(late(heldRow()), null)
  t.equal(late(heldRow({ callId: 'new', callVersion: 1, dueAt: null })), null)
})

t.test('while it is unknown whether a late call is still applied, no other version is sent', async t => {
  const same = heldRow()
  t.strictSame(late(same, UNKNOWN), { row: { ...same, quarantineVersion: 1, quarantineUntil: 70_000 }, delta: {} })
  const newer = heldRow({ version: 2 })
  t.strictSame(late(newer, UNKNOWN), { row: { ...newer, dueAt: 70_000, quarantineVersion: 1, quarantineUntil: 70_000 }, delta: {} })
})

t.test('a newer version that waits is sent after the late one, and needs no more', async t => {
  t.equal(late(heldRow({ version: 2 })), null)
  t.equal(late(heldRow({ version: 2, callId: 'new', callVersion: 1 })), null, 'also while the new leader repeats the older one')
})

t.test('a newer version that is on its way is overtaken', async t => {
  const held = heldRow({ version: 2, callId: 'new', callVersion: 2, dueAt: null })
  t.strictSame(late(held), { row: { ...held, overtaken: true }, delta: {} })
  t.strictSame(late(held, UNKNOWN), { row: { ...held, overtaken: true, quarantineVersion: 1, quarantineUntil: 70_000 }, delta: {} })
})

t.test('a newer version that was delivered is sent again', async t => {
  t.match(late(deliveredRow({ version: 2 })), { row: { state: 'pending', dueAt: 5000 }, delta: { delivered: -1 } })
  t.match(late(deliveredRow({ version: 2 }), UNKNOWN), { row: { state: 'pending', dueAt: 70_000, quarantineVersion: 1 }, delta: { delivered: -1 } })
})

t.test('a newer version that a refused one has covered is sent again', async t => {
  const refused = { revision: { at: 2, tie: 0n }, reason: 'empty-text', seen: [] } as const
  t.match(late(deliveredRow({ version: 2, state: 'dead', reason: 'empty-text', refused })), { row: { state: 'pending' }, delta: { dead: -1 } })
})

t.test('a newer version that the portal refused stays dead', async t => {
  t.equal(late(deliveredRow({ version: 2, state: 'dead', reason: 'rejected' })), null)
})

t.test('a row that was removed, and made again by a refused edit, has nothing to send', async t => {
  const refused = { revision: { at: 2, tie: 0n }, reason: 'empty-text', seen: [] } as const
  t.equal(late(deliveredRow({ version: 0, revision: null, edit: null, state: 'dead', reason: 'empty-text', refused })), null)
})
