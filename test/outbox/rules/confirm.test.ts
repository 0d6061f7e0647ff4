import t from 'tap'
import { accept } from '../../../src/outbox/rules/accept.ts'
import { claim } from '../../../src/outbox/rules/claim.ts'
import { confirm, confirmationOf, confirmedAfterMs, reportWindow } from '../../../src/outbox/rules/confirm.ts'
import { endCall } from '../../../src/outbox/rules/outcome.ts'
import { redeliver } from '../../../src/outbox/rules/redelivery.ts'
import type { Change, OutboxRow } from '../../../src/outbox/rules/row.ts'
import { heldRow, incoming } from '../edits.ts'

const key = incoming().key
const report = (text: string, receivedAt: number) => ({ key, text, receivedAt })
const next = (held: OutboxRow, text: string, at: number) => accept(held, incoming({ at, text })).row as OutboxRow

/** A row whose text was called at `calledAt` and delivered. */
function delivered (held: OutboxRow, calledAt: number): OutboxRow {
  const called = claim(held, 'call', calledAt)
  return (endCall(called, 'call', { id: called.id, version: called.version, result: 'delivered', flags: [] }, calledAt + 100) as Change).row
}

t.test('a report confirms the delivered edit, once', async t => {
  const row = delivered(heldRow(), 2000)
  const { outcome, row: confirmed } = confirm(row, report('Hello', 2500))
  t.equal(outcome, 'confirmed')
  t.match(confirmed, { state: 'delivered', confirmedAt: 2500, textDiffers: false })
  t.equal(confirmedAfterMs(confirmed), 400)
  t.strictSame(confirm(confirmed, report('Hello', 2600)), { outcome: 'repeated', row: null })
})

t.test('a report before the response of the call confirms too, and the response keeps it', async t => {
  const called = claim(heldRow(), 'call', 2000)
  const { row } = confirm(called, report('Hello', 2050))
  t.match(row, { state: 'pending', callId: 'call', confirmedAt: 2050 }, 'the call goes on')
  t.equal(confirmedAfterMs(row), 0)
  const ended = endCall(row as OutboxRow, 'call', { id: called.id, version: 1, result: 'delivered', flags: [], portalUser: '585' }, 2100)
  t.match(ended?.row, { state: 'delivered', confirmedAt: 2050, portalUser: '585' })
})

t.test('a report ends no retry and no quarantine', async t => {
  const called = claim(heldRow(), 'call', 2000)
  const waiting = (endCall(called, 'call', { id: called.id, version: 1, result: 'retry', dueAt: 9000, history: called.history, quarantineUntil: 72_000 }, 2100) as Change).row
  const { outcome, row } = confirm(waiting, report('Hello', 3000))
  t.equal(outcome, 'confirmed')
  t.strictSame({ ...row, confirmedAt: null }, waiting)
})

t.test('the text of an older version does not confirm the newer one', async t => {
  const second = delivered(next(delivered(heldRow(), 2000), 'second', 2), 4000)
  t.strictSame(confirm(second, report('Hello', 4500)), { outcome: 'older', row: null })
  t.match(confirm(second, report('second', 4500)), { outcome: 'confirmed', row: { textDiffers: false } })
})

t.test('a return to an earlier text is confirmed by that text', async t => {
  const second = delivered(next(delivered(heldRow(), 2000), 'second', 2), 4000)
  const third = delivered(next(second, 'Hello', 3), 6000)
  t.match(confirm(third, report('Hello', 6500)), { outcome: 'confirmed', row: { textDiffers: false } })
  t.match(confirm(third, report('second', 6500)), { outcome: 'older' })
})

t.test('while a newer edit waits for its call, a report is of an older one', async t => {
  t.match(confirm(next(delivered(heldRow(), 2000), 'second', 2), report('Hello', 2500)), { outcome: 'older', row: null })
})

t.test('a report from before the first call confirms nothing, and one of a message that was never called neither', async t => {
  t.match(confirm(delivered(heldRow(), 2000), report('Hello', 1999)), { outcome: 'early', row: null })
  t.match(confirm(heldRow(), report('Hello', 5000)), { outcome: 'unmatched', row: null })
  t.match(confirm(null, report('Hello', 5000)), { outcome: 'unmatched', row: null })
})

t.test('a text that the portal has changed confirms with a flag; what it always changes counts as the same', async t => {
  const row = delivered(heldRow(), 2000)
  t.match(confirm(row, report('Hullo', 2500)), { outcome: 'confirmed', row: { textDiffers: true } })
  for (const [sent, shown] of [[' Hello\n', 'Hello'], ['a:f09f9880:b', 'a😀b'], ['a😀b', 'a:f09f9880:b'], ['x'.repeat(25_000), 'x'.repeat(20_000)]] as const) {
    t.match(confirm(delivered(next(row, sent, 2), 4000), report(shown, 4500)), { outcome: 'confirmed', row: { textDiffers: false } }, shown.slice(0, 20))
  }
})

t.test('a new version and a redelivery end a confirmation, a duplicate does not', async t => {
  const confirmed = confirm(delivered(heldRow(), 2000), report('Hullo', 2500)).row as OutboxRow
  t.match(next(confirmed, 'second', 2), { confirmedAt: null, textDiffers: false })
  t.match((redeliver(confirmed, 3000) as Change).row, { confirmedAt: null, textDiffers: false, texts: [] })
  t.match(accept(confirmed, incoming({ at: 9 })).row, { confirmedAt: 2500, textDiffers: true }, 'a newer revision of the same text')
})

t.test('a delivered edit is unconfirmed once the portal ought to have reported it and has reported something since', async t => {
  const row = { state: 'delivered', confirmedAt: null, calledAt: 5000, settledAt: 6000 }
  const at = (boundAt: number | null, lastEventAt: number | null, now: number, change = {}) => confirmationOf({ ...row, ...change }, reportWindow({ eventBinding: boundAt === null ? null : { publicUrl: 'https://relay.example.com', boundAt }, lastEventAt }, now))
  const later = 6000 + 10 * 60_000
  t.equal(at(5000, 6001, later + 1), 'unconfirmed')
  t.equal(at(5000, 6001, later), 'unknown', 'within ten minutes')
  t.equal(at(5001, 6001, later + 1), 'unknown', 'called before the binding')
  t.equal(at(5000, 6000, later + 1), 'unknown', 'nothing was reported since')
  t.equal(at(null, 6001, later + 1), 'unknown')
  t.equal(at(5000, null, later + 1), 'unknown')
  t.equal(at(5000, 6001, later + 1, { confirmedAt: 5500 }), 'confirmed')
  t.equal(at(null, null, later + 1, { confirmedAt: 5500 }), 'confirmed')
  t.equal(at(5000, 6001, later + 1, { state: 'pending' }), null)
})
