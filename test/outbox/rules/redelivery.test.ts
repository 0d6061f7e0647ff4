import t from 'tap'
import { isDeadByRefusal, makeDue, redeliver } from '../../../src/outbox/rules/redelivery.ts'
import { freshHistory, type HeldEdit } from '../../../src/outbox/rules/row.ts'
import { deliveredRow, heldRow } from '../edits.ts'

const refusedAt = (at: number, reason: 'empty-text' | 'too-old' = 'empty-text') => ({ revision: { at, tie: 0n }, reason, seen: [] })

t.test('a finished edit is due again, as if it had just come, with the attempts that it has had', async t => {
  const held = deliveredRow({
    state: 'dead', reason: 'rejected', words: 'no', history: { attempts: 4, chunkLimit: 1, suspicions: 3, suspectedAt: 1500, unknownUserRepeats: 2, flags: ['files-omitted'] },
  })
  t.strictSame(redeliver(held, 5000), {
    row: { ...held, state: 'pending', reason: null, words: null, waitingSince: 5000, finishedAt: null, dueAt: 5000, history: { ...freshHistory(1), attempts: 4 } },
    delta: { dead: -1 },
  })
  t.match(redeliver(deliveredRow(), 5000), { row: { state: 'pending', history: { chunkLimit: 50 } }, delta: { delivered: -1 } })
})

t.test('a pending edit is not delivered again', async t => {
  t.equal(redeliver(heldRow(), 5000), 'pending')
})

t.test('where only a refused edit is known, or is the newest, nothing can be delivered again', async t => {
  t.equal(redeliver(deliveredRow({ revision: null, edit: null, state: 'dead', reason: 'empty-text', refused: refusedAt(1) }), 5000), 'nothing-held')
  t.equal(redeliver(deliveredRow({ state: 'dead', reason: 'empty-text', refused: refusedAt(2) }), 5000), 'nothing-held')
})

t.test('a row is dead by refusal where no older edit was refused, for the reason that the row shows', async t => {
  const dead = { state: 'dead', reason: 'too-old' } as const
  t.equal(isDeadByRefusal(deliveredRow({ ...dead, refused: refusedAt(2, 'too-old') })), true)
  t.equal(isDeadByRefusal(deliveredRow({ ...dead, revision: null, refused: refusedAt(2, 'too-old') })), true)
  t.equal(isDeadByRefusal(deliveredRow({ ...dead, refused: refusedAt(1, 'too-old') })), true)
  t.equal(isDeadByRefusal(deliveredRow({ ...dead, refused: refusedAt(0, 'too-old') })), false, 'the held edit itself became too old')
  t.equal(isDeadByRefusal(deliveredRow({ ...dead, refused: refusedAt(2, 'empty-text') })), false)
  t.equal(isDeadByRefusal(deliveredRow({ refused: refusedAt(2) })), false)
  t.equal(isDeadByRefusal(deliveredRow(dead)), false)
})

t.test('a redelivery waits for the quarantine of another version, and for none of its own', async t => {
  const dueAt = (quarantineVersion: number, quarantineUntil: number) => makeDue(deliveredRow({ version: 2, quarantineVersion, quarantineUntil }), 5000).row.dueAt
  t.equal(dueAt(1, 70_000), 70_000)
  t.equal(dueAt(1, 3000), 5000)
  t.equal(dueAt(2, 70_000), 5000)
})

t.test('an edit that died for want of a name asks for it again', async t => {
  const held = deliveredRow({ state: 'dead', reason: 'anonymous-user' })
  const nameless = { ...held, edit: { ...held.edit as HeldEdit, user: { id: 'u1', lookUpId: '42' } } }
  t.match(redeliver(nameless, 5000), { row: { state: 'pending', dueAt: null, askAt: 5000 } })
})
