import t from 'tap'
import type { Attempt, CallOutcome, EndedCall } from '../../../src/outbox/outbox.ts'
import { endCall } from '../../../src/outbox/rules/outcome.ts'
import { recordOutcome } from '../../../src/outbox/rules/record.ts'
import { deliveredRow, heldRow, PORTAL } from '../edits.ts'

const ID = { id: heldRow().id, version: 1 }
const DELIVERED: CallOutcome = { ...ID, result: 'delivered', flags: [] }
const REJECTED: CallOutcome = { ...ID, result: 'dead', reason: 'rejected', words: 'no such message', quarantineUntil: null }
const OK: Attempt = { at: 4000, durationMs: 100, code: 'ok', words: null }

function ended (attempt: Attempt | null, callId = 'call'): EndedCall {
  return { portal: PORTAL, epoch: 1, callId, outcomes: [], attempt, now: 5000 }
}

const inCall = () => heldRow({ callId: 'call', callVersion: 1, dueAt: null })

t.test('the end of a call is kept with the call itself', async t => {
  const change = endCall(inCall(), 'call', DELIVERED, 5000)
  const first = { callId: 'first', ...OK, at: 3000 }
  t.strictSame(recordOutcome({ ...inCall(), calls: [first] }, ended(OK), DELIVERED, false), { row: { ...change?.row, calls: [first, { callId: 'call', ...OK }] }, delta: { delivered: 1 } })
  t.strictSame(recordOutcome(inCall(), ended(null), DELIVERED, false), change, 'or alone, where no call was made')
})

t.test('a call is kept also with a message that has left it, once', async t => {
  const held = deliveredRow()
  const change = recordOutcome(held, ended(OK), DELIVERED, false)
  t.strictSame(change, { row: { ...held, calls: [{ callId: 'call', ...OK }] }, delta: {} })
  t.equal(recordOutcome(change?.row ?? held, ended(OK), DELIVERED, false), null)
  t.equal(recordOutcome(held, ended(null), DELIVERED, false), null)
  t.match(recordOutcome(change?.row ?? held, ended(OK, 'another'), DELIVERED, false), { row: { calls: [{ callId: 'call' }, { callId: 'another' }] } })
})

t.test('a message that the portal refused in a good call shows the portal\'s words', async t => {
  const kept = (attempt: Attempt, outcome: CallOutcome) => recordOutcome(inCall(), ended(attempt), outcome, false)?.row.calls
  t.strictSame(kept(OK, REJECTED), [{ callId: 'call', ...OK, code: 'rejected', words: 'no such message' }])
  const failed = { ...OK, code: 'INTERNAL_SERVER_ERROR', words: 'Internal error' }
  t.strictSame(kept(failed, REJECTED), [{ callId: 'call', ...failed }])
  t.strictSame(kept(OK, { ...REJECTED, reason: 'poison' }), [{ callId: 'call', ...OK }])
  t.strictSame(kept(OK, DELIVERED), [{ callId: 'call', ...OK }])
})

t.test('the last twenty calls are kept', async t => {
  const calls = Array.from({ length: 20 }, (_, index) => ({ callId: `call-${index}`, ...OK }))
  t.strictSame(recordOutcome({ ...inCall(), calls }, ended(OK), DELIVERED, false)?.row.calls, [...calls.slice(1), { callId: 'call', ...OK }])
})

t.test('only the late end of a former leader\'s call says something of a message that was taken from it', async t => {
  const held = deliveredRow({ version: 2 })
  t.equal(recordOutcome(held, ended(null), DELIVERED, false), null)
  t.match(recordOutcome(held, ended(null), DELIVERED, true), { row: { state: 'pending', dueAt: 5000 }, delta: { delivered: -1 } })
  t.match(recordOutcome(inCall(), ended(null), DELIVERED, true), { row: { state: 'delivered' }, delta: { delivered: 1 } }, 'one that was not taken from it ends as any other')
})
