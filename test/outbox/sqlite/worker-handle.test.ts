import t from 'tap'
import { Worker } from 'node:worker_threads'

const MORTAL = `
  const { parentPort } = require('node:worker_threads')
  parentPort.on('message', jobs => {
    if (jobs.some(job => job.verb === 'die')) throw new Error('out of memory')
    parentPort.postMessage({ values: jobs.map(job => job.verb) })
  })
  parentPort.postMessage({ portal: 'portal' })`

/** A real thread of another program, which can be made to die. */
class MortalWorker extends Worker {
  constructor () {
    super(MORTAL, { eval: true })
  }
}

t.test('a thread that dies ends the store: jobs that wait and later ones are told, and the process is told once', async t => {
  const { startWorker } = await t.mockImport<typeof import('../../../src/outbox/sqlite/worker-handle.ts')>('../../../src/outbox/sqlite/worker-handle.ts', { 'node:worker_threads': { Worker: MortalWorker } })
  const lost: Error[] = []
  const worker = await startWorker({ path: 'none', role: 'writer', lockWaitMs: 0 }, error => { lost.push(error) })
  const job = (verb: string) => ({ part: 'outbox', verb, args: [] })
  t.strictSame(await worker.commit([job('a'), job('b')]), ['a', 'b'])
  const waiting = [worker.commit([job('die')]), worker.commit([job('c')])]
  t.match(await Promise.allSettled(waiting), waiting.map(() => ({ status: 'rejected', reason: { name: 'StoreUnavailable', message: 'a thread of the database has stopped', cause: { message: 'out of memory' } } })))
  await t.rejects(worker.commit([job('d')]), { name: 'StoreUnavailable' })
  t.equal(lost.length, 1)
  await worker.close()
})
