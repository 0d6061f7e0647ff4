import type { Test } from 'tap'
import { HOUR_MS, type ActivityCount } from '../../src/outbox/activity.ts'
import { freshHistory } from '../../src/outbox/rules/row.ts'
import type { Lease } from '../../src/outbox/leases.ts'
import type { ClaimedEdit, EditFilter, CallOutcome } from '../../src/outbox/outbox.ts'
import type { Store } from '../../src/outbox/store.ts'
import { incoming, PORTAL, type EditOptions } from './edits.ts'

/** Opens a store that is empty, and closes it when the test ends. */
export type OpenEngine = (t: Test) => Promise<Store>

const LANE = { connector: 'relay_demo', line: 1, channel: 'default' }
const BUCKET = { level: 1, at: 1000 }
const FRESH = freshHistory(0)

/** What every engine promises (src/outbox/store.ts), as tests that take the engine as an argument. */
export function outboxContract (t: Test, open: OpenEngine): void {
  t.test('an edit is accepted, its repeat is a duplicate, an older one is stale', async t => {
    const { take, state } = await start(t)
    t.strictSame(await take({ at: 5, text: 'five' }), 'accepted')
    t.strictSame(await take({ at: 5, text: 'five' }), 'duplicate')
    t.strictSame(await take({ at: 4, text: 'four' }), 'stale')
    t.match(await state(), { state: 'pending', revision: { at: 5, tie: 0n } })
  })

  t.test('at one revision the last new content wins, and content seen there stays a duplicate', async t => {
    const { take, claimTexts } = await start(t)
    t.strictSame(await take({ at: 5, text: 'A' }), 'accepted')
    t.strictSame(await take({ at: 5, text: 'B' }), 'accepted')
    t.strictSame(await take({ at: 5, text: 'A' }), 'duplicate', 'a replay does not bring A back')
    t.strictSame(await claimTexts(), ['B'])
  })

  t.test('what an edit says it replaces puts it in its place at one revision', async t => {
    const { take, claimTexts } = await start(t)
    t.strictSame(await take({ text: 'C', replaces: 'B' }), 'accepted')
    t.strictSame(await take({ text: 'B', replaces: 'A' }), 'duplicate', 'it was made before, and comes after')
    t.strictSame(await take({ text: 'A', replaces: 'original' }), 'duplicate')
    t.strictSame(await take({ text: 'A', replaces: 'C' }), 'accepted', 'the client went back to an earlier text')
    t.strictSame(await claimTexts(), ['A'])
  })

  t.test('the tie decides between revisions of the same time, beyond what a double can hold', async t => {
    const { take, claimTexts } = await start(t)
    await take({ at: 5, tie: 9007199254740993n, text: 'newer' })
    t.strictSame(await take({ at: 5, tie: 9007199254740992n, text: 'older' }), 'stale')
    t.strictSame(await claimTexts(), ['newer'])
  })

  t.test('a newer revision of the held content only raises the revision', async t => {
    const { take, store, state, claim } = await start(t)
    await take({ at: 5, text: 'same' })
    t.strictSame(await take({ at: 7, text: 'same' }), 'duplicate')
    t.strictSame(await take({ at: 6, text: 'late' }), 'stale', 'what lies between is older than what is held')
    const [edit] = await claim()
    await recordAll(store, [edit as ClaimedEdit], { result: 'delivered', flags: [] })
    t.strictSame(await take({ at: 8, text: 'same' }), 'duplicate', 'also after it was delivered: no call')
    t.match(await state(), { state: 'delivered', revision: { at: 8 } })
  })

  t.test('ten edits of one message while it waits are one claim and nine superseded', async t => {
    const { take, store, claimTexts } = await start(t)
    for (let at = 1; at <= 10; at++) await take({ at, text: `text ${at}` })
    t.strictSame(await claimTexts(), ['text 10'])
    t.strictSame(await store.outbox.ledger(), { accepted: 10, superseded: 9, delivered: 0, dead: 0, pending: 1 })
  })

  t.test('an edit waits for newer ones, but not for ever', async t => {
    const { take, store } = await start(t)
    await take({ at: 1, text: '1', now: 1000, settleMs: 2000 })
    t.equal(await nextDueAt(store), 3000)
    await take({ at: 2, text: '2', now: 2500, settleMs: 2000 })
    t.equal(await nextDueAt(store), 4500)
    await take({ at: 3, text: '3', now: 10_900, settleMs: 2000 })
    t.equal(await nextDueAt(store), 11_000, 'at most five times the settle time after the first')
  })

  t.test('an edit of a young message waits until the original has surely arrived', async t => {
    const { take, store } = await start(t)
    await take({ date: 900, now: 1000, settleMs: 2000 })
    t.equal(await nextDueAt(store), 10_900)
    await take({ message: 'ahead', date: 900_000, now: 1000, settleMs: 2000 })
    t.equal(await nextDueAt(store), 10_900)
    t.match(await stateOf(store, 'ahead'), { dueAt: 11_000 }, 'a date ahead of us does not freeze the message')
  })

  t.test('a claimed message is given to no second call, and a newer edit of it is delivered after it', async t => {
    const { take, store, claim, claimTexts, state } = await start(t)
    await take({ at: 1, text: 'first' })
    const claimed = await claim('call-1')
    await take({ at: 2, text: 'second' })
    t.strictSame(await claimTexts('call-2'), [], 'it is in flight')
    t.match(await store.outbox.ledger(), { pending: 2, superseded: 0 }, 'the claimed one counts until it is settled')
    t.equal((await store.outbox.backlog(PORTAL)).pending, 2)
    await recordAll(store, claimed, { result: 'delivered', flags: [] }, 'call-1')
    t.match(await state(), { state: 'pending' })
    t.strictSame(await claimTexts('call-3'), ['second'])
  })

  t.test('a third edit in flight supersedes the second and leaves the claimed one alone', async t => {
    const { take, store, claim, claimTexts } = await start(t)
    await take({ at: 1, text: 'first' })
    const claimed = await claim('call-1')
    await take({ at: 2, text: 'second' })
    await take({ at: 3, text: 'third' })
    t.match(await store.outbox.ledger(), { accepted: 3, superseded: 1, pending: 2 })
    await recordAll(store, claimed, { result: 'delivered', flags: [] }, 'call-1')
    t.strictSame(await claimTexts('call-2'), ['third'])
  })

  t.test('a outcome of another call or version changes nothing', async t => {
    const { take, store, claim, state } = await start(t)
    await take({ at: 1 })
    const claimed = await claim('call-1')
    await recordAll(store, claimed, { result: 'delivered', flags: [] }, 'call-0')
    await recordAll(store, claimed.map(edit => ({ ...edit, version: 7 })), { result: 'delivered', flags: [] }, 'call-1')
    t.match(await state(), { state: 'pending' })
    t.match(await store.outbox.ledger(), { delivered: 0, pending: 1 })
  })

  t.test('a retry comes back when it is due, with what was learnt', async t => {
    const { take, store, claim } = await start(t)
    await take({ at: 1 })
    const [edit] = await claim('call-1') as [ClaimedEdit]
    const history = { ...edit.history, attempts: 1, chunkLimit: 4, suspicions: 1, suspectedAt: 900, flags: ['files-omitted' as const] }
    await recordAll(store, [edit], { result: 'retry', dueAt: 5000, history, quarantineUntil: null }, 'call-1')
    t.strictSame(await claim('call-2', { now: 4999 }), [])
    const [again] = await claim('call-3', { now: 5000 }) as [ClaimedEdit]
    t.strictSame(again.history, history)
    t.equal(again.version, edit.version)
  })

  t.test('while the outcome of a call is unknown its version may be repeated and no other may be sent', async t => {
    const { take, store, claim, claimTexts } = await start(t)
    await take({ at: 1, text: 'first' })
    const [edit] = await claim('call-1') as [ClaimedEdit]
    await recordAll(store, [edit], { result: 'retry', dueAt: 2000, history: edit.history, quarantineUntil: 70_000 }, 'call-1')
    const repeated = await claim('call-2', { now: 2000 })
    t.equal(repeated[0]?.edit.message.text, 'first', 'the same version at once')
    await recordAll(store, repeated, { result: 'delivered', flags: [] }, 'call-2')
    await take({ at: 2, text: 'second', now: 3000 })
    t.strictSame(await claimTexts('call-3', { now: 69_999 }), [], 'a successful repeat does not end the quarantine')
    t.strictSame(await claimTexts('call-4', { now: 70_000 }), ['second'])
  })

  t.test('an edit that arrives during a call of unknown outcome supersedes it and waits out the quarantine', async t => {
    const { take, store, claim, claimTexts } = await start(t)
    await take({ at: 1, text: 'first' })
    const [edit] = await claim('call-1') as [ClaimedEdit]
    await take({ at: 2, text: 'second', now: 1500 })
    await recordAll(store, [edit], { result: 'retry', dueAt: 2000, history: edit.history, quarantineUntil: 70_000 }, 'call-1')
    t.match(await store.outbox.ledger(), { superseded: 1, pending: 1 })
    t.strictSame(await claimTexts('call-2', { now: 69_999 }), [])
    t.strictSame(await claimTexts('call-3', { now: 70_000 }), ['second'])
  })

  t.test('calls that a dead owner left open are recovered as of unknown outcome', async t => {
    const { take, store, claim, claimTexts } = await start(t)
    await take({ message: 'repeat', at: 1, text: 'claimed' })
    await take({ message: 'newer', at: 1, text: 'old' })
    await claim('call-1', { limit: 10 })
    await take({ message: 'newer', at: 2, text: 'new' })
    t.equal(await store.outbox.recover({ portal: PORTAL, epoch: 0, now: 5000, quarantineUntil: 75_000, latestDueAt: 900_000 }), 2)
    t.strictSame(await claimTexts('call-2', { now: 5000 }), ['claimed'])
    t.strictSame(await claimTexts('call-3', { now: 74_999 }), [])
    t.strictSame(await claimTexts('call-4', { now: 75_000 }), ['new'])
    t.match(await store.outbox.ledger(), { accepted: 3, superseded: 1, pending: 2 })
  })

  t.test('a recovery begins the quarantines that were running anew, since the clock may have moved', async t => {
    const { take, store, claim, claimTexts } = await start(t)
    await take({ at: 1, text: 'first' })
    const [edit] = await claim('call-1') as [ClaimedEdit]
    await take({ at: 2, text: 'second' })
    await recordAll(store, [edit], { result: 'retry', dueAt: 2000, history: edit.history, quarantineUntil: 70_000 }, 'call-1')
    await store.outbox.recover({ portal: PORTAL, epoch: 0, now: 3_600_000, quarantineUntil: 3_670_000, latestDueAt: 4_500_000 })
    t.strictSame(await claimTexts('call-2', { now: 3_669_999 }), [])
    t.strictSame(await claimTexts('call-3', { now: 3_670_000 }), ['second'])
  })

  t.test('a refused edit is recorded as dead and never displaces a pending one', async t => {
    const { take, store, claimTexts, state } = await start(t)
    await take({ at: 1, text: 'good' })
    t.strictSame(await take({ at: 2, text: '', refusal: 'empty-text' }), 'refused')
    t.strictSame(await take({ at: 2, text: '', refusal: 'empty-text' }), 'duplicate')
    t.match(await state(), { state: 'pending', refused: { reason: 'empty-text', revision: { at: 2 } } })
    t.strictSame(await store.outbox.ledger(), { accepted: 2, superseded: 0, delivered: 0, dead: 1, pending: 1 })
    t.strictSame(await claimTexts(), ['good'])
  })

  t.test('a refused edit of an unknown or a finished message is what the row shows', async t => {
    const { take, store, claim, state } = await start(t)
    t.strictSame(await take({ at: 2, text: '', refusal: 'empty-text' }), 'refused')
    t.match(await state(), { state: 'dead', reason: 'empty-text', revision: { at: 2 } })
    t.strictSame(await take({ at: 1, text: 'late but good' }), 'accepted', 'nothing newer can be shown')
    await recordAll(store, await claim(), { result: 'delivered', flags: [] })
    t.strictSame(await take({ at: 3, text: ' ', refusal: 'empty-text' }), 'refused')
    t.match(await state(), { state: 'dead', reason: 'empty-text' })
    t.strictSame(await take({ at: 0, text: '', refusal: 'empty-text' }), 'stale')
  })

  t.test('a dead edit keeps its reason and the portal\'s words, and a newer revision of its content gets its chance', async t => {
    const { take, store, claim, state } = await start(t)
    await take({ at: 1, text: 'same' })
    await recordAll(store, await claim(), { result: 'dead', reason: 'rejected', words: 'Incomplete data', quarantineUntil: null })
    t.match(await state(), { state: 'dead', reason: 'rejected', words: 'Incomplete data', attempts: 1 })
    t.strictSame(await store.outbox.attempts(incoming().id), [{ at: 2400, durationMs: 100, code: 'rejected', words: 'Incomplete data' }], 'the portal took the call and refused the message')
    t.strictSame(await take({ at: 2, text: 'same' }), 'accepted')
    t.strictSame(await store.outbox.ledger(), { accepted: 2, superseded: 0, delivered: 0, dead: 1, pending: 1 })
  })

  t.test('a claim takes the oldest first, up to its limit, and the bucket\'s level with it', async t => {
    const { take, store, claimTexts } = await start(t)
    for (let n = 5; n >= 1; n--) await take({ message: `m${n}`, text: `${n}`, now: 1000 + n })
    t.strictSame(await claimTexts('call-1', { limit: 3, now: 2000 }), ['1', '2', '3'])
    t.strictSame((await store.portals.read(PORTAL)).bucket, BUCKET)
    t.strictSame(await claimTexts('call-2', { limit: 3, now: 2000 }), ['4', '5'])
  })

  t.test('an edit with files travels alone', async t => {
    const { take, claimTexts } = await start(t)
    await take({ message: 'a', text: 'a', now: 1001 })
    await take({ message: 'f', text: 'f', files: 1, now: 1002 })
    await take({ message: 'b', text: 'b', now: 1003 })
    t.strictSame(await claimTexts('call-1', { limit: 2, now: 2000 }), ['a', 'b'], 'and takes no place from those that travel together')
    t.strictSame(await claimTexts('call-2', { limit: 2, now: 2000 }), ['f'])
  })

  t.test('lanes are apart: one connector and line per claim', async t => {
    const { take, store, claimTexts } = await start(t)
    await take({ message: 'a', line: 1, text: 'one' })
    await take({ message: 'b', line: 2, text: 'two' })
    t.strictSame(await store.outbox.lanes(PORTAL), [{ connector: 'relay_demo', line: 1, channel: 'default', dueAt: 1000 }, { connector: 'relay_demo', line: 2, channel: 'default', dueAt: 1000 }])
    t.strictSame(await claimTexts('call-1', { limit: 10 }), ['one'])
    t.strictSame(await store.outbox.lanes(PORTAL), [{ connector: 'relay_demo', line: 2, channel: 'default', dueAt: 1000 }])
    t.strictSame(await store.outbox.lanes('other.bitrix24.ru'), [])
  })

  t.test('a thousand edits at once keep their order per message', async t => {
    const { store } = await start(t)
    const edits = Array.from({ length: 1000 }, (_, index) => incoming({ message: `m${index % 10}`, at: index, text: `text ${index}` }))
    const outcomes = await Promise.all(edits.map(async edit => (await store.outbox.accept([edit]))[0]?.outcome))
    t.ok(outcomes.every(outcome => outcome === 'accepted'))
    t.match(await store.outbox.ledger(), { accepted: 1000, superseded: 990, pending: 10 })
    t.equal((await store.outbox.backlog(PORTAL)).pending, 10)
  })

  t.test('an operator finds edits by what they are, page by page, the youngest first', async t => {
    const { take, store } = await start(t)
    for (let n = 1; n <= 5; n++) await take({ message: `m${n}`, at: n })
    await take({ message: 'empty', at: 1, text: '', refusal: 'empty-text' })
    await take({ message: 'm5', at: 9, text: '', refusal: 'empty-text' })
    const messages = async (filter: EditFilter, after: number | null = null, limit = 10) => {
      const page = await store.outbox.list(filter, { after, limit })
      return { found: page.edits.map(edit => edit.message), next: page.next }
    }
    const first = await messages({ state: 'pending' }, null, 2)
    t.strictSame(first.found, ['m5', 'm4'])
    const second = await messages({ state: 'pending' }, first.next, 2)
    t.strictSame(second.found, ['m3', 'm2'])
    t.strictSame(await messages({ state: 'pending' }, second.next, 2), { found: ['m1'], next: null })
    t.strictSame((await messages({ state: 'dead' })).found, ['empty'])
    t.strictSame((await messages({ reason: 'empty-text' })).found, ['empty', 'm5'], 'also where a better edit is held')
    t.strictSame((await messages({ message: 'm2', chat: 'c1', channel: 'default' })).found, ['m2'])
    t.strictSame((await messages({ channel: 'other' })).found, [])
    t.strictSame((await messages({ channel: 'default' }, null, 2)).found, ['empty', 'm5'], 'whatever their state')
    t.strictSame((await messages({ state: 'pending', reason: 'empty-text' })).found, ['m5'])
    t.strictSame((await messages({ state: 'dead', reason: 'too-old' })).found, [])
    t.strictSame((await messages({ message: 'm5', reason: 'empty-text' })).found, ['m5'])
    t.strictSame((await messages({ state: 'dead', confirmation: { is: 'unknown', window: { calledSince: 0, deliveredBefore: 0 } } })).found, [], 'only delivered edits are confirmed')
  })

  t.test('matching edits are counted up to a limit', async t => {
    const { take, store } = await start(t)
    for (let n = 1; n <= 5; n++) await take({ message: `m${n}`, at: n })
    await take({ message: 'empty', at: 1, text: '', refusal: 'empty-text' })
    const count = async (filter: EditFilter, upTo = 10) => await store.outbox.count(filter, { after: null, upTo })
    t.strictSame([await count({}), await count({ state: 'pending' }), await count({ reason: 'empty-text' }), await count({ channel: 'other' }), await count({ chat: 'c1', message: 'm2' })], [6, 5, 1, 0, 1])
    const { next } = await store.outbox.list({}, { after: null, limit: 2 })
    t.equal(await store.outbox.count({}, { after: next, upTo: 10 }), 4, 'after a cursor')
    t.strictSame([await count({}, 3), await count({ state: 'pending' }, 3), await count({ channel: 'default' }, 3), await count({ chat: 'c1' }, 3)], [3, 3, 3, 3])
  })

  t.test('the content that a row holds is the newest accepted one, whatever a guard refused since', async t => {
    const { take, store } = await start(t)
    const { id } = incoming()
    t.equal(await store.outbox.content(id), null)
    await take({ at: 1, text: '', refusal: 'empty-text' })
    t.equal(await store.outbox.content(id), null)
    await take({ at: 2, text: 'two', date: 900 })
    await take({ at: 3, text: '', refusal: 'empty-text' })
    t.strictSame(await store.outbox.content(id), { id: 'm1', date: 900, text: 'two', files: [] })
  })

  t.test('each call is kept with the messages it carried, the last twenty of them', async t => {
    const { take, store, claim } = await start(t)
    await take({ at: 1 })
    for (let n = 1; n <= 22; n++) {
      const [edit] = await claim(`call-${n}`) as [ClaimedEdit]
      const retry = { id: edit.id, version: edit.version, result: 'retry' as const, dueAt: 2000, history: edit.history, quarantineUntil: null }
      await store.outbox.record({ portal: PORTAL, epoch: 0, callId: `call-${n}`, outcomes: [retry], attempt: { at: n, durationMs: 5, code: 'INTERNAL_SERVER_ERROR', words: 'Internal server error' }, now: 2000 })
    }
    const attempts = await store.outbox.attempts(incoming().id)
    t.equal(attempts.length, 20)
    t.strictSame(attempts[0], { at: 22, durationMs: 5, code: 'INTERNAL_SERVER_ERROR', words: 'Internal server error' })
    t.strictSame(await store.outbox.attempts('unknown'), [])
  })

  t.test('a finished edit can be delivered again, and what is newer is never overwritten', async t => {
    const { take, store, claim, claimTexts } = await start(t)
    await take({ at: 1, text: 'good' })
    const { id } = incoming()
    t.strictSame(await store.outbox.redeliver([id, 'unknown'], 3000), ['pending', 'not-found'])
    await recordAll(store, await claim(), { result: 'dead', reason: 'rejected', words: 'no', quarantineUntil: null })
    t.match(await store.outbox.ledger(), { dead: 1, pending: 0 })
    t.strictSame(await store.outbox.redeliver([id], 3000), ['redelivered'])
    t.strictSame(await store.outbox.ledger(), { accepted: 1, superseded: 0, delivered: 0, dead: 0, pending: 1 })
    await take({ at: 2, text: 'newer', now: 3000 })
    t.strictSame(await claimTexts('call', { now: 3000 }), ['newer'])
    await store.outbox.record({ portal: PORTAL, epoch: 0, callId: 'call', outcomes: [{ id, version: 2, result: 'delivered', flags: [] }], attempt: null, now: 3000 })
    t.strictSame(await store.outbox.redeliver([id], 4000), ['redelivered'])
    t.match(await store.outbox.ledger(), { delivered: 0, pending: 1 })
  })

  t.test('what a guard refused cannot be delivered again', async t => {
    const { take, store, claim } = await start(t)
    await take({ message: 'm1', at: 1, text: '', refusal: 'empty-text' })
    t.strictSame(await store.outbox.redeliver([incoming().id], 3000), ['nothing-held'])
    await take({ message: 'm2', at: 1, text: 'good' })
    await recordAll(store, await claim(), { result: 'delivered', flags: [] })
    await take({ message: 'm2', at: 2, text: '', refusal: 'empty-text' })
    t.strictSame(await store.outbox.redeliver([incoming({ message: 'm2' }).id], 3000), ['nothing-held'])
  })

  t.test('a redelivery waits out the quarantine of another version', async t => {
    const { take, store, claim, claimTexts } = await start(t)
    await take({ at: 1, text: 'first' })
    const [edit] = await claim('call-1') as [ClaimedEdit]
    await take({ at: 2, text: 'second' })
    await recordAll(store, [edit], { result: 'dead', reason: 'poison', words: null, quarantineUntil: 70_000 }, 'call-1')
    t.strictSame(await claimTexts('call-2', { now: 69_999 }), [])
    t.strictSame(await claimTexts('call-3', { now: 70_000 }), ['second'])
  })

  t.test('times of a clock that was moved back are brought forward at recovery', async t => {
    const { take, store } = await start(t)
    await take({ at: 1, now: 3_600_000 })
    await store.outbox.recover({ portal: PORTAL, epoch: 0, now: 1000, quarantineUntil: 71_000, latestDueAt: 901_000 })
    t.equal(await nextDueAt(store), 901_000)
  })

  t.test('so is the time of an edit that waits behind a call', async t => {
    const { take, store, claim } = await start(t)
    await take({ at: 1, now: 3_600_000 })
    await claim('call', { now: 3_600_000 })
    await take({ at: 2, text: 'newer', now: 3_600_000 })
    await store.outbox.recover({ portal: PORTAL, epoch: 0, now: 1000, quarantineUntil: 71_000, latestDueAt: 901_000 })
    t.equal(await nextDueAt(store), 901_000)
  })

  t.test('a claim carries the newest profile, whichever webhook brought it', async t => {
    const { take, store, claim } = await start(t)
    const seen = (at: number, name: string) => ({ portal: PORTAL, connector: 'relay_demo', profile: { id: 'u1', name }, revision: { at, tie: 0n }, now: 1000 })
    await take({ at: 5 })
    await store.profiles.remember([seen(7, 'Anna Maria')])
    await store.profiles.remember([seen(6, 'Anne')])
    t.strictSame(await store.profiles.find(PORTAL, 'relay_demo', 'u1'), { id: 'u1', name: 'Anna Maria' })
    t.strictSame((await claim())[0]?.edit.user, { id: 'u1', name: 'Anna Maria' })
    await store.profiles.remember([seen(9, 'Anna Maria'), seen(8, 'Late')])
    t.strictSame(await store.profiles.find(PORTAL, 'relay_demo', 'u1'), { id: 'u1', name: 'Anna Maria' }, 'an unchanged profile is newer all the same')
  })

  t.test('an edit from the future does not keep its client from being known by a later name', async t => {
    const store = await open(t)
    const ahead = incoming({ message: 'm1', at: 90_000_000, now: 1000 })
    await store.outbox.accept([ahead])
    await store.profiles.remember([{ portal: PORTAL, connector: 'relay_demo', profile: { id: ahead.edit.user.id, name: 'Maria' }, revision: { at: 1001, tie: 0n }, now: 1001 }])
    t.match(await store.profiles.find(PORTAL, 'relay_demo', ahead.edit.user.id), { name: 'Maria' })
  })

  t.test('of profiles of one revision the last is known, and the tie decides as it does between edits', async t => {
    const { store } = await start(t)
    const known = async (at: number, tie: bigint, name: string) => {
      await store.profiles.remember([{ portal: PORTAL, connector: 'relay_demo', profile: { id: 'u1', name }, revision: { at, tie }, now: 1000 }])
      return (await store.profiles.find(PORTAL, 'relay_demo', 'u1'))?.name
    }
    const tie = 9007199254740993n
    t.equal(await known(5, tie, 'Anna'), 'Anna')
    t.equal(await known(5, tie, 'Maria'), 'Maria')
    t.equal(await known(5, tie - 1n, 'Late'), 'Maria')
    t.equal(await known(4, tie + 1n, 'Late'), 'Maria')
    t.equal(await known(5, tie + 2n, 'Maria'), 'Maria')
    t.equal(await known(5, tie + 1n, 'Late'), 'Maria', 'an unchanged profile is newer all the same')
    t.equal(await known(6, 0n, 'Eva'), 'Eva')
    t.equal(await known(6, 1n, 'Ida'), 'Ida')
  })

  t.test('that a client was seen is written once a day at most, whatever the revision, and keeps the client from being forgotten', async t => {
    const { store } = await start(t)
    const hourMs = 3600_000
    const remember = (id: string, hour: number, { at = 5, tie = 5n, name = 'Anna' } = {}) => store.profiles.remember([{ portal: PORTAL, connector: 'relay_demo', profile: { id, name }, revision: { at, tie }, now: hour * hourMs }])
    const namesOf = (...ids: string[]) => Promise.all(ids.map(async id => (await store.profiles.find(PORTAL, 'relay_demo', id))?.name))
    for (const id of ['same', 'older', 'older tie', 'newer', 'soon', 'soon newer', 'clock moved back']) await remember(id, 100)
    await remember('same', 125)
    await remember('older', 125, { at: 3, name: 'Late' })
    await remember('older tie', 125, { tie: 3n, name: 'Late' })
    await remember('newer', 125, { at: 6, name: 'Maria' })
    await remember('soon', 124)
    await remember('soon newer', 124, { at: 6, name: 'Maria' })
    await remember('clock moved back', 50)
    t.equal(await store.profiles.prune(100 * hourMs, 10), 0)
    t.equal(await store.profiles.prune(100 * hourMs + 1, 10), 3, 'those that were seen only within a day')
    await remember('older', 125, { at: 4, name: 'Late' })
    await remember('older tie', 125, { tie: 4n, name: 'Late' })
    t.strictSame(await namesOf('same', 'older', 'older tie', 'newer'), ['Anna', 'Anna', 'Anna', 'Maria'], 'an older revision does not become the known one')
    t.equal(await store.profiles.prune(125 * hourMs + 1, 3), 3, 'at most as many as were asked for')
  })

  t.test('an edit that waits for a name is no call\'s, until it has one; under an epoch that has ended nothing is recorded', async t => {
    const { store, claimTexts } = await start(t)
    const edit = incoming()
    await store.outbox.accept([{ ...edit, edit: { ...edit.edit, user: { id: 'u1', lookUpId: '42' } } }])
    t.strictSame(await claimTexts(), [])
    t.strictSame(await store.outbox.lanes(PORTAL), [])
    t.equal(await store.outbox.oldestPending(PORTAL), 1000)
    t.equal((await store.outbox.backlog(PORTAL)).pending, 1)
    t.match(await store.outbox.nameless(PORTAL, 999, 10), { edits: [], nextAt: 1000 })
    t.match(await store.outbox.nameless(PORTAL, 1000, 10), { edits: [{ id: edit.id, version: 1, connector: 'relay_demo', channel: 'default', edit: { user: { lookUpId: '42' } } }] })
    t.strictSame(await store.outbox.nameless('other.bitrix24.ru', 1000, 10), { edits: [], nextAt: null })
    t.equal((await store.outbox.nameless(PORTAL, 1000, 10)).nextAt, null, 'what is due does not hide what comes later')
    const question = { portal: PORTAL, questionId: 'q', attempt: null, now: 2000, outcomes: [{ id: edit.id, version: 1, result: 'named' as const }] }
    await store.outbox.recordNames({ ...question, epoch: 7 })
    t.strictSame(await claimTexts(), [])
    await store.outbox.recordNames({ ...question, epoch: 0 })
    t.strictSame(await store.outbox.nameless(PORTAL, 9000, 10), { edits: [], nextAt: null })
    t.strictSame(await claimTexts(), ['Hello'])
  })

  t.test('an edit that dies for want of a name leaves the older one in its call, which is pending until it ends', async t => {
    const { take, store, claim } = await start(t)
    await take({ at: 1 })
    const claimed = await claim()
    const newer = incoming({ at: 2, text: 'newer' })
    await store.outbox.accept([{ ...newer, edit: { ...newer.edit, user: { id: 'u1', lookUpId: '42' } } }])
    const outcome = { id: newer.id, version: 2, result: 'dead' as const, reason: 'too-old' as const, words: null }
    await store.outbox.recordNames({ portal: PORTAL, epoch: 0, questionId: 'q', attempt: null, now: 2000, outcomes: [outcome] })
    t.strictSame(await store.outbox.ledger(), { accepted: 2, superseded: 0, delivered: 0, dead: 1, pending: 1 })
    t.equal((await store.outbox.backlog(PORTAL)).pending, 1)
    await recordAll(store, claimed, { result: 'delivered', flags: [] })
    t.strictSame(await store.outbox.ledger(), { accepted: 2, superseded: 0, delivered: 1, dead: 1, pending: 0 })
    t.equal((await store.outbox.backlog(PORTAL)).pending, 0)
  })

  t.test('a question that is put off far ahead is asked sooner after the clock was moved back', async t => {
    const { store } = await start(t)
    const edit = incoming({ now: 3_600_000 })
    await store.outbox.accept([{ ...edit, edit: { ...edit.edit, user: { id: 'u1', lookUpId: '42' } } }])
    await store.outbox.recover({ portal: PORTAL, epoch: 0, now: 1000, quarantineUntil: 71_000, latestDueAt: 901_000 })
    t.equal((await store.outbox.nameless(PORTAL, 0, 10)).nextAt, 901_000)
  })

  t.test('messages of one claim may end apart', async t => {
    const { store, claim } = await start(t)
    await store.outbox.accept([incoming({ message: 'm1' }), incoming({ message: 'm2' })])
    const [first, second] = await claim('call', { limit: 2 }) as [ClaimedEdit, ClaimedEdit]
    await recordAll(store, [first], { result: 'retry', dueAt: 9000, history: first.history, quarantineUntil: null })
    t.match(await stateOf(store, 'm1'), { state: 'pending', dueAt: 9000 })
    t.match(await stateOf(store, 'm2'), { state: 'pending', dueAt: null })
    await recordAll(store, [second], { result: 'delivered', flags: [] })
    t.match(await stateOf(store, 'm2'), { state: 'delivered' })
  })

  t.test('a profile without a name is not worth remembering, and one not heard of is forgotten', async t => {
    const { store } = await start(t)
    const seen = (id: string, profile: object, now: number) => ({ portal: PORTAL, connector: 'relay_demo', profile: { id, ...profile }, revision: { at: 1, tie: 0n }, now })
    await store.profiles.remember([seen('bare', { phone: '1' }, 1000), seen('old', { name: 'Old' }, 1000), seen('young', { lastName: 'Young' }, 5000)])
    t.equal(await store.profiles.find(PORTAL, 'relay_demo', 'bare'), null)
    t.equal(await store.profiles.find(PORTAL, 'other', 'old'), null)
    t.equal(await store.profiles.prune(5000, 10), 1)
    t.equal(await store.profiles.find(PORTAL, 'relay_demo', 'old'), null)
    t.ok(await store.profiles.find(PORTAL, 'relay_demo', 'young'))
    await store.profiles.remember([seen('old', { name: 'Old' }, 6000)])
    t.strictSame(await store.profiles.find(PORTAL, 'relay_demo', 'old'), { id: 'old', name: 'Old' }, 'one who comes again is remembered again')
  })

  t.test('of however many clients, and with however long a profile, the newest is known', async t => {
    const { store } = await start(t)
    const clients = Array.from({ length: 1200 }, (_, index) => ({ id: `u${index}`, url: index % 3 === 0 ? `https://messenger.example/${'u'.repeat(3000)}` : 'https://messenger.example/u' }))
    const remember = (at: number, name: string) => store.profiles.remember(clients.map(client => ({ portal: PORTAL, connector: 'relay_demo', profile: { ...client, name }, revision: { at, tie: 0n }, now: 1000 })))
    await remember(1, 'Anna')
    await remember(3, 'Maria')
    await remember(2, 'Late')
    for (const client of [clients[0], clients[1], clients[199], clients[200], clients[1199]]) {
      t.strictSame(await store.profiles.find(PORTAL, 'relay_demo', client?.id as string), { ...client, name: 'Maria' })
    }
  })

  t.test('finished rows are removed when their time has come, pending ones and the ledger never', async t => {
    const { take, store, claim } = await start(t)
    await take({ message: 'done', at: 1, now: 1000 })
    await recordAll(store, await claim(), { result: 'delivered', flags: [] })
    await take({ message: 'waits', at: 1, now: 1000 })
    const before = await store.outbox.ledger()
    t.equal(await store.outbox.prune(1000, 10), 0)
    t.equal(await store.outbox.prune(Number.MAX_SAFE_INTEGER, 10), 1)
    t.equal(await stateOf(store, 'done'), null)
    t.match(await stateOf(store, 'waits'), { state: 'pending' })
    t.strictSame(await store.outbox.ledger(), before)
  })

  t.test('the oldest pending edit is known by how long it has waited, in whichever line, also while a call carries it or it is to be repeated', async t => {
    const { store, take, claim } = await start(t)
    const oldest = async () => await store.outbox.oldestPending(PORTAL)
    t.equal(await oldest(), null)
    await take({ message: 'm1', at: 1, now: 1000 })
    await take({ message: 'm2', at: 1, now: 1200, line: 2 })
    await take({ message: 'm1', at: 2, now: 1500 })
    t.equal(await oldest(), 1000, 'a newer edit of the message does not make it younger')
    const first = await claim()
    t.equal(await oldest(), 1000)
    const [edit] = first
    await recordAll(store, first, { result: 'retry', dueAt: 9000, history: (edit as ClaimedEdit).history, quarantineUntil: null })
    t.equal(await oldest(), 1000)
    await recordAll(store, await claim('again', { now: 9000 }), { result: 'delivered', flags: [] }, 'again')
    t.equal(await oldest(), 1200)
    await recordAll(store, await claim('other', { line: 2 }), { result: 'dead', reason: 'rejected', words: null, quarantineUntil: null }, 'other')
    t.equal(await oldest(), null)
    t.equal(await store.outbox.oldestPending('elsewhere.bitrix24.ru'), null)
  })

  t.test('a report of the portal confirms the delivered edit, and the list and the counts tell it from the others', async t => {
    const { take, store, claim } = await start(t)
    for (const message of ['found', 'lost', 'late', 'dead', 'waits']) await take({ message, text: message })
    const claimed = await claim('call', { limit: 10 })
    const of = (message: string) => claimed.filter(({ edit }) => edit.message.id === message)
    await recordAll(store, claimed.filter(({ edit }) => ['found', 'lost'].includes(edit.message.id)), { result: 'delivered', flags: [], portalUser: '585' })
    await recordAll(store, of('dead'), { result: 'dead', reason: 'rejected', words: null, quarantineUntil: null })
    const report = (message: string, receivedAt = 3000) => ({ key: incoming({ message }).key, text: message, receivedAt })
    t.match(await store.outbox.confirm([report('found'), report('found'), report('nobody'), report('lost', 1)]), [
      { outcome: 'confirmed', confirmedAfterMs: 500 }, { outcome: 'repeated', confirmedAfterMs: null }, { outcome: 'unmatched' }, { outcome: 'early' },
    ])
    t.match(await store.outbox.confirm([report('late')]), [{ outcome: 'confirmed', confirmedAfterMs: 0 }], 'its call still runs')
    t.match(await stateOf(store, 'found'), { state: 'delivered', confirmedAt: 3000, portalUser: '585', calledAt: 2000 })
    t.match(await store.outbox.ledger(), { delivered: 2 }, 'a confirmation is counted inside delivered')

    const window = { calledSince: 2000, deliveredBefore: 2501 }
    const listed = async (is: 'confirmed' | 'unconfirmed' | 'unknown', within = window) => (await store.outbox.list({ confirmation: { is, window: within } }, { after: null, limit: 10 })).edits.map(({ message }) => message)
    t.strictSame([await listed('confirmed'), await listed('unconfirmed'), await listed('unknown')], [['found'], ['lost'], []])
    for (const within of [{ ...window, calledSince: 2001 }, { ...window, deliveredBefore: 2500 }]) t.strictSame([await listed('unconfirmed', within), await listed('unknown', within)], [[], ['lost']])
    t.strictSame(await store.outbox.tallyConfirmations(PORTAL, window), [{ ...LANE, confirmed: 1, unconfirmed: 1, unknown: 0 }])
    t.strictSame(await store.outbox.tallyConfirmations('other', window), [])
  })

  t.test('a report and a webhook that share a commit both hold', async t => {
    const { take, store, claim } = await start(t)
    await take({ text: 'one' })
    await recordAll(store, await claim(), { result: 'delivered', flags: [] })
    const [[accepted], [confirmed]] = await Promise.all([store.outbox.accept([incoming({ message: 'other', text: 'x' })]), store.outbox.confirm([{ key: incoming().key, text: 'one', receivedAt: 3000 }])])
    t.match([accepted?.outcome, confirmed?.outcome], ['accepted', 'confirmed'])
    await store.outbox.accept([incoming({ at: 2, text: 'two' })])
    t.match(await stateOf(store, 'm1'), { confirmedAt: null }, 'a new version is not confirmed yet')
  })

  t.test('a portal of which nothing is known has an empty record, and a patch changes only what it names', async t => {
    const { store: { portals } } = await start(t)
    t.match(await portals.read(PORTAL), { tokens: null, parked: null, refreshTries: 0, bucket: null })
    const tokens = { accessToken: 'access', refreshToken: 'refresh', accessExpiresAt: 5 }
    await portals.write(PORTAL, { tokens, memberId: 'member', parked: { code: 'expired', since: 3 } })
    await portals.write(PORTAL, { refreshStartedAt: 7, refreshTries: 1 })
    t.match(await portals.read(PORTAL), { tokens, memberId: 'member', parked: { code: 'expired', since: 3 }, refreshStartedAt: 7, refreshTries: 1 })
    const parkedLines = [{ connector: 'relay_demo', line: 1, code: 'NOT_ACTIVE_LINE', since: 3 }]
    await portals.write(PORTAL, { tokens: null, parked: null, refreshStartedAt: null, parkedLines, restsUntil: 9 })
    t.match(await portals.read(PORTAL), { tokens: null, memberId: 'member', parked: null, refreshStartedAt: null, parkedLines, restsUntil: 9 })
  })

  t.test('tokens that have changed meanwhile are not written over, and what another tenure writes is refused', async t => {
    const { store: { portals, leases } } = await start(t)
    const tokens = (n: number) => ({ accessToken: `access-${n}`, refreshToken: `refresh-${n}`, accessExpiresAt: null })
    const { epoch } = await leases.acquire(PORTAL, 'a') as Lease
    t.equal(await portals.write(PORTAL, { tokens: tokens(1) }, { epoch }), true)
    const { tokensVersion } = await portals.read(PORTAL)
    t.equal(await portals.write(PORTAL, { refreshTries: 1 }, { epoch, tokensVersion }), true)
    t.equal((await portals.read(PORTAL)).tokensVersion, tokensVersion, 'only tokens are counted')
    t.equal(await portals.write(PORTAL, { tokens: tokens(2) }, { tokensVersion }), true)
    t.equal(await portals.write(PORTAL, { tokens: tokens(3) }, { tokensVersion }), false)
    await leases.release(PORTAL, epoch)
    await leases.acquire(PORTAL, 'b')
    t.equal(await portals.write(PORTAL, { refreshStartedAt: 7 }, { epoch }), false)
    t.match(await portals.read(PORTAL), { tokens: tokens(2), refreshTries: 1, refreshStartedAt: null })
  })

  t.test('a portal has one holder at a time, and each tenure is told from those before', async t => {
    const { store: { leases } } = await start(t)
    const first = await leases.acquire(PORTAL, 'a') as Lease
    t.equal(first.isOrphaned, false)
    t.equal(await leases.acquire(PORTAL, 'b'), null)
    const other = await leases.acquire('other.bitrix24.ru', 'b') as Lease
    t.ok(other, 'portals are apart')
    t.equal(await leases.renew(PORTAL, first.epoch), true)
    const again = await leases.acquire(PORTAL, 'a') as Lease
    t.ok(again.epoch > first.epoch, 'a holder may begin anew')
    t.equal(await leases.renew(PORTAL, first.epoch), false)
    await leases.release(PORTAL, first.epoch)
    t.equal(await leases.acquire(PORTAL, 'b'), null, 'a tenure that is over releases nothing')
    await leases.release(PORTAL, again.epoch)
    t.equal(await leases.renew(PORTAL, again.epoch), false)
    t.ok((await leases.acquire(PORTAL, 'b') as Lease).epoch > again.epoch)
    await leases.release('other.bitrix24.ru', other.epoch)
    t.match(await leases.acquire('other.bitrix24.ru', 'a'), { isOrphaned: false })
  })

  t.test('under an epoch that is over nothing is claimed, given back or recovered', async t => {
    const { take, store, claim, claimTexts } = await start(t)
    await take({ at: 1, text: 'text' })
    const { epoch } = await store.leases.acquire(PORTAL, 'a') as Lease
    t.strictSame(await claim('call-1'), [])
    t.strictSame((await store.portals.read(PORTAL)).bucket, null)
    t.strictSame(await claimTexts('call-2', { epoch }), ['text'])
    t.equal(await store.outbox.giveBack({ portal: PORTAL, epoch: 0, callId: 'call-2', now: 2000 }), 0)
    t.equal(await store.outbox.recover({ portal: PORTAL, epoch: 0, now: 2000, quarantineUntil: 72_000, latestDueAt: 900_000 }), 0)
    t.match(await stateOf(store, 'm1'), { state: 'pending', dueAt: null })
  })

  t.test('a claim whose answer was lost is given back: what was not sent is due at once, and what is newer replaces it', async t => {
    const { take, store, claim, claimTexts } = await start(t)
    await take({ message: 'm1', at: 1, text: 'one' })
    await take({ message: 'm2', at: 1, text: 'two' })
    await claim('lost', { limit: 2 })
    await take({ message: 'm2', at: 2, text: 'two, newer' })
    t.equal(await store.outbox.giveBack({ portal: PORTAL, epoch: 0, callId: 'lost', now: 2500 }), 2)
    t.equal(await store.outbox.giveBack({ portal: PORTAL, epoch: 0, callId: 'lost', now: 2500 }), 0)
    t.match(await store.outbox.ledger(), { accepted: 3, superseded: 1, pending: 2 })
    t.strictSame((await claimTexts('call', { limit: 2, now: 2500 })).sort(), ['one', 'two, newer'])
    t.equal((await stateOf(store, 'm1'))?.attempts, 0)
  })

  t.test('a call that ended after its maker had lost the portal is overtaken: a newer text is sent again', async t => {
    const { take, store, claimTexts, succeed, recordLate } = await start(t)
    const { epoch } = await succeed()
    t.strictSame(await claimTexts('new-1', { epoch, now: 75_000 }), ['second'])
    await recordAs(store, epoch, 'new-1', 2, { result: 'delivered', flags: [] }, 75_100)
    t.match(await stateOf(store, 'm1'), { state: 'delivered' })
    await recordLate({ result: 'delivered', flags: [] }, 100_000)
    t.match(await stateOf(store, 'm1'), { state: 'pending', dueAt: 100_000 })
    t.match(await store.outbox.ledger(), { accepted: 2, superseded: 1, delivered: 0, pending: 1 })
    t.strictSame(await claimTexts('new-2', { epoch, now: 100_000 }), ['second'])
    await recordAs(store, epoch, 'new-2', 2, { result: 'delivered', flags: [] }, 100_100)
    t.match(await store.outbox.ledger(), { accepted: 2, superseded: 1, delivered: 1, pending: 0 })
    t.strictSame(await take({ at: 2, text: 'second' }), 'duplicate')
  })

  t.test('a late call of unknown outcome may still be applied: the newer text is sent again after its quarantine', async t => {
    const { take, store, claimTexts, succeed, recordLate } = await start(t)
    const { epoch } = await succeed()
    await claimTexts('new-1', { epoch, now: 75_000 })
    await recordAs(store, epoch, 'new-1', 2, { result: 'delivered', flags: [] }, 75_100)
    await recordLate({ result: 'retry', dueAt: 101_000, history: FRESH, quarantineUntil: 170_000 }, 100_000)
    await take({ at: 3, text: 'third', now: 110_000 })
    t.strictSame(await claimTexts('new-2', { epoch, now: 169_999 }), [])
    t.strictSame(await claimTexts('new-3', { epoch, now: 170_000 }), ['third'])
  })

  t.test('a late call that ends while a newer text is on its way has that one sent once more', async t => {
    const { store, claimTexts, succeed, recordLate } = await start(t)
    const { epoch } = await succeed()
    t.strictSame(await claimTexts('new-1', { epoch, now: 75_000 }), ['second'])
    await recordLate({ result: 'delivered', flags: [] }, 75_050)
    await recordAs(store, epoch, 'new-1', 2, { result: 'delivered', flags: [] }, 75_100)
    t.match(await stateOf(store, 'm1'), { state: 'pending', dueAt: 75_100 })
    t.strictSame(await claimTexts('new-2', { epoch, now: 75_100 }), ['second'])
    await recordAs(store, epoch, 'new-2', 2, { result: 'delivered', flags: [] }, 75_200)
    t.match(await stateOf(store, 'm1'), { state: 'delivered' }, 'and not for ever')
    t.match(await store.outbox.ledger(), { accepted: 2, superseded: 1, delivered: 1, pending: 0 })
  })

  t.test('a late call is overtaken too when a still newer edit was refused meanwhile', async t => {
    const { take, store, claimTexts, succeed, recordLate } = await start(t)
    const { epoch } = await succeed()
    await claimTexts('new-1', { epoch, now: 75_000 })
    await recordAs(store, epoch, 'new-1', 2, { result: 'delivered', flags: [] }, 75_100)
    t.equal(await take({ at: 3, text: '', refusal: 'empty-text', now: 76_000 }), 'refused')
    t.equal((await store.outbox.redeliver([incoming().id], 77_000))[0], 'nothing-held', 'what an operator may not, since it would look like the refused edit')
    await recordLate({ result: 'delivered', flags: [] }, 100_000)
    t.strictSame(await claimTexts('new-2', { epoch, now: 100_000 }), ['second'])
    await recordAs(store, epoch, 'new-2', 2, { result: 'delivered', flags: [] }, 100_100)
    t.match(await store.outbox.ledger(), { accepted: 3, superseded: 1, delivered: 2, dead: 0, pending: 0 })
  })

  t.test('a late call is overtaken too when an edit of the same revision was refused meanwhile', async t => {
    const { take, store, claimTexts, succeed, recordLate } = await start(t)
    const { epoch } = await succeed()
    await claimTexts('new-1', { epoch, now: 75_000 })
    await recordAs(store, epoch, 'new-1', 2, { result: 'delivered', flags: [] }, 75_100)
    t.equal(await take({ at: 2, text: '', refusal: 'empty-text', now: 76_000 }), 'refused')
    await recordLate({ result: 'delivered', flags: [] }, 100_000)
    t.strictSame(await claimTexts('new-2', { epoch, now: 100_000 }), ['second'])
  })

  t.test('a call that ended late and before its messages were taken over is settled as any other', async t => {
    const { take, store, claim } = await start(t)
    await take({ at: 1, text: 'first' })
    await claim('call-1')
    const { epoch } = await store.leases.acquire(PORTAL, 'b') as Lease
    await recordAs(store, 0, 'call-1', 1, { result: 'delivered', flags: [] }, 2500)
    t.match(await stateOf(store, 'm1'), { state: 'delivered' })
    t.equal(await store.outbox.recover({ portal: PORTAL, epoch, now: 3000, quarantineUntil: 73_000, latestDueAt: 900_000 }), 0)
  })

  t.test('ids that are too long for the portal, or that nobody has, are asked for without harm', async t => {
    const { store } = await start(t)
    const long = incoming({ refusal: 'id-too-long' })
    const user = { id: Array.from({ length: 1000 }, (_, index) => String.fromCodePoint(0x4e00 + index)).join(''), name: 'Anna' }
    t.match(await store.outbox.accept([{ ...long, edit: { ...long.edit, user } }]), [{ outcome: 'refused' }])
    await store.profiles.remember([{ portal: PORTAL, connector: LANE.connector, profile: user, revision: { at: 1, tie: 0n }, now: 1000 }])
    // A hundred characters, each of two units in a string and of four bytes in a database.
    const longest = { id: '\u{1f4a7}'.repeat(100), name: 'Anna' }
    await store.profiles.remember([{ portal: PORTAL, connector: LANE.connector, profile: longest, revision: { at: 1, tie: 0n }, now: 1000 }])
    t.match(await store.profiles.find(PORTAL, LANE.connector, longest.id), longest, 'one that the portal takes is remembered')
    t.equal(await store.outbox.find('\0'), null)
    t.strictSame(await store.outbox.redeliver(['\0'], 1000), ['not-found'])
    t.strictSame(await store.outbox.attempts('\0'), [])
  })

  t.test('counts of a channel add up, hour by hour, and keep the detail of the last time', async t => {
    const { store: { activity } } = await start(t)
    const unreadable = { outcome: 'unreadable' as const, count: 1 }
    await activity.add([counted(10, { count: 2, lastAt: 500 }), counted(11, { count: 1 }), counted(10, { ...unreadable, lastAt: 700, detail: 'faulty: /b' })])
    await activity.add([counted(10, { count: 3, lastAt: 900 }), counted(10, { ...unreadable, lastAt: 600, detail: 'faulty: /a' }), counted(10, { channel: 'tg', count: 7 })])
    t.strictSame(await activity.read(10 * HOUR_MS, 10 * HOUR_MS), [
      counted(10, { ...unreadable, count: 2, lastAt: 700, detail: 'faulty: /b' }), counted(10, { count: 5, lastAt: 900 }), counted(10, { channel: 'tg', count: 7 }),
    ])
    t.strictSame((await activity.read(10 * HOUR_MS, 11 * HOUR_MS)).map(({ count }) => count), [2, 5, 7, 1])
    t.strictSame(await activity.read(12 * HOUR_MS, 99 * HOUR_MS), [])
  })

  t.test('the newest count of each outcome is known, also of one long ago, and not from an hour that is ahead', async t => {
    const { store: { activity } } = await start(t)
    t.strictSame(await activity.latest(Number.MAX_SAFE_INTEGER), [])
    await activity.add([counted(1, { outcome: 'accepted', lastAt: 5 }), counted(10), counted(11), counted(12), counted(10, { channel: 'tg' })])
    t.strictSame(await activity.latest(11 * HOUR_MS), [counted(1, { outcome: 'accepted', lastAt: 5 }), counted(11), counted(10, { channel: 'tg' })])
  })

  t.test('counts are removed when their whole hour is old enough, in batches', async t => {
    const { store: { activity } } = await start(t)
    await activity.add([10, 11, 12].flatMap(hour => [counted(hour), counted(hour, { channel: 'tg' })]))
    t.equal(await activity.prune(11 * HOUR_MS, 10), 0)
    t.equal(await activity.prune(11 * HOUR_MS + 1, 1), 1)
    t.equal(await activity.prune(11 * HOUR_MS + 1, 10), 1)
    t.equal((await activity.read(0, 99 * HOUR_MS)).length, 4)
    t.equal(await activity.prune(Number.MAX_SAFE_INTEGER, 10), 4)
  })

  t.test('a probe writes, and a closed store takes nothing', async t => {
    const { store } = await start(t)
    await store.probe()
    await store.close()
    await t.rejects(store.probe(), { name: 'ShuttingDown' })
    await t.rejects(store.outbox.accept([incoming()]), { name: 'ShuttingDown' })
    await t.rejects(store.activity.add([counted(1)]), { name: 'ShuttingDown' })
  })

  async function start (t: Test) {
    const store = await open(t)
    const claim = async (callId = 'call', request: { limit?: number, now?: number, line?: number, epoch?: number } = {}): Promise<ClaimedEdit[]> => {
      const { limit = 1, now = 2000, line = 1, epoch = 0 } = request
      return await store.outbox.claim({ portal: PORTAL, epoch, lane: { ...LANE, line }, callId, now, limit, bucket: BUCKET })
    }
    return {
      store,
      claim,
      claimTexts: async (callId?: string, request?: { limit?: number, now?: number, epoch?: number }) => (await claim(callId, request)).map(edit => edit.edit.message.text),
      take: async (options: EditOptions) => (await store.outbox.accept([incoming(options)]))[0]?.outcome,
      state: async () => await stateOf(store, 'm1'),
      /** A holder claims the first text and stops; another takes the portal over, and a second text arrives that waits out the quarantine. */
      async succeed (): Promise<Lease> {
        await store.outbox.accept([incoming({ at: 1, text: 'first' })])
        await claim('old')
        const tenure = await store.leases.acquire(PORTAL, 'b') as Lease
        await store.outbox.recover({ portal: PORTAL, epoch: tenure.epoch, now: 5000, quarantineUntil: 75_000, latestDueAt: 900_000 })
        await store.outbox.accept([incoming({ at: 2, text: 'second', now: 6000 })])
        return tenure
      },
      recordLate: async (ending: Ending, now: number) => await recordAs(store, 0, 'old', 1, ending, now),
    }
  }
}

function counted (hour: number, changes: Partial<ActivityCount> = {}): ActivityCount {
  return { channel: 'default', outcome: 'webhooks', hour: hour * HOUR_MS, count: 1, lastAt: hour * HOUR_MS + 1, detail: null, ...changes }
}

type Ending = CallOutcome extends infer Each ? Each extends { result: string } ? Omit<Each, 'id' | 'version'> : never : never

async function recordAll (store: Store, claimed: readonly ClaimedEdit[], ending: Ending, callId = 'call'): Promise<void> {
  const outcomes = claimed.map(({ id, version }) => ({ id, version, ...ending }) as CallOutcome)
  await store.outbox.record({ portal: PORTAL, epoch: 0, callId, outcomes, attempt: { at: 2400, durationMs: 100, code: 'ok', words: null }, now: 2500 })
}

async function recordAs (store: Store, epoch: number, callId: string, version: number, ending: Ending, now: number): Promise<void> {
  const outcomes = [{ id: incoming().id, version, ...ending } as CallOutcome]
  await store.outbox.record({ portal: PORTAL, epoch, callId, outcomes, attempt: null, now })
}

async function nextDueAt (store: Store): Promise<number> {
  return Math.min(...(await store.outbox.lanes(PORTAL)).map(lane => lane.dueAt))
}

async function stateOf (store: Store, message: string) {
  return await store.outbox.find(incoming({ message }).id)
}
