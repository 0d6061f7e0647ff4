import t from 'tap'
import fc from 'fast-check'
import { accept, type IdentifiedEdit } from '../../../src/outbox/rules/accept.ts'
import type { OutboxRow } from '../../../src/outbox/rules/row.ts'
import { incoming } from '../edits.ts'

/** Edits of a messenger without a clock for them: all of one revision, each telling what it replaces. */
function edits (texts: readonly string[]): IdentifiedEdit[] {
  return texts.slice(1).map((text, index) => incoming({ text, replaces: texts[index] ?? '' }))
}

function take (arrivals: readonly IdentifiedEdit[]) {
  let row: OutboxRow | null = null
  const outcomes = arrivals.map(edit => {
    const accepted = accept(row, edit)
    row = accepted.row ?? row
    return accepted.result.outcome
  })
  return { outcomes, text: (row as OutboxRow | null)?.edit?.message.text }
}

const numbered = (count: number) => Array.from({ length: count + 1 }, (_, index) => `text ${index}`)

t.test('two edits in the wrong order', async t => {
  t.strictSame(take(edits(numbered(2)).toReversed()), { outcomes: ['accepted', 'duplicate'], text: 'text 2' })
})

t.test('three edits in each order: only the first between the third and the second is taken for newer', async t => {
  const [first, second, third] = edits(numbered(3)) as [IdentifiedEdit, IdentifiedEdit, IdentifiedEdit]
  const orders = [[first, second, third], [first, third, second], [second, first, third], [second, third, first], [third, second, first]]
  for (const order of orders) t.equal(take(order).text, 'text 3')
  t.equal(take([third, first, second]).text, 'text 2')
})

t.test('any number of edits in the reversed order', async t => {
  t.doesNotThrow(() => fc.assert(fc.property(fc.integer({ min: 1, max: 30 }), count => take(edits(numbered(count)).toReversed()).text === `text ${count}`)))
})

t.test('in order, with any of the earlier ones once more at any time', async t => {
  t.doesNotThrow(() => fc.assert(fc.property(fc.integer({ min: 1, max: 10 }), fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 10 }), (count, repeats) => {
    const arrivals = edits(numbered(count))
    for (const [from, to] of repeats) {
      const edit = arrivals[from % arrivals.length]
      const after = arrivals.lastIndexOf(edit as IdentifiedEdit) + 1
      arrivals.splice(after + to % (arrivals.length - after + 1), 0, edit as IdentifiedEdit)
    }
    return take(arrivals).text === `text ${count}`
  })))
})

t.test('back to an earlier text, as often as one likes, each delivered once or twice in a row', async t => {
  const texts = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 2, maxLength: 20 }).map(all => all.filter((text, index) => text !== all[index - 1]))
  t.doesNotThrow(() => fc.assert(fc.property(texts, fc.infiniteStream(fc.boolean()), (texts, twice) => {
    const arrivals = edits(texts).flatMap(edit => twice.next().value ? [edit, edit] : [edit])
    return arrivals.length === 0 || take(arrivals).text === texts.at(-1)
  })))
})

t.test('who does not say what is replaced cannot return to an earlier text', async t => {
  const { outcomes, text } = take(['a', 'b', 'a'].map(text => incoming({ text })))
  t.strictSame(outcomes, ['accepted', 'accepted', 'duplicate'])
  t.equal(text, 'b')
})

t.test('what is replaced is forgotten with its revision', async t => {
  const { outcomes } = take([incoming({ at: 1, text: 'b', replaces: 'a' }), incoming({ at: 2, text: 'c', replaces: 'b' }), incoming({ at: 2, text: 'a', replaces: 'x' })])
  t.strictSame(outcomes, ['accepted', 'accepted', 'accepted'])
})
