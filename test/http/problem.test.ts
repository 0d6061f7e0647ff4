import t from 'tap'
import { BadRequest, ConfigError, Forbidden, NotFound, Overloaded, ShuttingDown, StoreUnavailable, TooManyRequests, Unauthenticated } from '../../src/base/errors.ts'
import { problemSchema, toProblem } from '../../src/http/problem.ts'

t.test('each error has its status', async t => {
  const cases: [Error, number, number | null][] = [
    [new BadRequest('x'), 400, null],
    [new Unauthenticated('x'), 401, null],
    [new Forbidden('x'), 403, null],
    [new NotFound('x'), 404, null],
    [new TooManyRequests('x', 17), 429, 17],
    [new StoreUnavailable('x'), 503, 5],
    [new Overloaded('x'), 503, 5],
    [new ShuttingDown('x'), 503, 5],
    [Object.assign(new Error('x'), { statusCode: 413, code: 'FST_ERR_CTP_BODY_TOO_LARGE' }), 413, null],
  ]
  for (const [error, status, retryAfterS] of cases) {
    const answer = toProblem(error)
    t.match(answer, { problem: { status, detail: 'x', type: 'about:blank', title: /\w/ }, retryAfterS }, `${error.name} ${status}`)
    t.equal(problemSchema.safeParse(answer.problem).success, true)
  }
})

t.test('faulty fields are named', async t => {
  t.strictSame(toProblem(new BadRequest('x', [{ pointer: '/a', detail: 'y' }])).problem.errors, [{ pointer: '/a', detail: 'y' }])
})

t.test('a fault of ours tells nothing', async t => {
  const theirs = Object.assign(new Error('hidden'), { statusCode: 400, code: 'ECONNREFUSED' })
  const broken = Object.assign(new Error('hidden'), { statusCode: 500, code: 'FST_ERR_X' })
  for (const error of [new Error('hidden'), new ConfigError(['hidden']), theirs, broken, 'hidden', null]) {
    t.equal(toProblem(error).problem.status, 500)
    t.notMatch(JSON.stringify(toProblem(error)), 'hidden')
  }
})
