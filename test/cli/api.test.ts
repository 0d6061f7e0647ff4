import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { createLog } from '../../src/base/log.ts'
import { askApi } from '../../src/cli/api.ts'
import { send } from '../../src/cli/send.ts'
import { freePort } from '../../demo/processes.ts'
import { KEY } from '../channel.ts'
import { CERTIFICATE, KEY as CERTIFICATE_KEY } from '../forward/certificate.ts'
import { buildRelay } from '../relay.ts'

const ADMIN_TOKEN = 'an-admin-token-of-the-test'

/** A server that is not the relay. */
async function serve (t: Test, answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close().closeAllConnections() })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const page = (status: number, headers = {}): RequestListener => (_request, response) => { response.writeHead(status, { 'content-type': 'text/html', ...headers }).end('<h1>Sign in</h1>') }

const failure = async (asked: Promise<unknown>): Promise<string> => await asked.then(() => 'no failure', (error: Error) => error.message)

const ask = async (url: string, request?: Parameters<typeof askApi>[2]) => await failure(askApi({ url, token: ADMIN_TOKEN }, '/api/status', request))

t.test('without a relay the remedy is named, for webhooks too', async t => {
  const url = `http://127.0.0.1:${await freePort()}`
  const words = `${url} gives no answer (ECONNREFUSED): is the relay running? RELAY_URL or --url names its address`
  t.equal(await ask(url), words)
  t.equal(await failure(send({ url, channel: 'default', key: KEY, text: '{}', now: 0 })), words)
  t.match(await ask('http://127.0.0.1:9'), /gives no answer \(bad port\): is the relay running/)
  t.match(await ask('localhost:3000'), /^localhost:3000 is no address such as http:\/\/127\.0\.0\.1:3000: correct RELAY_URL or --url$/)
  t.match(await ask('relay'), /^relay is no address such as/)
})

t.test('a relay that is silent may have done what it was asked', async t => {
  const url = await serve(t, () => {})
  t.equal(await ask(url, { timeoutMs: 50 }), `${url} has not answered within 0.05 s: its log says whether it works, and RELAY_URL or --url names its address`)
  t.match(await ask(url, { timeoutMs: 50, method: 'POST' }), /; what was asked may be done all the same$/)
})

t.test('an answer that breaks off is no answer', async t => {
  const url = await serve(t, (_request, response) => { response.writeHead(200, { 'content-length': 9 }).write('{', () => { response.destroy() }) })
  t.match(await ask(url), /gives no answer \(.+\): is the relay running/)
})

t.test('https is for a proxy whose certificate is trusted', async t => {
  const url = (await serve(t, page(200))).replace('http:', 'https:')
  t.equal(await ask(url), `${url} does not speak https (ERR_SSL_WRONG_VERSION_NUMBER): RELAY_URL or --url begins with http:// for the relay itself`)

  const server = createHttpsServer({ cert: CERTIFICATE, key: CERTIFICATE_KEY }, page(200)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close().closeAllConnections() })
  const secure = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  t.equal(await ask(secure), `the certificate of ${secure} is not trusted (DEPTH_ZERO_SELF_SIGNED_CERT): correct RELAY_URL or --url, or set NODE_EXTRA_CA_CERTS to the file of a private authority`)
  t.match(await ask(secure.replace('https:', 'http:')), /gives no answer/)
})

t.test('what is not the relay is told apart', async t => {
  for (const status of [200, 403, 502]) {
    const url = await serve(t, page(status))
    t.equal(await ask(url), `${url} answered ${status}, and not as the relay: a proxy or another program answers there. Is the relay running, and does RELAY_URL or --url name its address?`)
  }
  const moved = await serve(t, page(301, { location: 'https://relay.example.com/api/status' }))
  t.equal(await ask(moved), `${moved} answered 301 and leads to https://relay.example.com/api/status: set RELAY_URL or --url to the relay's own address`)
})

t.test('a relay without ADMIN_TOKEN is told apart', async t => {
  const { app } = await buildRelay(t, { dependencies: { log: createLog('silent') } })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  t.equal(await ask(url), `${url} answered 404: the relay has no API, because its ADMIN_TOKEN is not set: set it and restart the relay`)
})

t.test('the ADMIN_TOKEN must be that of the relay', async t => {
  const { app } = await buildRelay(t, { env: { ADMIN_TOKEN }, dependencies: { log: createLog('silent') } })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  t.equal(await failure(askApi({ url, token: 'wrong' }, '/api/status')), `${url} answered 401: ADMIN_TOKEN is not that of the relay: set it to the same value`)
  t.match(await failure(askApi({ url, token: ADMIN_TOKEN }, '/api/edits/unknown')), /answered 404: no such edit/)
})
