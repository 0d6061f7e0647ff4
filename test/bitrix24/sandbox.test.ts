import t from 'tap'
import type { Test } from 'tap'
import { UPDATE_MESSAGES, readAnswer, toWire } from '../../src/bitrix24/update-messages.ts'
import { startSandbox } from '../../sandbox/sandbox.ts'
import { openSession } from './scripted-portal.ts'
import { portalEdit } from '../portal-edit.ts'

/** A session that starts from the relay's first refresh token, as the environment gives it. */
async function connect (t: Test, responseTimeoutMs?: number) {
  const sandbox = await startSandbox({ limits: false })
  t.teardown(() => sandbox.close())
  const opened = openSession(t, sandbox.url, { config: { refreshToken: 'relay-refresh' }, record: { tokens: null }, responseTimeoutMs })
  await opened.session.open()

  const control = async <T = unknown>(path: string, body?: unknown): Promise<T> => {
    const response = await fetch(`${sandbox.url}/sandbox/${path}`, body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) })
    return await response.json() as T
  }
  const tokenCalls = async () => (await control<{ method: string }[]>('calls')).filter(call => call.method === 'oauth.token').length
  const text = async () => (await control<{ text: string }[]>('messages?chat=chat-1&message=m1'))[0]?.text
  const send = (method: string, words: string) => opened.session.call(method, toWire({ connector: 'relay_demo', line: 1 }, [{
    edit: portalEdit({
      user: { id: 'u1', name: 'Ivan', lastName: 'Petrov' },
      message: { id: 'm1', date: Date.now(), text: words, files: [] },
      chat: { id: 'chat-1', name: 'Support' },
      revision: { at: 1, tie: 0n },
    }),
    omitFiles: false,
  }]))
  const fault = (name: unknown, method = UPDATE_MESSAGES) => control('faults', [{ method, fault: name, times: 1 }])
  const seed = () => send('imconnector.send.messages', 'before')
  return { ...opened, control, tokenCalls, text, send, fault, seed, edit: (words: string) => send(UPDATE_MESSAGES, words) }
}

t.test('an edit reaches the message in the portal, and the answer is read for it', async t => {
  const { seed, edit, text, control } = await connect(t)
  t.match(await seed(), { kind: 'answered' })
  const result = await edit('after')
  t.match(result, { kind: 'answered', requests: 1 })
  t.match(result.kind === 'answered' && readAnswer(result.result, 1), [{ kind: 'delivered', unknownUser: false, portalUser: /^\d+$/ }])
  t.equal(await text(), 'after')
  const users = await control<{ externalId: string, writes: number }[]>('users')
  t.equal(users.find(user => user.externalId === 'u1')?.writes, 1, 'the profile was written once')
})

t.test('an edit of a client whom the portal does not know is told apart', async t => {
  const { edit } = await connect(t)
  const result = await edit('after')
  t.match(result.kind === 'answered' && readAnswer(result.result, 1), [{ kind: 'delivered', unknownUser: true, portalUser: /^\d+$/ }])
})

t.test('an item that the portal rejects carries the portal\'s words', async t => {
  const { seed, session } = await connect(t)
  await seed()
  const result = await session.call(UPDATE_MESSAGES, { CONNECTOR: 'relay_demo', LINE: 1, MESSAGES: [{ user: { id: 'u1' }, chat: { id: 'chat-1' } }] })
  t.match(result.kind === 'answered' && readAnswer(result.result, 1), [{ kind: 'rejected', words: /\S/ }])
})

t.test('concurrent calls at expiry make exactly one refresh', async t => {
  const { seed, edit, text, tokenCalls, control } = await connect(t)
  await seed()
  const before = await tokenCalls()
  await control('clock', { advanceMs: 3_700_000 })
  const results = await Promise.all(Array.from({ length: 10 }, () => edit('after')))
  t.ok(results.every(result => result.kind === 'answered'))
  t.equal(await tokenCalls(), before + 1)
  t.equal(await text(), 'after')
})

t.test('a token that the portal calls expired is renewed and the call repeated', async t => {
  const { seed, edit, text, fault, tokenCalls } = await connect(t)
  await seed()
  const before = await tokenCalls()
  await fault('expired-token')
  t.match(await edit('after'), { kind: 'answered', requests: 2 })
  t.equal(await tokenCalls(), before + 1)
  t.equal(await text(), 'after')
})

t.test('a refresh whose answer is lost has used up the token: the second try is refused for good', async t => {
  const { seed, edit, fault, tokenCalls, memory } = await connect(t)
  await seed()
  const before = await tokenCalls()
  await fault('expired-token')
  await fault('lost-answer', 'oauth.token')
  t.match(await edit('after'), { kind: 'refused', code: 'invalid_grant' })
  t.equal(await tokenCalls(), before + 2)
  t.match(memory.record(), { refreshStartedAt: null, refreshTries: 0 })
})

t.test('a refresh that never reached the server\'s mind is repeated with the same token', async t => {
  for (const name of ['reset', 'html-502']) {
    const { seed, edit, fault, text } = await connect(t)
    await seed()
    await fault('expired-token')
    await fault(name, 'oauth.token')
    t.match(await edit('after'), { kind: 'answered' }, name)
    t.equal(await text(), 'after')
  }
})

t.test('what may still be applied is unknown, and what has ended is refused', async t => {
  const cases: [unknown, object, string][] = [
    ['html-502', { kind: 'unknown', cause: 'HTTP_502' }, 'before'],
    ['half', { kind: 'unknown' }, 'after'],
    ['reset', { kind: 'unknown' }, 'before'],
    ['lost-answer', { kind: 'unknown' }, 'after'],
    ['timeout', { kind: 'unknown' }, 'before'],
    ['applied-then-timeout', { kind: 'unknown' }, 'after'],
    ['503', { kind: 'refused', code: 'QUERY_LIMIT_EXCEEDED', status: 503 }, 'before'],
    ['429', { kind: 'refused', code: 'OPERATION_TIME_LIMIT', status: 429 }, 'before'],
    ['500', { kind: 'refused', code: 'INTERNAL_SERVER_ERROR', status: 500 }, 'before'],
    [{ error: 'OVERLOAD_LIMIT', status: 503 }, { kind: 'refused', code: 'OVERLOAD_LIMIT' }, 'before'],
    ['redirect', { kind: 'refused', code: 'PORTAL_MOVED' }, 'before'],
  ]
  for (const [name, outcome, shown] of cases) {
    const { seed, edit, fault, text } = await connect(t, 500)
    await seed()
    await fault(name)
    t.match(await edit('after'), outcome, JSON.stringify(name))
    t.equal(await text(), shown, `${JSON.stringify(name)} shows ${shown}`)
  }
})

t.test('an inactive line and an unknown connector are told by their codes', async t => {
  const { session } = await connect(t)
  const messages = [{ user: { id: 'u1', name: 'I' }, message: { id: 'm', text: 'x' }, chat: { id: 'c' } }]
  t.match(await session.call(UPDATE_MESSAGES, { CONNECTOR: 'relay_demo', LINE: 77, MESSAGES: messages }), { kind: 'refused', code: 'NOT_ACTIVE_LINE' })
  t.match(await session.call(UPDATE_MESSAGES, { CONNECTOR: 'nobody', LINE: 1, MESSAGES: messages }), { kind: 'refused', code: /^IMCONNECTOR_/ })
})

t.test('the probes of a park are answered', async t => {
  const { session } = await connect(t)
  t.match(await session.call('app.info', {}), { kind: 'answered', result: { CODE: 'local.relay' } })
  t.match(await session.call('imconnector.status', { CONNECTOR: 'relay_demo', LINE: 1 }), { kind: 'answered', result: { STATUS: true } })
})
