import t from 'tap'
import { textDigest } from '../../../src/outbox/rules/confirm.ts'
import { claim, giveBack, toClaimed, travelTogether } from '../../../src/outbox/rules/claim.ts'
import { freshHistory } from '../../../src/outbox/rules/row.ts'
import { heldRow, incoming } from '../edits.ts'

/** Which of due rows, told by their chunk limits, go into one call. */
function chosen (chunkLimits: readonly number[], limit: number): number[] {
  const due = chunkLimits.map(chunkLimit => heldRow({ history: { ...freshHistory(0), chunkLimit } }))
  return travelTogether(due, limit).map(row => due.indexOf(row))
}

t.test('no more edits travel together than the call may carry', async t => {
  t.strictSame(chosen([50, 50, 50], 2), [0, 1])
  t.strictSame(chosen([50, 50], 3), [0, 1])
  t.strictSame(chosen([50], 0), [])
})

t.test('no more edits travel together than any of them allows', async t => {
  t.strictSame(chosen([2, 50, 50], 10), [0, 1])
  t.strictSame(chosen([3, 2, 50], 10), [0, 1])
  t.strictSame(chosen([1, 50], 10), [0])
})

t.test('an edit that cannot join is passed over for those after it', async t => {
  t.strictSame(chosen([50, 50, 2, 50, 4, 50], 10), [0, 1, 3, 4])
})

t.test('a claim puts the present version into the call', async t => {
  const held = heldRow({ version: 3, waitingSince: 1000 })
  t.strictSame(claim(held, 'call', 2000), { ...held, callId: 'call', callVersion: 3, dueAt: null, texts: [{ version: 3, digest: textDigest('Hello'), calledAt: 2000 }] })
})

t.test('a claim keeps the quarantine of its own version, and ends that of another', async t => {
  const held = heldRow({ version: 3, quarantineVersion: 3, quarantineUntil: 70_000 })
  t.match(claim(held, 'call', 2000), { quarantineVersion: 3, quarantineUntil: 70_000 })
  t.match(claim({ ...held, version: 4 }, 'call', 2000), { quarantineVersion: null, quarantineUntil: null })
})

t.test('a claimed edit has the client\'s newest profile, or the one that it came with', async t => {
  const { edit } = incoming({ at: 5, tie: 2n })
  const held = heldRow({ version: 3, channel: 'other', revision: edit.revision, acceptedAt: 7, history: { ...freshHistory(1), attempts: 4 } })
  const claimed = { id: held.id, version: 3, channel: 'other', edit, acceptedAt: 7, history: held.history }
  t.strictSame(toClaimed(held, null), claimed)
  t.strictSame(toClaimed(held, { id: 'u1', name: 'Maria' }), { ...claimed, edit: { ...edit, user: { id: 'u1', name: 'Maria' } } })
})

t.test('an edit that is given back is due at once, as if there had been no call', async t => {
  const held = heldRow({ callId: 'call', callVersion: 1, dueAt: null, quarantineVersion: 1, quarantineUntil: 70_000, history: { ...freshHistory(0), attempts: 2 } })
  t.strictSame(giveBack(held, 5000), { row: { ...held, callId: null, callVersion: null, dueAt: 5000 }, delta: {} })
})

t.test('a newer edit supersedes the one that is given back', async t => {
  const held = heldRow({ version: 2, callId: 'call', callVersion: 1, dueAt: 3000 })
  t.strictSame(giveBack(held, 5000), { row: { ...held, callId: null, callVersion: null }, delta: { superseded: 1 } })
})

t.test('what is in no call cannot be given back', async t => {
  t.equal(giveBack(heldRow(), 5000), null)
})
