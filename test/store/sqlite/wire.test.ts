import { deepStrictEqual } from 'node:assert'
import t from 'tap'
import fc from 'fast-check'
import { decodeEdits, encodeEdits } from '../../../src/store/sqlite/wire.ts'
import type { IncomingEdit } from '../../../src/store/store.ts'

const text = fc.string({ unit: 'binary' })
const absentOrText = fc.option(text, { nil: undefined })
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })

/** Plain objects with their fields in the given order, as the program makes them. */
function record<T extends object> (fields: { [Key in keyof T]: fc.Arbitrary<T[Key]> }) {
  return fc.record(fields, { noNullPrototype: true })
}

const incoming: fc.Arbitrary<IncomingEdit> = record({
  id: text,
  key: record({ portal: text, connector: text, line: fc.nat(), chat: text, message: text }),
  channel: text,
  digest: text,
  replaced: absentOrText,
  refusal: fc.constantFrom('empty-text' as const, 'too-old' as const, null),
  now: fc.double({ noNaN: true }),
  settleMs: fc.nat(),
  edit: record({
    direction: fc.constantFrom('in' as const, 'out' as const, undefined),
    user: record({ id: text, name: absentOrText, lastName: absentOrText, pictureUrl: absentOrText, url: absentOrText, gender: absentOrText, email: absentOrText, phone: absentOrText, lookUpId: absentOrText }),
    message: record({ id: text, date: fc.option(fc.nat(), { nil: undefined }), text, files: fc.array(record({ url: text, name: absentOrText }), { maxLength: 3 }) }),
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

function toJson (edits: readonly IncomingEdit[]): string {
  return JSON.stringify(edits.map(({ edit: { user, message, chat } }) => ({ user, message, chat })))
}
