import t from 'tap'
import type { CallResult } from '../../src/bitrix24/client.ts'
import { conclude, type Circumstances } from '../../src/courier/conclude.ts'
import { freshHistory } from '../../src/outbox/rules/row.ts'
import type { ClaimedEdit, DeliveryHistory } from '../../src/outbox/outbox.ts'
import { incoming } from '../outbox/edits.ts'

const circumstances: Circumstances = { now: 100_000, random: () => 0, lastSuccessAt: null }
const durationMs = 5

function claimed (options: { message?: string, files?: number, history?: Partial<DeliveryHistory> } = {}): ClaimedEdit {
  const { message = 'm1', files = 0, history = {} } = options
  const { id, edit } = incoming({ message, files })
  return { id, version: 3, channel: 'default', edit, acceptedAt: 1000, history: { ...freshHistory(files), ...history } }
}

function answered (...items: object[]): CallResult {
  return { kind: 'answered', status: 200, time: null, durationMs, result: { SUCCESS: true, DATA: { RESULT: items } } }
}

function refused (code: string, status: number, words = ''): CallResult {
  return { kind: 'refused', code, status, words, retryAfterMs: null, durationMs }
}

const lost: CallResult = { kind: 'unknown', cause: 'TIMEOUT', lastByteAt: 90_000, retryAfterMs: null, durationMs }
const known = { user: '585', SUCCESS: true }
const created = { user: 585, SUCCESS: true }

t.test('each message has its own ending', async t => {
  const three = [claimed({ message: 'a' }), claimed({ message: 'b' }), claimed({ message: 'c' })]
  const { outcomes, action, code } = conclude(three, answered(known, { SUCCESS: false, ERRORS: ['Incomplete data'] }, known), circumstances)
  t.match(outcomes, [
    { id: three[0]?.id, version: 3, result: 'delivered', flags: [] },
    { id: three[1]?.id, result: 'dead', reason: 'rejected', words: 'Incomplete data' },
    { id: three[2]?.id, result: 'delivered' },
  ])
  t.strictSame([action, code], ['none', 'ok'])
})

t.test('an unknown client is asked about after 1 and 10 minutes, and the edit is then delivered with a flag', async t => {
  const first = conclude([claimed()], answered(created), circumstances).outcomes[0]
  t.match(first, { result: 'retry', dueAt: 160_000, history: { unknownUserRepeats: 1, attempts: 1 }, quarantineUntil: null })
  const second = conclude([claimed({ history: { unknownUserRepeats: 1 } })], answered(known), circumstances).outcomes[0]
  t.match(second, { result: 'retry', dueAt: 700_000, history: { unknownUserRepeats: 2 } }, 'the first update has made the client, so being known proves nothing')
  const third = conclude([claimed({ history: { unknownUserRepeats: 2 } })], answered(known), circumstances).outcomes[0]
  t.match(third, { result: 'delivered', flags: ['unknown-user'] })
})

t.test('no code for the whole call makes an edit dead or counts against it', async t => {
  const codes: Array<[string, number, string]> = [
    ['QUERY_LIMIT_EXCEEDED', 503, 'slow-down'],
    ['OPERATION_TIME_LIMIT', 429, 'pause-method'],
    ['NOT_ACTIVE_LINE', 400, 'park-line'],
    ['insufficient_scope', 403, 'park-portal'],
    ['invalid_grant', 400, 'park-portal'],
  ]
  for (const [code, status, action] of codes) {
    const conclusion = conclude([claimed()], refused(code, status), circumstances)
    t.equal(conclusion.action, action)
    t.match(conclusion.outcomes, [{ result: 'retry', dueAt: 100_000, history: { attempts: 0, suspicions: 0, suspectedAt: null }, quarantineUntil: null }])
  }
})

t.test('a portal that cannot be reached has not seen the call', async t => {
  const { outcomes, action } = conclude([claimed()], { kind: 'unreachable', cause: 'ECONNREFUSED', durationMs }, circumstances)
  t.equal(action, 'back-off')
  t.match(outcomes, [{ result: 'retry', history: { attempts: 0 }, quarantineUntil: null }])
})

t.test('an unknown outcome keeps other versions away until 70 s after the last byte', async t => {
  const { outcomes } = conclude([claimed()], lost, circumstances)
  t.match(outcomes, [{ result: 'retry', dueAt: 101_000, quarantineUntil: 160_000, history: { attempts: 1 } }])
})

t.test('a JSON error has ended: it needs no quarantine', async t => {
  t.match(conclude([claimed()], refused('INTERNAL_SERVER_ERROR', 500), circumstances).outcomes, [{ result: 'retry', quarantineUntil: null }])
})

t.test('an edit with files is repeated without them after one time-out', async t => {
  const withFiles = claimed({ files: 1 })
  t.match(conclude([withFiles], lost, circumstances).outcomes, [{ result: 'retry', dueAt: 100_000, history: { flags: ['files-omitted'], suspicions: 0 } }])
  const without = claimed({ files: 1, history: { flags: ['files-omitted'] } })
  t.match(conclude([without], lost, circumstances).outcomes, [{ result: 'retry', dueAt: 101_000, history: { suspicions: 1 } }])
  t.match(conclude([without], answered(known), circumstances).outcomes, [{ result: 'delivered', flags: ['files-omitted'] }])
})

t.test('a failing chunk is split until one message stands alone', async t => {
  const size = (limit: number, count: number) => {
    const chunk = Array.from({ length: count }, (_, index) => claimed({ message: `m${index}`, history: { chunkLimit: limit } }))
    const [first] = conclude(chunk, refused('INTERNAL_SERVER_ERROR', 500), circumstances).outcomes
    return first?.result === 'retry' ? first.history.chunkLimit : null
  }
  t.equal(size(50, 20), 10)
  t.equal(size(10, 10), 5)
  t.equal(size(5, 3), 2)
  t.equal(size(2, 2), 1)
  t.equal(size(1, 1), 1)
})

t.test('while nothing succeeds a chunk is split only at every third failure, lest a storm leaves a backlog that travels alone', async t => {
  const limitAfter = (attempts: number, lastSuccessAt: number | null) => {
    const chunk = [claimed({ message: 'a', history: { attempts, suspectedAt: 50_000 } }), claimed({ message: 'b' })]
    const [first] = conclude(chunk, refused('INTERNAL_SERVER_ERROR', 500), { ...circumstances, lastSuccessAt }).outcomes
    return first?.result === 'retry' ? first.history.chunkLimit : null
  }
  t.equal(limitAfter(1, null), 2)
  t.equal(limitAfter(1, 40_000), 2, 'a success before the last failure says nothing')
  t.equal(limitAfter(1, 60_000), 1)
  t.equal(limitAfter(2, null), 1)
})

t.test('an edit is poison after five failures alone with successes of others in between, and never in a storm', async t => {
  const failAlone = (history: Partial<DeliveryHistory>, lastSuccessAt: number | null) =>
    conclude([claimed({ history: { chunkLimit: 1, ...history } })], refused('INTERNAL_SERVER_ERROR', 500, 'Internal server error'), { ...circumstances, lastSuccessAt }).outcomes[0]
  t.match(failAlone({}, null), { result: 'retry', history: { suspicions: 1, suspectedAt: 100_000 } })
  t.match(failAlone({ suspicions: 4, suspectedAt: 50_000 }, null), { result: 'retry', history: { suspicions: 4 } }, 'nothing has ever succeeded')
  t.match(failAlone({ suspicions: 4, suspectedAt: 50_000 }, 40_000), { result: 'retry', history: { suspicions: 4 } }, 'nothing has succeeded since')
  t.match(failAlone({ suspicions: 3, suspectedAt: 50_000 }, 60_000), { result: 'retry', history: { suspicions: 4, suspectedAt: 100_000 } })
  t.match(failAlone({ suspicions: 4, suspectedAt: 50_000 }, 60_000), { result: 'dead', reason: 'poison', words: 'Internal server error' })
})

t.test('an answer that cannot be read is tried again', async t => {
  const { outcomes, code } = conclude([claimed()], { kind: 'answered', status: 200, time: null, durationMs, result: 'nonsense' }, circumstances)
  t.equal(code, 'unreadable-answer')
  t.match(outcomes, [{ result: 'retry', history: { attempts: 1 } }])
})
