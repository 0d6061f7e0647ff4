import t from 'tap'
import { toAttempts, toColumns, toEditRow, toRow } from '../../src/outbox/columns.ts'
import { storable } from '../../src/text/storable.ts'
import type { OutboxRow } from '../../src/outbox/rules/row.ts'
import { heldRow } from './edits.ts'

/** Each field differs from those of a fresh row. */
const FULL: OutboxRow = {
  ...heldRow(),
  channel: 'other',
  revision: { at: 5, tie: 9007199254740993n },
  seen: ['a', 'b'],
  version: 3,
  state: 'dead',
  reason: 'rejected',
  words: 'no',
  acceptedAt: 1,
  waitingSince: 2,
  finishedAt: 3,
  dueAt: 4,
  askAt: 13,
  history: { attempts: 5, chunkLimit: 6, suspicions: 7, suspectedAt: 8, unknownUserRepeats: 9, flags: ['files-omitted'] },
  callId: 'call',
  callVersion: 10,
  quarantineVersion: 11,
  quarantineUntil: 12,
  overtaken: true,
  texts: [{ version: 2, digest: 'x', calledAt: 20 }, { version: 3, digest: 'y', calledAt: 21 }],
  confirmedAt: 22,
  textDiffers: true,
  portalUser: '585',
  refused: { revision: { at: 6, tie: -9007199254740993n }, reason: 'too-old', seen: ['c'] },
  calls: [{ callId: 'first', at: 1, durationMs: 2, code: 'ok', words: null }, { callId: 'second', at: 3, durationMs: 4, code: 'rejected', words: 'no' }],
}

t.test('a row is read as it was written', async t => {
  t.strictSame(toRow(toColumns(FULL)), FULL)
  t.strictSame(toRow(toColumns(heldRow())), heldRow())
  const refused = heldRow({ revision: null, edit: null, refused: FULL.refused })
  t.strictSame(toRow(toColumns(refused)), refused)
})

t.test('SQL finds what it asks about in columns', async t => {
  const { rest, ...columns } = toColumns(FULL)
  t.strictSame(columns, {
    id: FULL.id,
    channel: 'other',
    chat: 'c1',
    message: 'm1',
    version: 3,
    state: 'dead',
    reason: 'rejected',
    refused_reason: 'too-old',
    ask_at: 13,
    due_at: 4,
    waiting_since: 2,
    finished_at: 3,
    call_id: 'call',
    call_version: 10,
    quarantine_version: 11,
    quarantine_until: 12,
    called_at: 21,
    confirmed_at: 22,
  })
  t.equal(toColumns(heldRow()).refused_reason, null)
})

t.test('half of a surrogate pair and U+0000 are kept in a text and replaced in an id', async t => {
  const { edit, ...row } = heldRow({ chat: 'c\ud800\0\0', message: '\0m\udc00' })
  const text = 'a\ud800b\0'
  const columns = toColumns({ ...row, edit: edit && { ...edit, message: { ...edit.message, text } } })
  t.match(columns, { chat: 'c\ufffd\ufffd\ufffd', message: '\ufffdm\ufffd' })
  t.ok(columns.rest.isWellFormed())
  t.notMatch(columns.rest, '\0')
  t.equal(toRow(columns).edit?.message.text, text)
  t.equal(storable('\u{1f4a7} any other'), '\u{1f4a7} any other')
})

t.test('an operator sees a row with its lane', async t => {
  const seen = {
    id: FULL.id,
    channel: 'other',
    connector: 'relay_demo',
    line: 7,
    chat: 'c1',
    message: 'm1',
    state: 'dead',
    reason: 'rejected',
    words: 'no',
    flags: ['files-omitted', 'text-differs'],
    revision: { at: 5, tie: 9007199254740993n },
    attempts: 5,
    acceptedAt: 1,
    settledAt: 3,
    dueAt: 4,
    calledAt: 21,
    confirmedAt: 22,
    portalUser: '585',
    refused: { revision: { at: 6, tie: -9007199254740993n }, reason: 'too-old' },
  }
  const lane = { connector: 'relay_demo', line: 7 }
  t.strictSame(toEditRow({ ...toColumns(FULL), ...lane }), seen)
  t.strictSame(toEditRow({ ...toColumns({ ...FULL, revision: null }), ...lane }), { ...seen, revision: seen.refused.revision }, 'the refused revision where there is no other')
  t.strictSame(toEditRow({ ...toColumns({ ...FULL, refused: null }), ...lane }), { ...seen, refused: null })
  t.equal(toEditRow({ ...toColumns({ ...FULL, dueAt: null, askAt: 6 }), ...lane }).dueAt, 6, 'when its client is asked for, where it waits for a name')
})

t.test('an operator sees the calls, the newest first', async t => {
  t.strictSame(toAttempts(toColumns(FULL)), [{ at: 3, durationMs: 4, code: 'rejected', words: 'no' }, { at: 1, durationMs: 2, code: 'ok', words: null }])
})
