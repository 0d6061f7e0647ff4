import { deepStrictEqual } from 'node:assert'
import t from 'tap'
import fc from 'fast-check'
import { decodeEdits, decodeResults, encodeEdits, encodeResults } from '../../../src/store/sqlite/wire.ts'
import type { IncomingEdit, IntakeResult } from '../../../src/store/store.ts'

const text = fc.string({ unit: 'binary' })
const absentOrText = fc.option(text, { nil: undefined })
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })

/** Plain objects with their fields in the given order, as the program makes them. */
function record<T extends object> (fields: { [Key in keyof T]: fc.Arbitrary<T[Key]> }) {
  return fc.record(fields, { noNullPrototype: true })
}

const files = fc.array(record({ url: text, name: absentOrText }), { maxLength: 3 })

const incoming: fc.Arbitrary<IncomingEdit> = record({
  key: record({ portal: text, connector: text, line: fc.nat(), chat: text, message: text }),
  channel: text,
  refusal: fc.constantFrom('empty-text' as const, 'too-old' as const, null),
  now: fc.double({ noNaN: true }),
  settleMs: fc.nat(),
  edit: record({
    direction: fc.constantFrom('in' as const, 'out' as const, undefined),
    user: record({ id: text, name: absentOrText, lastName: absentOrText, pictureUrl: absentOrText, url: absentOrText, gender: absentOrText, email: absentOrText, phone: absentOrText, lookUpId: absentOrText }),
    message: record({ id: text, date: fc.option(fc.nat(), { nil: undefined }), text, files }),
    replaces: fc.option(record({ text, files }), { nil: undefined }),
    chat: record({ id: text, name: absentOrText, url: absentOrText }),
    revision: record({ at: fc.maxSafeInteger(), tie: int64 }),
  }),
})

t.test('edits come out of the other thread as they went in, and to the same JSON', async () => {
  fc.assert(fc.property(fc.array(incoming, { maxLength: 4 }), edits => {
    const decoded = decodeEdits(structuredClone(encodeEdits(edits)))
    deepStrictEqual(decoded, edits)
    // Stored contents and profiles are compared as text, so that the order of their fields is part of it.
    deepStrictEqual(toJson(decoded), toJson(edits))
  }), { numRuns: 200 })
})

t.test('what became of them comes back in order', async () => {
  const results = fc.array(record<IntakeResult>({ id: text, outcome: fc.constantFrom('accepted', 'duplicate', 'stale', 'refused'), dueAt: fc.option(fc.double({ noNaN: true })) }), { maxLength: 4 })
  fc.assert(fc.property(results, given => deepStrictEqual(decodeResults(structuredClone(encodeResults(given))), given)))
})

function toJson (edits: readonly IncomingEdit[]): string {
  return JSON.stringify(edits.map(({ edit: { user, message, chat } }) => ({ user, message, chat })))
}
