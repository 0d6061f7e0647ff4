import t from 'tap'
import { createMetrics } from '../../../src/operations/metrics/metrics.ts'
import type { ClaimedEdit, CallOutcome } from '../../../src/outbox/outbox.ts'
import { readSamples } from './running.ts'
import { portalEdit } from '../../portal-edit.ts'

function build () {
  const clock = { now: 0 }
  const { observers, registry } = createMetrics({ version: '0.0.0', channels: [], now: () => clock.now })
  return { clock, ...observers, read: async () => readSamples(await registry.metrics()) }
}

function claimed (id: string, acceptedAt: number): ClaimedEdit {
  const edit = portalEdit({ user: { id: 'u' }, message: { id, text: 'Hello', files: [] }, chat: { id: 'c' }, revision: { at: 1, tie: 0n } })
  const history = { attempts: 0, chunkLimit: 50, suspicions: 0, suspectedAt: null, unknownUserRepeats: 0, flags: [] }
  return { id, version: 1, channel: 'default', edit, acceptedAt, history }
}

t.test('an edit\'s way is measured from its acknowledgement; what is to be repeated has not ended', async t => {
  const { courier, read } = build()
  const outcomes: CallOutcome[] = [
    { id: 'a', version: 1, result: 'delivered', flags: [] },
    { id: 'b', version: 1, result: 'delivered', flags: ['files-omitted', 'unknown-user'] },
    { id: 'c', version: 1, result: 'dead', reason: 'rejected', words: null, quarantineUntil: null },
    { id: 'd', version: 1, result: 'retry', dueAt: 1, history: claimed('d', 1).history, quarantineUntil: null },
  ]
  courier.onRecorded(outcomes.map(({ id }) => claimed(id, 1000)), outcomes, 4500)
  const samples = await read()
  t.equal(samples.get('relay_delivery_latency_seconds_sum'), 7)
  t.equal(samples.get('relay_delivery_latency_seconds_bucket{le="2.5"}'), 0)
  t.equal(samples.get('relay_delivery_latency_seconds_bucket{le="5"}'), 2)
  t.strictSame([...samples].filter(([name, value]) => name.startsWith('relay_edits_finished_total') && value > 0), [
    ['relay_edits_finished_total{state="delivered",reason=""}', 1],
    ['relay_edits_finished_total{state="delivered",reason="unknown-user"}', 1],
    ['relay_edits_finished_total{state="dead",reason="rejected"}', 1],
  ])
})

t.test('the operating time is forgotten with the window that it was measured in', async t => {
  const { clock, courier, read } = build()
  const answered = { kind: 'answered' as const, result: {}, status: 200, durationMs: 1500, requests: 1 }
  courier.onCall({ messages: 3, action: 'none', result: { ...answered, time: { startedAt: null, durationS: 1, operatingS: 33, operatingResetAtS: null } } })
  courier.onCall({ messages: 3, action: 'none', result: { ...answered, time: null } })
  clock.now += 10 * 60_000 - 1
  t.equal((await read()).get('relay_operating_used_seconds'), 33)
  clock.now += 1
  t.equal((await read()).get('relay_operating_used_seconds'), 0)
})

t.test('renewals are counted by how they ended, and one that asked nothing is none', async t => {
  const { onRenewal, read } = build()
  onRenewal({ kind: 'renewed' })
  onRenewal({ kind: 'replaced' })
  onRenewal({ kind: 'refused', code: 'invalid_grant', words: '', status: 400, tokensVersion: 1 })
  onRenewal({ kind: 'refused', code: 'refresh-lost', words: '', status: 0, tokensVersion: 1 })
  onRenewal({ kind: 'unreachable', cause: 'OAUTH_ECONNREFUSED' })
  const samples = await read()
  for (const outcome of ['renewed', 'refused', 'lost', 'unreachable']) t.equal(samples.get(`relay_token_refreshes_total{outcome="${outcome}"}`), 1, outcome)
})
