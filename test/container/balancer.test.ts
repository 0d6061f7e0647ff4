import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { freePort, sandboxEnv, startRelayProcess, type Running } from '../../demo/processes.ts'
import { signStandardWebhook } from '../../src/signatures/standard-webhooks.ts'
import { KEY, SECRET } from '../channel.ts'
import { startConnector } from '../forward/connector.ts'
import { eventually, startPortal } from '../portal.ts'

const noNginx = spawnSync('nginx', ['-v']).status === 0 ? false : 'this machine has no nginx'

/** docker/balancer.nginx.conf with the addresses of this machine. */
async function startBalancer (t: Test, folder: string, relays: readonly Running[]): Promise<string> {
  const port = await freePort()
  const configuration = readFileSync(join(import.meta.dirname, '../../docker/balancer.nginx.conf'), 'utf8')
    .replaceAll('/tmp/', `${folder}/`)
    .replace(/^\s*resolver .*$/m, '')
    .replace(/server relay:3000 resolve (.*);/, (_, options: string) => relays.map(relay => `server 127.0.0.1:${relay.port} ${options};`).join(' '))
    .replace('listen 3000;', `listen 127.0.0.1:${port};`)
  writeFileSync(join(folder, 'nginx.conf'), configuration)
  const nginx = spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf'), '-g', 'daemon off; user root;'], { stdio: 'ignore' })
  t.teardown(async () => {
    nginx.kill('SIGTERM')
    if (nginx.exitCode === null) await once(nginx, 'exit')
  })
  const url = `http://127.0.0.1:${port}`
  await eventually(async () => await fetch(`${url}/livez`).then(({ ok }) => ok, () => false), ok => ok)
  return url
}

t.test('the balancer', { skip: noNginx }, async t => {
  const portal = await startPortal(t)
  const connector = await startConnector(t, response => { response.writeHead(503).end('the connector is busy') })
  const channel = { id: 'front', messenger: 'generic', secrets: [SECRET], upstream: connector.url, upstreamPrivate: ['127.0.0.1'] }
  const folder = t.testdir({ 'channels.json': JSON.stringify({ channels: [channel] }) })
  const start = async (name: string): Promise<Running> => {
    const relay = await startRelayProcess({ ...sandboxEnv(portal.url), WEBHOOK_SECRET: SECRET, CHANNELS_FILE: join(folder, 'channels.json'), DATABASE_URL: `file:${join(folder, name)}` })
    t.teardown(() => relay.stop('SIGKILL'))
    return relay
  }
  // Each has a database of its own here: which relay takes a webhook does not depend on it.
  const relays = [await start('a.db'), await start('b.db'), await start('c.db')] as const
  const url = await startBalancer(t, folder, relays)
  const post = async (channel: string, type: string): Promise<Response> => {
    const body = JSON.stringify({ type, timestamp: Date.now(), data: { user: { id: '1', name: 'Anna' }, message: { id: '1', text: 'x' }, chat: { id: 'c' } } })
    return await fetch(`${url}/webhooks/${channel}`, { method: 'POST', headers: { 'content-type': 'application/json', ...signStandardWebhook(KEY, body, Date.now()) }, body })
  }

  await t.test('passes on what a connector has answered, and repeats nothing', async t => {
    for (const status of [502, 503]) {
      connector.respondWith(response => { response.writeHead(status).end('the connector is busy') })
      const before = connector.received.length
      const answer = await post('front', 'message.created')
      t.strictSame([answer.status, await answer.text()], [status, 'the connector is busy'])
      t.equal(connector.received.length, before + 1)
    }
  })

  await t.test('offers the webhook of a relay that is gone to another one', async t => {
    await relays[0].stop('SIGKILL')
    const statuses = await Promise.all(Array.from({ length: 12 }, async () => (await post('default', 'message.edited')).status))
    t.strictSame([...new Set(statuses)], [202])
  })
})
