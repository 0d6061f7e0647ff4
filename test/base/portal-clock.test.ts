import t from 'tap'
import { createLog } from '../../src/base/log.ts'
import { createPortalClock, type ClockHistory } from '../../src/base/portal-clock.ts'

const NOW = Date.UTC(2026, 10, 22, 10)
const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

/** A relay's clocks, which are `aheadMs` ahead of the portal's at the start. */
function build (aheadMs = 0, history: Partial<ClockHistory> = {}) {
  let elapsed = 0
  let wallAhead = aheadMs
  const saved: Array<Partial<ClockHistory>> = []
  const lines: Array<Record<string, unknown>> = []
  const portalTime = (): number => NOW + elapsed
  const clock = createPortalClock({
    now: () => portalTime() + aheadMs,
    wallTime: () => portalTime() + wallAhead,
    save: patch => { saved.push(patch) },
    log: createLog('info', { write: line => { lines.push(JSON.parse(line)) } }),
  })
  clock.restore({ clockRightAt: 0, clockWrongAt: 0, ...history })
  return {
    clock,
    saved,
    lines,
    portalTime,
    answer: () => clock.answered(portalTime()),
    pass: (ms: number) => { elapsed += ms },
    setWallClock: (ms: number) => { wallAhead = ms },
  }
}

t.test('before the portal has answered nothing is known', async t => {
  const { clock } = build()
  t.equal(clock.isProven(), false)
  t.equal(clock.time(), null)
  t.equal(clock.presentFor(DAY), null)
})

t.test('an answer proves a clock that is at most five minutes off', async t => {
  for (const [aheadMs, isProven] of [[0, true], [5 * MINUTE, true], [-5 * MINUTE, true], [5 * MINUTE + 1, false], [-5 * MINUTE - 1, false]] as const) {
    const { clock, answer } = build(aheadMs)
    answer()
    t.equal(clock.isProven(), isProven, String(aheadMs))
  }
})

t.test('the portal\'s time goes on between its answers', async t => {
  const { clock, answer, pass, portalTime } = build(20 * DAY)
  answer()
  pass(3 * DAY)
  t.equal(clock.time(), portalTime())
})

t.test('a wall clock that is set while the process runs is not proven any more, until it is set right', async t => {
  const { clock, answer, setWallClock } = build()
  answer()
  setWallClock(DAY)
  t.equal(clock.isProven(), false)
  setWallClock(MINUTE)
  t.equal(clock.isProven(), true)
})

t.test('a wrong clock is reported once, and once it is right again', async t => {
  const { answer, setWallClock, lines } = build(-2 * DAY)
  answer()
  answer()
  setWallClock(0)
  answer()
  answer()
  t.match(lines, [{ level: 50, event: 'clock.wrong', aheadS: -2 * 86_400 }, { level: 30, event: 'clock.right', aheadS: 0 }])
  t.equal(lines.length, 2)
})

t.test('no stored time looks older than it is', async t => {
  const right = build()
  right.answer()
  t.equal(right.clock.presentFor(DAY), NOW)
  const ahead = build(20 * DAY)
  ahead.answer()
  t.equal(ahead.clock.presentFor(DAY), NOW, 'a former process with a right clock may have stored it')
  const behind = build(-20 * DAY)
  behind.answer()
  t.equal(behind.clock.presentFor(DAY), NOW - 20 * DAY, 'this process may have stored it')
})

t.test('times that an earlier process has stored by a wrong clock tell nothing, until all of them are old enough', async t => {
  const { clock, answer, pass } = build(0, { clockWrongAt: NOW - DAY })
  answer()
  t.equal(clock.presentFor(DAY), null)
  pass(1)
  t.equal(clock.presentFor(DAY), NOW + 1)
})

t.test('a clock that lies before the last time at which it was right is wrong, even if the portal agrees', async t => {
  const { clock, answer, saved } = build(0, { clockRightAt: NOW + 20 * DAY })
  answer()
  t.equal(clock.isProven(), false)
  t.strictSame(saved, [{ clockWrongAt: NOW + 20 * DAY }])
})

t.test('what survives a restart is stored once an hour', async t => {
  for (const [aheadMs, name] of [[0, 'clockRightAt'], [DAY, 'clockWrongAt']] as const) {
    const { answer, pass, saved } = build(aheadMs)
    answer()
    pass(59 * MINUTE)
    answer()
    t.strictSame(saved, [{ [name]: NOW }])
    pass(MINUTE)
    answer()
    t.strictSame(saved, [{ [name]: NOW }, { [name]: NOW + 60 * MINUTE }])
  }
})
