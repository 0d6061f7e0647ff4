import t from 'tap'
import { createTurn } from '../../src/http/turn.ts'

t.test('what one turn brings goes on together, each step for all of it before the next', async t => {
  const endOfTurn = createTurn()
  const steps: string[] = []
  const serve = async (name: string) => {
    steps.push(`${name} arrives`)
    await endOfTurn()
    steps.push(`${name} is read`)
    await null
    steps.push(`${name} is stored`)
  }

  // As requests of several connections come: each from a callback of its own, after which all promises that can go on do.
  const served: Array<Promise<void>> = []
  const bring = (name: string) => new Promise<void>(resolve => { process.nextTick(() => { served.push(serve(name)); resolve() }) })
  await bring('one')
  await bring('two')
  await Promise.all(served)

  t.same(steps, ['one arrives', 'two arrives', 'one is read', 'two is read', 'one is stored', 'two is stored'])
})

t.test('what comes later waits for the end of its own turn', async t => {
  const endOfTurn = createTurn()
  const first = endOfTurn()
  t.equal(endOfTurn(), first, 'one wait for all of a turn')
  await first
  t.not(endOfTurn(), first)
})
