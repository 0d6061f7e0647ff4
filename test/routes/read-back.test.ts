import t from 'tap'
import { TooManyRequests } from '../../src/base/errors.ts'
import { createOpenLines } from '../../src/bitrix24/open-lines.ts'
import { createReadBack } from '../../src/operations/read-back.ts'
import { buildRelay, edit, webhook } from '../relay.ts'

const ADMIN_TOKEN = 'an-admin-token-of-the-test'
const headers = { authorization: `Bearer ${ADMIN_TOKEN}` }
const VERIFY = { method: 'POST', url: '/api/edits/unknown/verify' } as const
const DIALOG = { method: 'GET', url: '/api/dialogs/chat1' } as const

t.test('only an operator may ask the portal', async t => {
  const { app } = await buildRelay(t, { env: { ADMIN_TOKEN } })
  for (const question of [VERIFY, DIALOG]) {
    t.equal((await app.inject(question)).statusCode, 401)
    t.equal((await app.inject({ ...question, headers: { authorization: 'Bearer wrong' } })).statusCode, 401)
  }
  const { app: closed } = await buildRelay(t)
  for (const question of [VERIFY, DIALOG]) t.equal((await closed.inject({ ...question, headers })).statusCode, 404)
})

t.test('what cannot be asked is told in the form of each question', async t => {
  const { app } = await buildRelay(t, { env: { ADMIN_TOKEN } })
  const { edits: [{ id }] } = (await app.inject(webhook(edit('Hello')))).json()
  const verified = await app.inject({ method: 'POST', url: `/api/edits/${id}/verify`, headers })
  t.equal(verified.statusCode, 200)
  t.strictSame(verified.json(), { found: null, text: null, expected: 'Hello', matches: null, note: 'there is no portal' })
  const dialog = await app.inject({ ...DIALOG, headers })
  t.match(dialog.headers['content-type'], /^application\/problem\+json/)
  t.strictSame(dialog.json(), { type: 'about:blank', title: 'Bad Gateway', status: 502, detail: 'there is no portal' })
  const { paths } = (await app.inject({ url: '/openapi.json' })).json()
  t.match(paths['/api/edits/{id}/verify'].post, { summary: String, responses: { 200: Object, 404: Object, 429: Object } })
  t.match(paths['/api/dialogs/{dialog}'].get, { summary: String, responses: { 200: Object, 400: Object, 404: Object, 502: Object } })
})

t.test('too many questions are refused, with a time to come back', async t => {
  const call = async (): Promise<never> => { throw new TooManyRequests('too many questions', 5) }
  const readBack = createReadBack({ outbox: { find: async () => null, content: async () => null }, openLines: createOpenLines({ call }) })
  const { app } = await buildRelay(t, { env: { ADMIN_TOKEN }, dependencies: { readBack } })
  const answer = await app.inject({ ...DIALOG, headers })
  t.strictSame([answer.statusCode, answer.headers['retry-after'], answer.json().detail], [429, '5', 'too many questions'])
})
