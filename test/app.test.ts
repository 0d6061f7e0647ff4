import t from 'tap'
import { buildRelay } from './relay.ts'

t.test('what does not exist is a problem document too', async t => {
  const { app } = await buildRelay(t)
  for (const request of [{ url: '/' }, { url: '/webhooks/default' }, { method: 'DELETE', url: '/livez' }, { url: `/${'x'.repeat(5000)}` }] as const) {
    const answer = await app.inject(request)
    t.equal(answer.statusCode, 404, request.url.slice(0, 20))
    t.match(answer.headers['content-type'], /^application\/problem\+json/)
    t.match(answer.json(), { type: 'about:blank', status: 404, title: 'Not Found' })
  }
})

t.test('what is sent to where nothing is, or in a form that nobody sends, is not parsed', async t => {
  const { app } = await buildRelay(t)
  const json = { 'content-type': 'application/json' }
  const nowhere = [['POST', '/'], ['POST', '/livez'], ['PUT', '/webhooks/default'], ['POST', '/metrics'], ['OPTIONS', '/bitrix24/install']] as const
  for (const [method, url] of nowhere) {
    for (const payload of ['{', '['.repeat(2_000_000)]) t.equal((await app.inject({ method, url, headers: json, payload })).statusCode, 404, `${method} ${url}`)
  }
  t.equal((await app.inject({ method: 'POST', url: '/bitrix24/install', headers: json, payload: '{' })).statusCode, 415)
})

t.test('an address that cannot be read is a bad request', async t => {
  const { app } = await buildRelay(t)
  const answer = await app.inject({ url: '/%zz' })
  t.equal(answer.statusCode, 400)
  t.match(answer.headers['content-type'], /^application\/problem\+json/)
})

t.test('an unexpected fault is logged with its cause and tells nobody else', async t => {
  const { app, lines } = await buildRelay(t, { dependencies: { condition: () => { throw new Error('hidden', { cause: new Error('deeper') }) } } })
  const answer = await app.inject({ url: '/readyz' })
  t.equal(answer.statusCode, 500)
  t.notMatch(answer.body, 'hidden')
  t.match(lines, [{ level: 50, event: 'request.failed', method: 'GET', route: '/readyz', err: { message: 'hidden', cause: { message: 'deeper' } } }])
})

t.test('the install page and the install event are reached', async t => {
  const { app } = await buildRelay(t)
  t.equal((await app.inject({ method: 'POST', url: '/bitrix24/install', headers: { 'content-type': 'application/x-www-form-urlencoded' }, payload: 'event=ONAPPINSTALL' })).statusCode, 200)
  t.equal((await app.inject({ url: '/bitrix24/install' })).statusCode, 200)
})
