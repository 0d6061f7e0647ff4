import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { checkHealth } from '../../docker/healthcheck.ts'

const script = join(import.meta.dirname, '../../docker/healthcheck.ts')

t.test('healthy is what answers /livez with a 2xx, at the port of the environment', async t => {
  const PORT = await listen(t, (request, response) => { response.writeHead(request.url === '/livez' ? 200 : 404).end('{}') })
  for (const HOST of [undefined, '', '0.0.0.0', '127.0.0.1', 'localhost']) t.equal(await checkHealth({ HOST, PORT }), 0, `HOST ${HOST}`)
})

const hasIPv6 = Object.values(networkInterfaces()).flat().some(address => address?.address === '::1')

t.test('a server on all addresses of version 6 is asked there', { skip: hasIPv6 ? false : 'this machine has no ::1' }, async t => {
  const PORT = await listen(t, (_request, response) => { response.end() }, '::1')
  t.equal(await checkHealth({ HOST: '::', PORT }), 0)
})

t.test('another path can be asked', async t => {
  const PORT = await listen(t, (request, response) => { response.writeHead(request.url === '/sandbox/faults' ? 200 : 404).end() })
  t.equal(await checkHealth({ PORT }, '/sandbox/faults'), 0)
})

t.test('unhealthy', async t => {
  t.capture(console, 'error', () => {})
  t.test('is an error', async t => {
    const PORT = await listen(t, (_request, response) => { response.writeHead(503).end() })
    t.equal(await checkHealth({ PORT }), 1)
  })
  t.test('is a redirect, which may lead to another server', async t => {
    const PORT = await listen(t, (request, response) => {
      if (request.url === '/livez') response.writeHead(302, { location: '/elsewhere' })
      response.end()
    })
    t.equal(await checkHealth({ PORT }), 1)
  })
  t.test('is no answer within Docker\'s time-out of three seconds', async t => {
    const PORT = await listen(t, () => {})
    const started = performance.now()
    t.equal(await checkHealth({ PORT }), 1)
    t.ok(performance.now() - started < 3000)
  })
})

t.test('as the command of a container', async t => {
  const run = promisify(execFile)
  const PORT = await listen(t, (_request, response) => { response.end() })
  await t.resolves(run(process.execPath, [script], { env: { PORT } }), 'exits 0 when healthy')
  await t.rejects(run(process.execPath, [script], { env: { PORT: '1' } }), { code: 1, stderr: /^\/livez at 127\.0\.0\.1 port 1: .*ECONNREFUSED/ }, 'exits 1 and says why when not')
})

async function listen (t: Test, listener: RequestListener, host = '127.0.0.1'): Promise<string> {
  const server = createServer(listener).listen(0, host)
  await once(server, 'listening')
  t.teardown(() => { server.closeAllConnections(); server.close() })
  return String((server.address() as AddressInfo).port)
}
