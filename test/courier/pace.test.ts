import t from 'tap'
import { createBucket, createChunk } from '../../src/courier/pace.ts'
import type { CallResult } from '../../src/bitrix24/client.ts'
import { askedMs, backoffMs } from '../../src/courier/retry.ts'

const share = { ratePerSecond: 1, burst: 25 }

t.test('a burst is served at once and what follows at the steady rate', async t => {
  const bucket = createBucket(share, null, 0)
  for (let n = 0; n < 25; n++) {
    t.equal(bucket.waitMs(0), 0)
    bucket.take(0, 1)
  }
  t.equal(bucket.waitMs(0), 1000)
  t.equal(bucket.waitMs(999), 1)
  t.equal(bucket.waitMs(1000), 0)
})

t.test('a restart goes on from the stored level, whatever became of the clock', async t => {
  const full = { level: 25, at: 1_000_000 }
  t.equal(createBucket(share, full, 1_000_000).waitMs(1_000_000), 1000)
  t.equal(createBucket(share, full, 1_010_000).waitMs(1_010_000), 0)
  t.equal(createBucket(share, full, 500_000).waitMs(500_000), 1000, 'a clock that was moved back gives no burst')
  t.equal(createBucket(share, { level: 900, at: 0 }, 0).waitMs(0), 1000, 'a smaller share than before is not paid for')
})

t.test('requests beyond the limit are counted too', async t => {
  const bucket = createBucket(share, null, 0)
  t.strictSame(bucket.take(0, 27), { level: 27, at: 0 })
  t.equal(bucket.waitMs(0), 3000)
})

t.test('"too many requests" halves the rate down to an eighth, and successes bring it back', async t => {
  const bucket = createBucket(share, null, 0)
  bucket.slowDown(0)
  t.equal(bucket.waitMs(0), 2000)
  for (let n = 0; n < 9; n++) bucket.slowDown(0)
  t.equal(bucket.waitMs(0), 8000)
  for (let n = 0; n < 20; n++) bucket.recover()
  t.equal(bucket.waitMs(0), 1000)
})

t.test('a chunk grows while calls are quick, and shrinks to what fits into ten seconds', async t => {
  const chunk = createChunk(50)
  t.equal(chunk.size(), 10)
  chunk.answered(10, 100)
  t.equal(chunk.size(), 20)
  chunk.answered(3, 30)
  t.equal(chunk.size(), 20, 'a small call says nothing of a large one')
  chunk.answered(20, 200)
  chunk.answered(40, 400)
  t.equal(chunk.size(), 50)
  chunk.answered(50, 50_000)
  t.equal(chunk.size(), 10)
  chunk.timedOut()
  t.equal(chunk.size(), 5)
  chunk.answered(5, 300_000)
  t.equal(chunk.size(), 1, 'never none')
  chunk.timedOut()
  t.equal(chunk.size(), 1)
})

t.test('back-off grows from a second to ten minutes, with jitter over all of it', async t => {
  t.equal(backoffMs(1, 0), 1000)
  t.equal(backoffMs(1, 0.5), 1500)
  t.equal(backoffMs(5, 0), 1000)
  t.equal(backoffMs(5, 0.5), 16_500)
  t.equal(backoffMs(1000, 0.9999999), 600_000)
})

t.test('what a portal asks for is heeded for an hour at most', async t => {
  const refused = (retryAfterMs: number | null): CallResult => ({ kind: 'refused', code: 'QUERY_LIMIT_EXCEEDED', words: '', status: 503, retryAfterMs, durationMs: 1 })
  t.equal(askedMs(refused(null)), 0)
  t.equal(askedMs(refused(7000)), 7000)
  t.equal(askedMs(refused(86_400_000)), 3_600_000)
  t.equal(askedMs({ kind: 'unknown', cause: 'HTTP_502', lastByteAt: 1, retryAfterMs: 7000, durationMs: 1 }), 7000)
  t.equal(askedMs({ kind: 'unreachable', cause: 'ECONNREFUSED', durationMs: 1 }), 0)
})
