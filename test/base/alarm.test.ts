import t from 'tap'
import { setImmediate as turn } from 'node:timers/promises'
import { createAlarm } from '../../src/base/alarm.ts'

const HOUR_MS = 3600_000

/** A sleep of an hour, unless something rings, of which one can see whether it is over. */
function fallAsleep (alarm: ReturnType<typeof createAlarm>, ms = HOUR_MS) {
  let isAwake = false
  const slept = alarm.sleep(ms).then(() => { isAwake = true })
  return {
    slept,
    async isAwake (): Promise<boolean> {
      for (let turns = 0; turns < 10; turns++) await turn()
      return isAwake
    },
  }
}

t.test('a sleep ends by itself', async t => {
  const { slept, isAwake } = fallAsleep(createAlarm(), 20)
  await slept
  t.ok(await isAwake())
})

t.test('a ring ends it at once, or in so many milliseconds', async t => {
  const alarm = createAlarm()
  const first = fallAsleep(alarm)
  t.notOk(await first.isAwake())
  alarm.ring()
  t.ok(await first.isAwake())

  const second = fallAsleep(alarm, Infinity)
  alarm.ring(HOUR_MS)
  alarm.ring(HOUR_MS / 2)
  t.notOk(await second.isAwake())
  alarm.ring(20)
  alarm.ring(HOUR_MS / 2)
  await second.slept
})

t.test('a ring for later than its end changes nothing', async () => {
  const alarm = createAlarm()
  const { slept } = fallAsleep(alarm, 20)
  alarm.ring(HOUR_MS)
  await slept
})

t.test('a ring before the sleep counts, for that sleep alone', async t => {
  const alarm = createAlarm()
  alarm.ring()
  t.ok(await fallAsleep(alarm).isAwake())

  alarm.ring(20)
  await fallAsleep(alarm).slept

  const third = fallAsleep(alarm)
  t.notOk(await third.isAwake())
  alarm.ring()
  await third.slept
})

t.test('a sleep longer than a timer can be does not end at once', async t => {
  for (const ms of [2 ** 31, Infinity]) {
    const alarm = createAlarm()
    const { slept, isAwake } = fallAsleep(alarm, ms)
    // Node ends such a timer after a millisecond.
    await new Promise(resolve => setTimeout(resolve, 10))
    t.notOk(await isAwake())
    alarm.ring()
    await slept
  }
})

t.test('a sleep that is over when it begins sets no timer for the past, of which Node would warn among the lines of the log', async t => {
  const warnings: string[] = []
  const note = ({ name }: Error): void => { warnings.push(name) }
  process.on('warning', note)
  t.teardown(() => process.off('warning', note))
  for (let time = 0; time < 10; time++) await createAlarm().sleep(0)
  await turn()
  t.strictSame(warnings, [])
})
