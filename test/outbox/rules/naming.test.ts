import t from 'tap'
import type { EndedQuestion, NameOutcome } from '../../../src/outbox/outbox.ts'
import { recordName } from '../../../src/outbox/rules/naming.ts'
import { heldRow, PORTAL } from '../edits.ts'

const asked = (fields: Parameters<typeof heldRow>[0] = {}) => heldRow({ dueAt: null, askAt: 1000, ...fields })
const attempt = { at: 4000, durationMs: 5, code: 'HTTP_503', words: null }
const question = (changes: Partial<EndedQuestion> = {}): EndedQuestion => ({ portal: PORTAL, epoch: 1, questionId: 'q', outcomes: [], attempt: null, now: 5000, ...changes })
const outcome = (result: { result: 'named' } | { result: 'retry', askAt: number } | { result: 'dead', reason: 'anonymous-user', words: string }, version = 1): NameOutcome => ({ id: heldRow().id, version, ...result })

t.test('an edit whose client is known by name now is due at once', async t => {
  const held = asked()
  t.strictSame(recordName(held, question(), outcome({ result: 'named' })), { row: { ...held, askAt: null, dueAt: 5000 }, delta: {} })
})

t.test('one that waits out the quarantine of an older version is due after it', async t => {
  const dueAt = (quarantineVersion: number) => recordName(asked({ version: 2, quarantineVersion, quarantineUntil: 70_000 }), question(), outcome({ result: 'named' }, 2))?.row.dueAt
  t.equal(dueAt(1), 70_000)
  t.equal(dueAt(2), 5000)
})

t.test('one that is to be asked for again keeps waiting, and shows what the question came to', async t => {
  const held = asked()
  t.strictSame(recordName(held, question({ attempt }), outcome({ result: 'retry', askAt: 9000 })), { row: { ...held, askAt: 9000, calls: [{ callId: 'q', ...attempt }] }, delta: {} })
})

t.test('one whose client is not found is dead, and counted', async t => {
  const change = recordName(asked(), question(), outcome({ result: 'dead', reason: 'anonymous-user', words: 'PROFILE_NOT_FOUND' }))
  t.match(change, { row: { state: 'dead', reason: 'anonymous-user', words: 'PROFILE_NOT_FOUND', finishedAt: 5000, dueAt: null, askAt: null, waitingSince: null }, delta: { dead: 1 } })
})

t.test('one that does not wait for a name any more, or holds a newer text, is left alone', async t => {
  t.equal(recordName(heldRow(), question({ attempt }), outcome({ result: 'dead', reason: 'anonymous-user', words: '' })), null)
  t.equal(recordName(asked({ version: 2 }), question({ attempt }), outcome({ result: 'named' }, 1)), null)
})
