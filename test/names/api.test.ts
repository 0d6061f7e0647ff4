import t, { type Test } from 'tap'
import { createApi, createApiDispatcher } from '../../src/names/api.ts'
import { answer, startRawServer } from '../bitrix24/raw-server.ts'

const NEVER = new AbortController().signal
const TOKEN = 'a-token-of-the-tests'

function createAsk (t: Test, timeoutMs?: number) {
  const dispatcher = createApiDispatcher()
  t.teardown(() => dispatcher.destroy())
  return createApi({ dispatcher, userAgent: 'imconnector-relay/1.2.3', now: Date.now, ...(timeoutMs === undefined ? {} : { timeoutMs }) })
}

const question = (url: string) => ({ url: new URL('/method?x=1', url), headers: { authorization: `Bearer ${TOKEN}` } })

t.test('a question without a form is a GET, one with a form a POST', async t => {
  const server = await startRawServer(t, socket => socket.write(answer(200, '{"id":9007199254740993}')))
  const ask = createAsk(t)
  t.strictSame(await ask(question(server.url), NEVER), { kind: 'response', status: 200, body: { id: 9007199254740993n } })
  await ask({ ...question(server.url), form: new URLSearchParams({ a: 'ä b' }) }, NEVER)
  t.match(server.requests[0], /^GET \/method\?x=1 HTTP\/1\.1\r\n.*user-agent: imconnector-relay\/1\.2\.3\r\nauthorization: Bearer a-token/s)
  t.match(server.requests[1], /^POST \/method\?x=1 .*content-type: application\/x-www-form-urlencoded.*\r\n\r\na=%C3%A4\+b$/s)
})

t.test('what is no JSON has no body, and a redirect is not followed', async t => {
  const server = await startRawServer(t, (socket, request) => socket.write(answer(302, '<html>', { location: request.includes('x=1') ? '/elsewhere' : '/' })))
  t.strictSame(await createAsk(t)(question(server.url), NEVER), { kind: 'response', status: 302, body: null })
  t.equal(server.requests.length, 1)
})

t.test('a failure is a code, and tells neither address nor token', async t => {
  const silent = await startRawServer(t, () => {})
  const cut = await startRawServer(t, socket => socket.destroy())
  const endless = await startRawServer(t, socket => socket.write(answer(200, `"${'x'.repeat(1024 * 1024)}"`)))
  const failures = [
    [await createAsk(t, 50)(question(silent.url), NEVER), 'RESPONSE_TIMEOUT'],
    [await createAsk(t)(question(cut.url), NEVER), 'UND_ERR_SOCKET'],
    [await createAsk(t)(question(endless.url), NEVER), 'UND_ERR_RES_EXCEEDED_MAX_SIZE'],
    [await createAsk(t)(question(silent.url), AbortSignal.abort()), 'ABORTED'],
    [await createAsk(t)(question('http://127.0.0.1:1'), NEVER), 'ECONNREFUSED'],
  ] as const
  for (const [failure, code] of failures) t.strictSame(failure, { kind: 'failed', code })
})

t.test('a question that is cut off ends at once', async t => {
  const abort = new AbortController()
  const silent = await startRawServer(t, () => abort.abort())
  t.strictSame(await createAsk(t)(question(silent.url), abort.signal), { kind: 'failed', code: 'ABORTED' })
})
