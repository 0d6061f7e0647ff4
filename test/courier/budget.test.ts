import t from 'tap'
import { createBudget } from '../../src/courier/budget.ts'

function build (restsUntil: number | null = null) {
  let time = 1_000_000
  // The wall clock is another one: only differences carry over.
  const budget = createBudget({ restsUntil, now: () => time, wallTime: () => time + 500_000_000 })
  return { budget, resetIn: (ms: number) => (time + 500_000_000 + ms) / 1000, at: () => time, advance: (ms: number) => { time += ms } }
}

const answer = (operatingS: number | null, operatingResetAtS: number | null) => ({ startedAt: null, durationS: 1, operatingS, operatingResetAtS })

t.test('below four fifths of the limit nothing is held', async t => {
  const { budget, resetIn } = build()
  budget.answered(answer(335, resetIn(300_000)))
  t.equal(budget.heldUntil(), 0)
  t.equal(budget.usedS(), 335)
})

t.test('from four fifths on the method rests until the portal\'s reset', async t => {
  const { budget, resetIn, at } = build()
  budget.answered(answer(336, resetIn(300_000)))
  t.equal(budget.heldUntil(), at() + 300_000)
})

t.test('a portal that does not say when is asked again after a minute, one that says nonsense within ten', async t => {
  const silent = build()
  silent.budget.answered(answer(400, null))
  t.equal(silent.budget.heldUntil(), silent.at() + 60_000)
  const wrong = build()
  wrong.budget.answered(answer(400, wrong.resetIn(86_400_000)))
  t.equal(wrong.budget.heldUntil(), wrong.at() + 600_000)
})

t.test('a blocked method rests until the reset that was last told, else ten seconds', async t => {
  const { budget, resetIn, at, advance } = build()
  budget.blocked()
  t.equal(budget.heldUntil(), at() + 10_000)
  budget.answered(answer(100, resetIn(200_000)))
  budget.blocked()
  t.equal(budget.heldUntil(), at() + 200_000)
  advance(250_000)
  budget.blocked()
  t.equal(budget.heldUntil(), at() + 10_000, 'a reset that is over tells nothing')
})

t.test('what an earlier life has noted holds, within ten minutes, and a block ends no rest early', async t => {
  const { budget, at } = build(1_000_000 + 300_000)
  budget.blocked()
  t.equal(budget.heldUntil(), at() + 300_000)
  t.equal(build(1_000_000 + 86_400_000).budget.heldUntil(), at() + 600_000, 'a clock that was ahead')
})

t.test('a portal without a load limiter reports nothing, and nothing is held', async t => {
  const { budget } = build()
  budget.answered(null)
  budget.answered(answer(null, null))
  t.equal(budget.heldUntil(), 0)
})
