import t from 'tap'
import { StoreUnavailable } from '../../src/base/errors.ts'
import { createGroupCommit } from '../../src/outbox/group-commit.ts'

const double = (jobs: readonly number[]) => jobs.map(job => job * 2)
const range = (count: number) => Array.from({ length: count }, (_, index) => index)
const turn = () => new Promise(resolve => setImmediate(resolve))
const never = new Promise<never>(() => {})

/** More than any test needs. A group commit that repeats a job for ever is stopped here, and its test fails. */
const MAX_COMMITS = 20

/** A group commit in which the value of a job is its double, and what it does. */
function start (commit = async (jobs: readonly number[]) => double(jobs)) {
  const commits: Array<readonly number[]> = []
  const observed: Array<{ readonly jobs: number, readonly commitMs: number }> = []
  const group = createGroupCommit<number, number>({
    commit: jobs => {
      commits.push(jobs)
      return commits.length > MAX_COMMITS ? never : commit(jobs)
    },
    observe: batch => { observed.push(batch) },
  })
  return {
    group,
    commits,
    observed,
    runAll: (jobs: readonly number[]) => Promise.all(jobs.map(job => group.run(job))),
    settleAll: (jobs: readonly number[]) => Promise.allSettled(jobs.map(job => group.run(job))),
  }
}

/** Commits run until `open` is called. */
function createGate () {
  const { promise, resolve } = Promise.withResolvers<void>()
  return {
    open: resolve,
    commit: async (jobs: readonly number[]) => {
      await promise
      return double(jobs)
    },
  }
}

t.test('jobs of one turn share a commit, and each gets its own value', async t => {
  const { commits, observed, runAll } = start()
  const started = performance.now()
  t.strictSame(await runAll([1, 2, 3]), [2, 4, 6])
  const elapsedMs = performance.now() - started
  t.strictSame(commits, [[1, 2, 3]])
  t.match(observed, [{ jobs: 3 }])
  t.ok(observed.every(({ commitMs }) => commitMs >= 0 && commitMs <= elapsedMs), 'the time of the commit is observed')
})

t.test('jobs that come while a commit runs share the next one', async t => {
  const { open, commit } = createGate()
  const { commits, runAll } = start(commit)
  const first = runAll([1])
  await turn()
  const later = [runAll([2])]
  await turn()
  later.push(runAll([3]))
  await turn()
  t.strictSame(commits, [[1]], 'one commit at a time')
  open()
  await first
  t.strictSame(await Promise.all(later), [[4], [6]])
  t.strictSame(commits, [[1], [2, 3]])
})

t.test('after a rest the next job is committed as the first was', async t => {
  const { commits, runAll } = start()
  t.strictSame(await runAll([1]), [2])
  await turn()
  t.strictSame(await runAll([2]), [4])
  t.strictSame(commits, [[1], [2]])
})

t.test('a batch that fails is repeated job by job, one after another, and the bad job fails alone', async t => {
  let running = 0
  const { commits, observed, settleAll } = start(async jobs => {
    t.equal(++running, 1)
    await turn()
    running--
    if (jobs.includes(2)) throw new Error('bad')
    return double(jobs)
  })
  t.match(await settleAll([1, 2, 3]), [{ value: 2 }, { reason: { message: 'bad' } }, { value: 6 }])
  t.strictSame(commits, [[1, 2, 3], [1], [2], [3]])
  t.strictSame(observed.map(({ jobs }) => jobs), [1, 1], 'only commits are observed')
})

t.test('a job that fails alone is not repeated', async t => {
  const { commits, runAll } = start(() => Promise.reject(new Error('bad')))
  await t.rejects(runAll([1]), { message: 'bad' })
  t.strictSame(commits, [[1]])
})

t.test('where the database cannot be used, all jobs of a batch fail at once', async t => {
  const { commits, settleAll } = start(() => Promise.reject(new StoreUnavailable('the disk is full')))
  t.match(await settleAll([1, 2]), [{ reason: { message: 'the disk is full' } }, { reason: { message: 'the disk is full' } }])
  t.strictSame(commits, [[1, 2]])
})

t.test('at most 2000 jobs share a commit', async t => {
  const { commits, runAll } = start()
  t.strictSame(await runAll(range(2001)), double(range(2001)))
  t.strictSame(commits.map(jobs => jobs.length), [2000, 1])
})

t.test('at most 20000 jobs wait, and more are taken when those are committed', async t => {
  const { group, runAll } = start()
  const taken = runAll(range(20_000))
  await t.rejects(group.run(1), { name: 'StoreUnavailable', message: 'too many edits wait for the database' })
  t.equal((await taken).length, 20_000)
  t.equal(await group.run(1), 2)
})

t.test('at most 32 million characters wait or are committed, and more are taken when those are done', async t => {
  const { promise: opened, resolve: open } = Promise.withResolvers<void>()
  const million = 'x'.repeat(1024 * 1024)
  const group = createGroupCommit<{ readonly texts: readonly string[] }, number>({
    commit: async jobs => {
      await opened
      if (jobs.some(({ texts }) => texts.includes('bad'))) throw new Error('bad')
      return jobs.map(({ texts }) => texts.length)
    },
    observe: () => {},
  })
  const taken = [group.run({ texts: [million, million] })]
  await turn()
  for (let count = 0; count < 30; count++) taken.push(group.run({ texts: [million] }))
  await t.rejects(group.run({ texts: ['one more'] }), { name: 'StoreUnavailable', message: 'too many edits wait for the database' })
  open()
  t.equal((await Promise.all(taken)).length, 31)
  await t.rejects(group.run({ texts: ['bad', ...Array<string>(31).fill(million)] }), { message: 'bad' })
  t.equal(await group.run({ texts: Array<string>(40).fill(million) }), 40, 'one job is taken, however long')
})

t.test('closing waits for the jobs that were taken, and takes no more', async t => {
  const { open, commit } = createGate()
  const { group } = start(commit)
  const taken = group.run(1)
  let isClosed = false
  const closed = group.close().then(() => { isClosed = true })
  await t.rejects(group.run(2), { name: 'ShuttingDown', message: 'the store is closed' })
  await turn()
  t.equal(isClosed, false)
  open()
  await closed
  t.equal(await taken, 2)
})

t.test('one that has never run closes at once', async t => {
  await t.resolves(start().group.close())
})
