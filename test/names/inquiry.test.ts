import t from 'tap'
import { createInquiry } from '../../src/names/inquiry.ts'
import type { ApiAnswer } from '../../src/names/api.ts'
import type { LookUpAnswer, ProfileLookup } from '../../src/messengers/profile-lookup.ts'

const FOUND: LookUpAnswer = { kind: 'answered', code: 'ok', profiles: new Map() }

/** An inquiry on a clock of the test's own, whose API gives the answers of the test in turn. */
function build (answers: (LookUpAnswer | ApiAnswer)[], intervalMs = 0) {
  const clock = { now: 1000 }
  const halt = new AbortController()
  const asked: string[][] = []
  const lookUp: ProfileLookup = {
    batchSize: 2,
    intervalMs,
    request: ids => {
      asked.push([...ids])
      return { url: new URL('http://127.0.0.1'), headers: {} }
    },
    read: (_ids, _status, body) => body as LookUpAnswer,
  }
  const askApi = async (): Promise<ApiAnswer> => {
    const answer = answers.shift() ?? FOUND
    return answer.kind === 'failed' || answer.kind === 'response' ? answer : { kind: 'response', status: 200, body: answer }
  }
  return { clock, halt, asked, inquiry: createInquiry({ lookUp, askApi, now: () => clock.now, random: () => 0.5, halt: halt.signal }) }
}

t.test('a failure lets the API rest, longer each time, and a success ends it', async t => {
  const busy: LookUpAnswer = { kind: 'unavailable', code: 'BUSY' }
  const { inquiry, clock, asked } = build([busy, { kind: 'failed', code: 'ECONNREFUSED' }, FOUND, busy])
  t.strictSame(await inquiry.ask(['1']), busy)
  t.equal(inquiry.restsUntil(), 2500)
  t.equal(await inquiry.ask(['1']), null, 'it is not asked meanwhile')
  clock.now = 2500
  t.strictSame(await inquiry.ask(['1']), { kind: 'unavailable', code: 'ECONNREFUSED' })
  t.equal(inquiry.restsUntil(), 5000)
  clock.now = 5000
  t.strictSame(await inquiry.ask(['1']), FOUND)
  t.strictSame(await inquiry.ask(['1']), busy, 'at once')
  t.equal(inquiry.restsUntil() - clock.now, 1500, 'and the back-off begins anew')
  t.equal(asked.length, 4)
})

t.test('a refused token is asked with only once a minute', async t => {
  const { inquiry } = build([{ kind: 'refused', code: 'VK_5' }])
  await inquiry.ask(['1'])
  t.equal(inquiry.restsUntil(), 61_000)
})

t.test('questions keep their distance', async t => {
  const { inquiry, clock, halt, asked } = build([], 60_000)
  t.strictSame(await inquiry.ask(['1']), FOUND)
  const second = inquiry.ask(['2'])
  await new Promise(resolve => setImmediate(resolve))
  t.strictSame(asked, [['1']])
  halt.abort()
  t.equal(await second, null)
  clock.now += 60_000
  t.equal(await inquiry.ask(['3']), null, 'after the end nobody is asked')
})
