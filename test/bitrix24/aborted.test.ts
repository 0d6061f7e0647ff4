import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import { createClient } from '../../src/bitrix24/client.ts'
import { testDispatcher } from './raw-server.ts'
import { startStalledPath } from './stalled-path.ts'

/** It fits into the buffers of the kernels on both sides of the path, so the process has handed over all of it. */
const TEXT = 'x'.repeat(400_000)

/** The path works again later than the call was given up; in life, 70 s later at least. */
const MENDS_AFTER_MS = 100

function testCall (t: Test, endpoint: string, responseTimeoutMs: number, signal?: AbortSignal) {
  const client = createClient({ dispatcher: testDispatcher(t), now: Date.now, userAgent: 'imconnector-relay/0.0.0', responseTimeoutMs })
  return client.call({ endpoint, method: 'imconnector.update.messages', params: { text: TEXT }, accessToken: 'token', signal })
}

for (const protocol of ['http', 'https'] as const) {
  t.test(`${protocol}: a call that has timed out never arrives later, when the network path works again`, async t => {
    const path = await startStalledPath(t, protocol)
    t.match(await testCall(t, path.url, 300), { kind: 'unknown', cause: 'RESPONSE_TIMEOUT' })
    await sleep(MENDS_AFTER_MS)
    path.mend()
    await path.ended()
    t.same(path.complete, [])
  })

  t.test(`${protocol}: nor does one that was aborted`, async t => {
    const path = await startStalledPath(t, protocol)
    t.match(await testCall(t, path.url, 30_000, AbortSignal.timeout(300)), { kind: 'unknown', cause: 'ABORTED' })
    await sleep(MENDS_AFTER_MS)
    path.mend()
    await path.ended()
    t.same(path.complete, [])
  })

  t.test(`${protocol}: one that still waits arrives when the path works again`, async t => {
    const path = await startStalledPath(t, protocol)
    const call = testCall(t, path.url, 30_000)
    setTimeout(path.mend, 300)
    t.match(await call, { kind: 'answered', result: true })
    t.match(path.complete, [Number])
  })
}
