import { once } from 'node:events'
import { join } from 'node:path'
import t from 'tap'
import { startRelayProcess } from '../../demo/processes.ts'
import { eventually } from '../portal.ts'
import { startConnector } from './connector.ts'

const SECRET = 'telegram-secret_of_the_Tests-1234'

t.test('SIGTERM lets a request to the connector end, and its messenger get the answer', async t => {
  const open: Array<() => void> = []
  const connector = await startConnector(t, response => { open.push(() => response.end('just in time')) })
  const channel = { id: 'tg', messenger: 'telegram', secrets: [SECRET], upstream: connector.url, upstreamPrivate: ['127.0.0.1'] }
  const folder = t.testdir({ 'channels.json': JSON.stringify({ channels: [channel] }) })
  const relay = await startRelayProcess({
    BITRIX24_PORTAL_URL: 'http://127.0.0.1:9',
    BITRIX24_CONNECTOR: 'relay_demo',
    BITRIX24_LINE: '1',
    CHANNELS_FILE: join(folder, 'channels.json'),
    DATABASE_URL: `file:${join(folder, 'relay.db')}`,
  })
  t.teardown(() => relay.stop('SIGKILL'))
  const send = async () => await fetch(`${relay.url}/webhooks/tg`, {
    method: 'POST', headers: { 'content-type': 'application/json', 'x-telegram-bot-api-secret-token': SECRET }, body: '{"update_id":1}',
  })

  const answer = send()
  await eventually(async () => open.length, count => count === 1)
  const exited = once(relay.child, 'exit')
  relay.child.kill('SIGTERM')
  await eventually(async () => (await fetch(`${relay.url}/readyz`)).status, status => status === 503)
  t.equal((await send()).status, 503, 'nothing new is taken')
  for (const end of open) end()
  t.equal(await (await answer).text(), 'just in time')
  t.strictSame(await exited, [0, null])
  t.equal(connector.received.length, 1)
})
